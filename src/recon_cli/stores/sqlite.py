"""SQLite: cells keep their storage class, one writer at a time, everything including DDL in one transaction."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID

from sqlalchemy import Connection, Engine, NullPool, create_engine

from recon_cli.core.canonical import Value
from recon_cli.core.errors import DataError, LockedError, NotFoundError, ReconError, UsageError
from recon_cli.core.place import Place
from recon_cli.core.schema import ColumnType, Schema
from recon_cli.stores import ddl
from recon_cli.stores.base import Undo
from recon_cli.stores.literal import as_text
from recon_cli.stores.session import Field, Kind, Relation, Row, RowRefusedError
from recon_cli.stores.sql import SqlStore
from recon_cli.stores.sqlsession import SqlSession

NEW_FILE = "(file)"
"""In `Undo.counters`: the database file itself was created by `apply`."""
_SEQUENCES = "sqlite_sequence"
"""In `Undo.counters`: the table behind AUTOINCREMENT itself did not exist."""
_INT64 = 1 << 63


def open_sqlite(place: Place) -> SqlStore:
    """A store on a SQLite file: `sqlite:///relative.db`, `sqlite:////absolute.db` or a plain path."""
    return SqlStore(SqliteBackend(place))


def path_of(url: str) -> Path:
    """The file a SQLite URL means."""
    if not url.lower().startswith("sqlite:"):
        return Path(url).expanduser()
    parts = urlsplit(url)
    if parts.netloc or not parts.path.strip("/"):
        raise UsageError(
            f"{url} names no database file",
            hint="write `sqlite:///relative.db` or `sqlite:////absolute/path.db`",
        )
    return Path(unquote(parts.path[1:])).expanduser()


def decode_text(raw: bytes) -> str:
    """Text as stored; bytes that are not UTF-8 become surrogate escapes."""
    return raw.decode("utf-8", "surrogateescape")


class SqliteSession(SqlSession):
    """One connection to one file."""

    mark = "?"
    _had_sequences = True

    def relations(self) -> Sequence[str]:
        """The names of all tables but SQLite's own."""
        rows = self.run("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
        return [name for (name,) in rows if not name.lower().startswith("sqlite_")]

    def reflect(self, table: str) -> Relation | None:
        """The table by its name, upper or lower case."""
        rows = self.run("SELECT name FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE", [table])
        found = next((name for (name,) in rows), None)
        if found is None:
            return None
        raw = self.run(f"PRAGMA table_xinfo({self.quote(found)})").fetchall()
        fields = tuple(_field(row) for row in raw if row[6] != 1)
        return Relation(found, fields, self._row_number(found, fields))

    def _row_number(self, table: str, fields: Sequence[Field]) -> tuple[str, ...]:
        """The name under which the row number can be had; none in a WITHOUT ROWID table."""
        taken = {one.name.lower() for one in fields}
        for name in ("_rowid_", "rowid", "oid"):
            if name not in taken and self._has_rowid(table, name):
                return (name,)
        return ()

    def _has_rowid(self, table: str, name: str) -> bool:
        driver = self.connection.connection.driver_connection
        assert driver is not None  # open as long as the session is
        try:
            driver.execute(f"SELECT {name} FROM {self.quote(table)} LIMIT 0").close()
        except sqlite3.OperationalError as exc:
            if "no such column" in str(exc):
                return False
            raise
        return True

    def begin(self, tables: Sequence[str], create: Sequence[Schema]) -> None:  # noqa: ARG002  it locks the whole file
        """One writer for the whole file; then the missing tables."""
        self.run("BEGIN IMMEDIATE")
        self.forget()
        self._had_sequences = self._sequences()
        for schema in create:
            self.run(ddl.create_table(schema, ddl.SQLITE, self.quote, self.quote(schema.table)))

    def bind(self, field: Field | None, name: str, value: Value) -> tuple[str, Any]:  # noqa: ARG002  any cell, any class
        """The parameter; text that is no UTF-8 goes in as bytes and is called text there."""
        if isinstance(value, bool):
            return "?", int(value)
        if isinstance(value, int) and not -_INT64 <= value < _INT64:
            raise RowRefusedError([name], f"{value} does not fit 64 bits", held=False)
        if isinstance(value, str):
            return _bind_text(name, value)
        if value is None or isinstance(value, int | float | bytes):
            return "?", value
        raise RowRefusedError([name], f"SQLite has no {type(value).__name__}", held=False)

    def new_place(self, relation: Relation, named: Mapping[str, Value], last: int | None) -> tuple[Value, ...]:
        """Its row number, or its key."""
        return (last,) if relation.hidden else tuple(named.get(name) for name in relation.primary)

    def old_row(self, relation: Relation, row: Row) -> dict[str, Value]:
        """With the row number, under a name that is no column, where no column is it: a dump goes by it."""
        alias = [one for one in relation.fields if one.primary and one.declared.upper() == "INTEGER"]
        number = (
            {relation.hidden[0]: row.place[0]} if relation.hidden and not (alias and len(relation.primary) == 1) else {}
        )
        return {**super().old_row(relation, row), **number}

    def explain(
        self,
        relation: Relation,
        values: Mapping[str, Value],  # noqa: ARG002  the message says it all
        error: BaseException | None,
    ) -> RowRefusedError | None:
        """SQLite names the columns of a broken constraint in its message."""
        if isinstance(error, sqlite3.IntegrityError):
            text = str(error)
            kind, _, names = text.partition(" constraint failed: ")
            columns = [name.rpartition(".")[2] for name in names.split(", ")] if names else []
            known = [name for name in columns if name in relation.by_name]
            return RowRefusedError(known, text, unique=kind == "UNIQUE")
        if isinstance(error, OverflowError | UnicodeEncodeError):
            return RowRefusedError((), str(error))
        return None

    def literal(self, relation: Relation | None, schema: Schema, column: str, value: Value) -> Value:
        """See the module's `literal`."""
        return literal(relation, schema, column, value)

    def drop(self, tables: Sequence[str]) -> None:
        """Within the transaction like everything else."""
        for table in tables:
            self.run(f"DROP TABLE {self.quote(table)}")

    def counters(self, tables: Sequence[str]) -> dict[str, int | None]:
        """The rows of sqlite_sequence; its absence counts as a table of our making."""
        if not self._had_sequences:
            return {_SEQUENCES: None}
        rows = dict(tuple(row) for row in self.run("SELECT name, seq FROM sqlite_sequence"))
        return {table: rows.get(table) for table in tables if self._counts(table)}

    def restore(self, counters: Mapping[str, int | None]) -> None:
        """Positions back; a row that was not there goes."""
        if not self._sequences():
            return
        for table, position in counters.items():
            if table in (NEW_FILE, _SEQUENCES):
                continue
            if position is None:
                self.run("DELETE FROM sqlite_sequence WHERE name = ?", [table])
            else:
                self.run("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", [position, table])
        if _SEQUENCES in counters and not self.run("SELECT 1 FROM sqlite_sequence").fetchone():
            self._drop_sequence_table()

    def _counts(self, table: str) -> bool:
        sql = "SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE AND upper(sql) LIKE '%AUTOINCREMENT%'"
        return self.run(sql, [table]).fetchone() is not None

    def _sequences(self) -> bool:
        return self.run("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone() is not None

    def _drop_sequence_table(self) -> None:
        """SQLite never drops sqlite_sequence by itself; under another name it can be dropped, and its page is freed."""
        if self.run("SELECT 1 FROM sqlite_master WHERE upper(sql) LIKE '%AUTOINCREMENT%'").fetchone():
            return
        self.run("PRAGMA writable_schema = ON")
        self.run(
            "UPDATE sqlite_master SET name = 'recon_gone', tbl_name = 'recon_gone',"
            " sql = 'CREATE TABLE recon_gone(name,seq)' WHERE name = 'sqlite_sequence'"
        )
        self.run("PRAGMA writable_schema = RESET")
        self.run("DROP TABLE recon_gone")

    def probe(self) -> dict[str, str]:
        """Version, journal mode and encoding."""
        answers = {name: str(self.run(f"PRAGMA {name}").scalar()) for name in ("journal_mode", "encoding")}
        return {"engine": f"SQLite {sqlite3.sqlite_version}", **answers, "tables": str(len(self.relations()))}


class SqliteBackend:
    """One SQLite file."""

    def __init__(self, place: Place) -> None:
        self.path = path_of(place.url)
        self.url = place.url
        self.timeout_s = place.number("timeout_s", 30)
        self._made = False

    def absent(self) -> bool:
        """No file, or one without a byte: an empty store."""
        try:
            return self.path.stat().st_size == 0
        except FileNotFoundError:
            return True
        except OSError as exc:
            raise self.translate(exc) from exc

    def engine(self, *, create: bool) -> Engine:
        """A connection of its own for each use: the file is free between them."""
        return create_engine("sqlite://", creator=lambda: self._connect(create=create), poolclass=NullPool)

    def _connect(self, *, create: bool) -> sqlite3.Connection:
        mode = "rwc" if create else "rw"
        connection = sqlite3.connect(
            f"file:{quote(str(self.path.absolute()))}?mode={mode}",
            uri=True,
            timeout=self.timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.text_factory = decode_text
        return connection

    def session(self, connection: Connection) -> SqliteSession:
        """A session on a connection."""
        return SqliteSession(connection)

    def literal(self, relation: Relation | None, schema: Schema, column: str, value: Value) -> Value:
        """See the module's `literal`."""
        return literal(relation, schema, column, value)

    def created(self) -> Mapping[str, int | None]:
        """A mark in the undo when `apply` is about to create the file."""
        self._made = not self.path.exists()
        return {NEW_FILE: None} if self._made else {}

    def discard(self, undo: Undo | None) -> None:
        """Remove the file if we created it and no table is in it."""
        ours = self._made if undo is None else NEW_FILE in undo.counters
        if not ours or not self.path.exists():
            return
        try:
            with closing(self._connect(create=False)) as connection:
                connection.execute("BEGIN EXCLUSIVE")
                if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    self.path.unlink()
        except (sqlite3.Error, OSError) as exc:
            if undo is not None:
                raise self.translate(exc) from exc

    def close(self) -> None:
        """Nothing is held between uses."""

    def translate(self, error: BaseException) -> ReconError:
        """By SQLite's result code."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        cause = str(error)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return LockedError(
                f"{self.url} is locked by another program",
                cause=f"{cause}, still after {self.timeout_s:g} s",
                hint="stop the program that writes to it, or raise `timeout_s` of this store",
            )
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return DataError(
                f"{self.url} is not a sound SQLite database",
                cause=cause,
                hint="give it with `--also` to read what can still be read, and recover into a new file",
            )
        if code in _DENIED or isinstance(error, PermissionError):
            return self._denied(cause)
        return ReconError(f"SQLite cannot go on with {self.url}", cause=cause, hint="check the disk and the file")

    def _denied(self, cause: str) -> ReconError:
        folder = self.path.absolute().parent
        if not folder.exists():
            return NotFoundError(f"no folder {folder} for {self.url}", cause=cause, hint=f"run `mkdir -p {folder}`")
        if self.path.is_dir():
            return DataError(f"{self.url} is a folder, not a database file", cause=cause, hint="name the file in it")
        who = [str(one) for one in (folder, self.path) if one.exists() and not os.access(one, os.W_OK)]
        reason = f"permission denied: no write permission on {', '.join(who)}" if who else cause
        return ReconError(
            f"{self.url} cannot be written",
            cause=reason,
            hint=f"look at `ls -ld {folder} {self.path}`: SQLite writes to the file and to its folder",
        )


_DENIED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)


def literal(relation: Relation | None, schema: Schema, column: str, value: Value) -> Value:
    """What SQLite hands back: its storage class after the column's affinity."""
    meaning = schema.column(column).type
    field = relation.by_name.get(column) if relation else None
    declared = field.declared if field else ddl.SQLITE.types[meaning]
    return _after_affinity(declared, _plain(meaning, value))


def _plain(meaning: ColumnType, value: Value) -> Value:
    """A value as one of SQLite's five storage classes."""
    if isinstance(value, bool):
        return int(value)
    if meaning is ColumnType.BOOLEAN and isinstance(value, str):
        return {"true": 1, "false": 0}.get(value.strip().lower(), value)
    moment = isinstance(value, str) and meaning is ColumnType.TIMESTAMP
    if moment or isinstance(value, dict | list | date | time | datetime | Decimal | UUID):
        return as_text(meaning, value)
    return value


def _after_affinity(declared: str, value: Value) -> Value:
    """What comes out of a column so declared; SQLite itself is asked where it is not plain."""
    text = declared.upper()
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str) and (not _utf8(value) or any(word in text for word in ("CHAR", "CLOB", "TEXT"))):
        return value
    if isinstance(value, int) and ("INT" in text or not -_INT64 <= value < _INT64):
        return value
    with closing(sqlite3.connect(":memory:")) as engine:
        engine.execute(f"CREATE TABLE one (cell {_words(declared)})")
        engine.execute("INSERT INTO one VALUES (?)", [value])
        found: Value = engine.execute("SELECT cell FROM one").fetchone()[0]
        return found


def _words(declared: str) -> str:
    """A declared type that can stand in our own CREATE TABLE: letters, digits and spaces carry its affinity."""
    kept = "".join(sign if sign.isalnum() or sign == " " else " " for sign in declared).strip()
    return f'"{kept}"' if kept else ""


def _field(row: Sequence[Any]) -> Field:
    _, name, declared, _, _, primary, hidden = row
    return Field(name, _kind(declared), declared, primary=primary, generated=hidden > 1)


def _kind(declared: str) -> Kind:
    text = declared.upper()
    return Kind.INTEGER if "INT" in text else Kind.TEXT


def _utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bind_text(name: str, value: str) -> tuple[str, Any]:
    if _utf8(value):
        return "?", value
    try:
        return "CAST(? AS TEXT)", value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as exc:
        raise RowRefusedError([name], f"text with half a surrogate pair: {exc.reason}", held=False) from exc
