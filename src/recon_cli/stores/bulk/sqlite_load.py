"""Loading tables into a SQLite file: one transaction, or a new file that appears when it is complete.

Triggers are switched off for the connection and foreign keys are looked at once, before the commit.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import apsw

from recon_cli.core.catalog import DeclaredColumn, DeclaredIndex, DeclaredTable
from recon_cli.core.errors import DataError, LockedError
from recon_cli.core.lines import Block
from recon_cli.stores.bulk import sqlite_ddl as ddl
from recon_cli.stores.bulk import sqlite_halves as halves
from recon_cli.stores.bulk import sqlite_words as words
from recon_cli.stores.bulk.base import Halves, Incoming, Loaded, Loading, Mode, Row, TableOutcome
from recon_cli.stores.bulk.sqlite_catalog import outside_content, read_catalog
from recon_cli.stores.bulk.sqlite_links import Links
from recon_cli.stores.bulk.sqlite_merge import merge
from recon_cli.stores.bulk.sqlite_open import ask, connect, translated
from recon_cli.stores.bulk.sqlite_put import Field, Fields, Putter, Turn
from recon_cli.stores.bulk.sqlite_words import quoted
from recon_cli.stores.bulk.to_sqlite import translate

Chunk = TypeVar("Chunk", bound=Sized)

_ENCODINGS = frozenset({"UTF-8", "UTF-16le", "UTF-16be"})
_SETTINGS = ("user_version", "application_id")


def load_file(path: Path, loading: Loading, timeout_s: float) -> Loaded:
    """Load into the file at `path`; see `BulkStore.load`."""
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a database file", hint="name the file in it")
    if path.exists():
        with translated(path, timeout_s):
            return _into(path, loading, timeout_s)
    with translated(path, timeout_s), _beside(path, publish=loading.commit) as temporary:
        return _into(temporary, loading, timeout_s, fresh=True)


@contextmanager
def _beside(path: Path, *, publish: bool) -> Iterator[Path]:
    """A file beside that becomes `path` at the end; it is locked while we live, so that others know a dead one."""
    target = Path(os.path.realpath(path))
    _sweep(target)
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(6)}.recon")
    number = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield temporary
        if publish:
            os.fsync(number)
            _rename(temporary, target)
    finally:
        _remove(temporary)
        os.close(number)


def _rename(temporary: Path, target: Path) -> None:
    """Under its name, if nobody took that meanwhile; then the folder is synced."""
    try:
        os.link(temporary, target)
    except FileExistsError as exc:
        raise LockedError(f"{target} was made by another program meanwhile", hint="run again") from exc
    except OSError:  # a file system without hard links
        temporary.rename(target)
    number = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _sweep(target: Path) -> None:
    """Remove what killed loads left: files that nobody holds a lock on."""
    for left in target.parent.glob(f".{glob_escape(target.name[:200])}.*.recon"):
        with suppress(OSError):
            number = os.open(left, os.O_RDWR)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(left)
            finally:
                os.close(number)


def _remove(temporary: Path) -> None:
    """Remove a file that was being built, with the journal that a full disk may have left beside it."""
    for ending in ("-journal", "-wal", "-shm", halves.ENDING, f"{halves.ENDING}-journal", ""):
        with suppress(OSError):
            temporary.with_name(temporary.name + ending).unlink(missing_ok=True)


def glob_escape(name: str) -> str:
    """A name that a pattern takes literally."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _into(path: Path, loading: Loading, timeout_s: float, *, fresh: bool = False) -> Loaded:
    db = connect(path, write=True, timeout_s=timeout_s)
    try:
        _prepare(db, loading, fresh=fresh)
        db.execute("BEGIN IMMEDIATE")
        try:
            loaded = _Load(db, loading, fresh=fresh).run()
            loading.prepared(loaded)
        except BaseException:
            _rollback(db)
            raise
        if loading.commit:
            db.execute("COMMIT")
        else:
            _rollback(db)
        return loaded
    finally:
        db.close(force=True)


def _rollback(db: apsw.Connection) -> None:
    """A file without a journal cannot go back, but it is thrown away anyhow."""
    with suppress(apsw.Error):
        db.execute("ROLLBACK")


def _prepare(db: apsw.Connection, loading: Loading, *, fresh: bool) -> None:
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    db.pragma("foreign_keys", value=False)
    db.pragma("temp_store", value=1)
    if fresh:
        halves.prepare(db, _encoding(loading))
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)  # last: it would not let the journal be switched off


def _encoding(loading: Loading) -> str | None:
    encoding = loading.source.settings.get("encoding")
    return str(encoding) if loading.source.engine == "sqlite" and encoding in _ENCODINGS else None


@dataclass(frozen=True, slots=True)
class _Task:
    """One table to load: as SQLite is to have it, and as it is there, if it is."""

    incoming: Incoming
    wanted: DeclaredTable
    there: DeclaredTable | None
    turn: Turn | None
    same_engine: bool

    def chunks(self) -> Iterator[list[Row]]:
        """The rows, with the cells of another engine turned."""
        for rows in self.incoming.rows():
            yield self.turn(rows) if self.turn is not None and rows else rows


@dataclass(slots=True)
class _Load:
    """One load, inside its transaction."""

    db: apsw.Connection
    loading: Loading
    fresh: bool
    notes: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)

    def run(self) -> Loaded:
        """Create, fill, index, create objects, look at foreign keys."""
        have = read_catalog(self.db)
        tasks = [self._task(one, {table.name.lower(): table for table in have.tables}) for one in self.loading.tables]
        names = {name.lower() for (name,) in ask(self.db, "SELECT name FROM sqlite_schema")}
        new = [task for task in tasks if task.there is None]
        objects = self._objects(names, new)
        indexes = list(self._indexes(tasks, names))
        if not self.loading.trusted:
            never = ddl.LATER if self.loading.passing else frozenset[str]()
            ddl.refuse([one for one in (*self._tables(new), *indexes, *objects) if one.kind not in never])
        links = Links(self.db, self.loading, [] if self.fresh else None)
        search = [one for one in objects if one.kind == "virtual table"]
        self._create(self._tables(new))
        done = {task.wanted.name: self._fill(task) for task in tasks if "virtual" not in task.wanted.options}
        self._create([*indexes, *(one for one in objects if one not in search)])
        # Last: what FTS holds back is written during any later statement, and no authorizer would let it.
        self._create(search)
        done |= {task.wanted.name: self._fill(task) for task in tasks if "virtual" in task.wanted.options}
        outcomes = tuple(done[task.wanted.name] for task in tasks)
        self._rebuild(objects)
        for task in tasks:
            self._count_on(task)
        self.notes += links.look({task.wanted.name.lower() for task in tasks if self._whole(task)})
        self.created += [str(one) for one in (*indexes, *objects)]
        return Loaded(outcomes, tuple(self.created), tuple(self.notes), self._settings(empty=not have.tables))

    def _create(self, statements: list[ddl.Statement]) -> None:
        for statement in statements:
            ddl.create(self.db, statement)

    def _task(self, incoming: Incoming, have: Mapping[str, DeclaredTable]) -> _Task:
        there = have.get(incoming.declared.name.lower())
        if self.loading.source.engine == "sqlite":
            return _Task(incoming, incoming.declared, there, None, same_engine=True)
        translated_table = translate(incoming.declared)
        if there is None:
            self.notes += translated_table.notes
        return _Task(incoming, translated_table.declared, there, translated_table.turn, same_engine=False)

    def _whole(self, task: _Task) -> bool:
        """Whether the table's content is the snapshot's, and nothing else."""
        return task.there is None or self.loading.mode is Mode.REPLACE

    def _tables(self, new: list[_Task]) -> list[ddl.Statement]:
        return [ddl.of_table(task.wanted) for task in new if "virtual" not in task.wanted.options]

    def _indexes(self, tasks: list[_Task], names: set[str]) -> Iterator[ddl.Statement]:
        """Those of new tables; of tables that are there only in a whole import. A taken name is lengthened."""
        for task in tasks:
            if task.there is not None and not self.loading.objects:
                continue
            for index in task.wanted.indexes:
                if index.constraint is not None or _has_index(task.there, index):
                    continue
                named = index if index.name.lower() not in names else self._renamed(task, index)
                names.add(named.name.lower())
                yield ddl.of_index(named, task.there.name if task.there else task.wanted.name)

    def _renamed(self, task: _Task, index: DeclaredIndex) -> DeclaredIndex:
        if index.sql is not None and task.same_engine:
            raise DataError(f"an index {index.name} is there, of another table", hint="rename or drop it first")
        return replace(index, name=f"{task.wanted.name}_{index.name}")

    def _objects(self, names: set[str], new: list[_Task]) -> list[ddl.Statement]:
        """Objects that are missing: all of them, or only the virtual tables whose rows are to be loaded."""
        source = self.loading.source
        if source.engine != "sqlite":
            if self.loading.objects:
                self.notes += [f"{one.kind} {one.name} is not carried to another engine" for one in source.objects]
            return []
        wanted = {task.wanted.name for task in new if "virtual" in task.wanted.options}
        return [
            ddl.of_object(one)
            for one in source.objects
            if one.name.lower() not in names and (self.loading.objects or one.name in wanted)
        ]

    def _fill(self, task: _Task) -> TableOutcome:
        fields = self._fields(task)
        if task.there is not None and ask(self.db, f"SELECT 1 FROM main.{quoted(fields.table)} LIMIT 1"):
            return merge(self.db, fields, lambda: self._watched(task), self.loading.mode)
        two = task.incoming.halves
        if two and self.fresh and task.same_engine and halves.divisible(task.wanted):
            rows_put = self._in_halves(task, two, fields)
        else:
            blocks = task.incoming.blocks if task.same_engine else None
            rows_put = self._put(fields, self._told(blocks()) if blocks else self._watched(task))
        return TableOutcome(fields.table, created_table=task.there is None, inserted=rows_put)

    def _in_halves(self, task: _Task, two: Halves, fields: Fields) -> int:
        """Put one half here while another process puts the other one aside."""
        half = halves.Half.of(Path(self.db.filename), _encoding(self.loading), task.wanted, fields)
        waiting = two.second(half)
        first = self._put(fields, self._told(two.first()))
        second = waiting()
        half.move(self.db, second)
        return first + second

    def _put(self, fields: Fields, chunks: Iterable[list[Row] | Block]) -> int:
        putter = Putter(self.db, fields, f"main.{quoted(fields.table)}", [quoted(one.name) for one in fields.columns])
        rows_put = 0
        for chunk in chunks:
            putter.put(chunk)
            rows_put += len(chunk)
        return rows_put

    def _watched(self, task: _Task) -> Iterator[list[Row]]:
        return self._told(task.chunks())

    def _told(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            yield chunk
            self.loading.progress(len(chunk))

    def _fields(self, task: _Task) -> Fields:
        """Where each cell of a row goes, by name."""
        there = task.there or task.wanted
        named = {column.name.lower(): column for column in there.stored}
        stored = task.wanted.stored
        lacking = [column.name for column in stored if column.name.lower() not in named]
        if lacking:
            raise DataError(
                f"{there.name} has no column {', '.join(lacking)}",
                cause="the snapshot has it",
                hint=f"add it with ALTER TABLE, or import into a database without {there.name}",
            )
        given = {column.name.lower() for column in stored}
        empty = [
            column.name for column in there.stored if _must_be_given(column, there) and column.name.lower() not in given
        ]
        if empty:
            raise DataError(
                f"{there.name} must have {', '.join(empty)}",
                cause="it is NOT NULL without a default, and the snapshot does not have it",
                hint="give the column a default, or take it out",
            )
        columns = tuple(
            _field(there, named[one.name.lower()], one.declared if task.same_engine else None) for one in stored
        )
        key = _key_places(there, task.wanted)
        return Fields(there.name, columns, key, any(named[stored[place].name.lower()].nullable for place in key))

    def _rebuild(self, objects: list[ddl.Statement]) -> None:
        """Full-text indexes whose content lies in a table are built from it; one without content stays empty."""
        for one in objects:
            content = outside_content(words.module(one.sql)[1]) if one.kind == "virtual table" else None
            if content is None:
                continue
            if not content:
                self.notes.append(f"{one.name}: a full-text index without content, which cannot be carried, is empty")
                continue
            name = quoted(one.name)
            try:
                self.db.execute(f"INSERT INTO {name}({name}) VALUES ('rebuild')")
            except apsw.Error as exc:
                self.notes.append(f"{one.name}: could not be built from {content}: {exc}")

    def _count_on(self, task: _Task) -> None:
        """AUTOINCREMENT goes on where the source's would."""
        name = task.there.name if task.there else task.wanted.name
        if not self.db.table_exists("main", "sqlite_sequence"):
            return
        counted = any(column.numbered for column in (task.there or task.wanted).stored)
        if not counted:
            return
        counter = task.wanted.counter
        row = ask(self.db, "SELECT seq FROM sqlite_sequence WHERE name = ?", (name,))
        if task.there is not None and row and isinstance(row[0][0], int):
            counter = max(counter or 0, row[0][0])
        if task.there is None or counter is not None:
            self.db.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        if counter is not None:
            self.db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, counter))

    def _settings(self, *, empty: bool) -> Mapping[str, str | int]:
        """Versions that the program wrote into the file go with a whole import into an empty one."""
        settings = self.loading.source.settings
        if not empty or not self.loading.objects or self.loading.source.engine != "sqlite":
            return {}
        kept = {name: settings[name] for name in _SETTINGS if isinstance(settings.get(name), int)}
        for name, value in kept.items():
            self.db.pragma(name, value=value)
        return kept


def _field(table: DeclaredTable, column: DeclaredColumn, before: str | None) -> Field:
    """ANY means two things: whatever it is in a STRICT table, a number if possible in any other."""
    anything = "strict" in table.options and column.declared.upper() == "ANY"
    return Field(column.name, "BLOB", "BLOB") if anything else Field(column.name, column.declared, before)


def _must_be_given(column: DeclaredColumn, table: DeclaredTable) -> bool:
    number = table.key == (column.name,) and column.declared.upper() == "INTEGER"
    return not column.nullable and column.default is None and not number


def _has_index(there: DeclaredTable | None, index: DeclaredIndex) -> bool:
    return there is not None and any(ddl.same(one.name, index.name) for one in there.indexes)


def _key_places(there: DeclaredTable, wanted: DeclaredTable) -> tuple[int, ...]:
    """Where the key of the table that is there stands in a row; the snapshot's own key, if that is unique there."""
    places = {column.name.lower(): place for place, column in enumerate(wanted.stored)}
    for key in (there.key, wanted.key if _unique(there, wanted.key) else ()):
        if key and all(name.lower() in places for name in key):
            return tuple(places[name.lower()] for name in key)
    if there.key:
        raise DataError(
            f"{there.name} is keyed by {', '.join(there.key)}, which the snapshot does not have",
            hint="import into a table with the snapshot's key",
        )
    return ()


def _unique(there: DeclaredTable, key: tuple[str, ...]) -> bool:
    lower = {name.lower() for name in key}
    return bool(key) and any(
        index.unique and index.where is None and {part.lower() for part in index.parts} == lower
        for index in there.indexes
    )
