"""Applying changes: the one order of steps for every engine. The session does the writing, this decides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from recon_cli.core.canonical import Value, encode
from recon_cli.core.errors import DataError
from recon_cli.core.plan import Change, ChangeKind
from recon_cli.core.record import EMPTY, Fingerprint, Key, Record
from recon_cli.core.schema import Column, Schema, normal
from recon_cli.stores import refusals
from recon_cli.stores.base import Undo
from recon_cli.stores.session import Kind, Relation, Row, RowRefusedError, Session

_BATCH = 512


def scan(session: Session, relation: Relation, pick: Callable[[Row], None] | None = None) -> Fingerprint:
    """The fingerprint of a table, each row shown to `pick` on the way."""
    total, digests = EMPTY, list[str]()
    for row in session.scan(relation):
        digests.append(Record(relation.name, row.values).digest())
        if pick:
            pick(row)
        if len(digests) >= _BATCH:
            total, digests = total.plus(*digests), []
    return total.plus(*digests)


def apply(
    session: Session,
    changes: Sequence[Change],
    schemas: Mapping[str, Schema],
    base: Mapping[str, Fingerprint],
    prepared: Callable[[Undo], None],
    *,
    marks: Mapping[str, int | None] | None = None,
) -> Undo:
    """Apply all changes and commit, or raise; the caller rolls back. `marks` join the undo's counters."""
    return _Apply(session, changes, schemas, base).run(prepared, marks or {})


class _Apply:
    def __init__(
        self,
        session: Session,
        changes: Sequence[Change],
        schemas: Mapping[str, Schema],
        base: Mapping[str, Fingerprint],
    ) -> None:
        self.session, self.schemas, self.base = session, schemas, base
        self.changes = _ordered(changes, schemas)
        self.touched = tuple(dict.fromkeys([*(change.table for change in self.changes), *base]))
        self.before: dict[str, Fingerprint] = {}
        self.promised: dict[str, Fingerprint] = {}
        self.found: dict[str, dict[Key, list[Row]]] = {}
        self.relations: dict[str, Relation] = {}
        self.done: list[Change] = []

    def run(self, prepared: Callable[[Undo], None], marks: Mapping[str, int | None]) -> Undo:
        created = self._missing()
        self.session.begin([table for table in self.touched if table not in created], list(created.values()))
        counters = self.session.counters([table for table in self.touched if table not in created])
        for table in self.touched:
            self._look(table)
        for change in self.changes:
            self._write(change)
        for table in {change.table: None for change in self.changes}:
            self.session.advance(self.relations[table])
        undo = Undo(tuple(self.done), tuple(created), {**counters, **marks}, self.before, self._verified())
        prepared(undo)
        self.session.commit()
        return undo

    def _missing(self) -> dict[str, Schema]:
        """Tables to create: those with changes and those they point at, parents first."""
        wanted = {change.table for change in self.changes}
        for table in reversed(_parents_first(self.schemas)):
            if table in wanted:
                wanted |= {key.table for key in self.schemas[table].foreign_keys if key.table in self.schemas}
        names = [name for name in _parents_first(self.schemas) if name in wanted]
        return {name: self.schemas[name] for name in names if self.session.relation(name) is None}

    def _look(self, table: str) -> None:
        """Read the table once: its fingerprint against the base, and the rows that are to change."""
        relation = self.session.relation(table)
        mine = [change for change in self.changes if change.table == table]
        self._check_columns(relation, mine)
        rows: dict[Key, list[Row]] = {self._key(change): [] for change in mine}
        self.found[table] = rows
        print_ = EMPTY
        if relation:
            self.relations[table] = relation
            print_ = scan(self.session, relation, _picker(rows, self.schemas.get(table)))
        self.before[table] = self.promised[table] = print_
        if table in self.base and print_ != self.base[table]:
            raise refusals.moved_on(table, f"it had {self.base[table].rows} rows, now {print_.rows} or other content")

    def _key(self, change: Change) -> Key:
        schema = self.schemas[change.table]
        return tuple(normal(schema.column(name).type, part) for name, part in zip(schema.key, change.key, strict=True))

    def _check_columns(self, relation: Relation | None, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.table not in self.schemas:
                raise refusals.no_schema(change.table)
            if relation is None:
                raise refusals.moved_on(change.table, "the table does not exist")
            for name in [*self.schemas[change.table].key, *(change.after or {})]:
                if name not in relation.by_name:
                    raise refusals.no_column(change.table, name, relation.names)

    def _write(self, change: Change) -> None:
        old = self._old(change)
        relation, schema = self.relations[change.table], self.schemas[change.table]
        new: Row | None = None
        if change.kind is ChangeKind.DELETE:
            assert old is not None  # `_old` raises otherwise
            self._remove(change, old)
        else:
            literals = self._literals(change, relation, schema)
            new = self._put(change, old, literals)
            _check_held(relation, schema, change.key, {**(old.values if old else {}), **literals}, new.values)
        self._note(change, old, new)

    def _put(self, change: Change, old: Row | None, literals: Mapping[str, Value]) -> Row:
        relation = self.relations[change.table]
        try:
            return self.session.update(relation, old, literals) if old else self.session.insert(relation, literals)
        except RowRefusedError as exc:
            raise refusals.row_error(change.table, change.key, exc) from exc

    def _remove(self, change: Change, old: Row) -> None:
        try:
            self.session.delete(self.relations[change.table], old)
        except RowRefusedError as exc:
            raise refusals.row_error(change.table, change.key, exc) from exc

    def _old(self, change: Change) -> Row | None:
        """The row to change; it must be there once and say what the plan says it says."""
        key = self._key(change)
        rows = self.found[change.table][key]
        if change.kind is ChangeKind.CREATE:
            if rows and None not in key:
                raise refusals.moved_on(change.table, f"row {refusals.shown(key)} exists already")
            return None
        if len(rows) != 1:
            count = "does not exist" if not rows else f"exists {len(rows)} times"
            raise refusals.moved_on(change.table, f"row {refusals.shown(key)} {count}")
        schema = self.schemas[change.table]
        for name, value in (change.before or {}).items():
            if not schema.column(name).same(rows[0].values.get(name), value):
                raise refusals.moved_on(change.table, f"`{name}` of row {refusals.shown(key)} has another value")
        return rows[0]

    def _literals(self, change: Change, relation: Relation, schema: Schema) -> dict[str, Value]:
        return {
            name: self.session.literal(relation, schema, name, value) for name, value in (change.after or {}).items()
        }

    def _note(self, change: Change, old: Row | None, new: Row | None) -> None:
        """Keep what undo needs and move the promised fingerprint along."""
        relation, table, key = self.relations[change.table], change.table, self._key(change)
        rows = self.found[table][key]
        if old:
            self.promised[table] = self.promised[table].minus(Record(table, old.values).digest())
            rows.remove(old)
        if new:
            self.promised[table] = self.promised[table].plus(Record(table, new.values).digest())
            rows.append(new)
        written = new or old
        assert written is not None
        self.done.append(
            replace(
                change,
                key=self.schemas[table].key_of(Record(table, written.values)),
                after=dict(new.values) if new else None,
                before=self.session.old_row(relation, old) if old else None,
            )
        )

    def _verified(self) -> dict[str, Fingerprint]:
        """The fingerprints after writing; anything but what was promised is somebody else's doing."""
        after = {
            table: scan(self.session, self.relations[table]) if table in self.relations else EMPTY
            for table in self.touched
        }
        for table, print_ in after.items():
            if print_ != self.promised[table]:
                raise DataError(
                    f"`{table}` holds something else than was written",
                    cause="a trigger or rule of the target changed other rows or columns; nothing was written",
                    hint="switch the trigger off while this plan is applied",
                )
        return after


def _picker(rows: dict[Key, list[Row]], schema: Schema | None) -> Callable[[Row], None] | None:
    if not rows or schema is None:
        return None

    def pick(row: Row) -> None:
        key = schema.key_of(Record(schema.table, row.values))
        if key in rows:
            rows[key].append(row)

    return pick


def _check_held(
    relation: Relation, schema: Schema, key: Key, literals: Mapping[str, Value], got: Mapping[str, Value]
) -> None:
    for name, value in literals.items():
        if relation.by_name[name].kind is not Kind.OTHER and not _held(schema.column(name), value, got.get(name)):
            raise refusals.cannot_hold(schema.table, key, name, refusals.differs(value, got.get(name)))


def _held(column: Column, value: Value, got: Value) -> bool:
    if encode(value) == encode(got) and type(value) is type(got):
        return True
    return column.same(value, got) and (value is None) == (got is None)


def _ordered(changes: Sequence[Change], schemas: Mapping[str, Schema]) -> list[Change]:
    """Deletes with children first, then the rest with parents first; within a table the order given."""
    ranks = {table: rank for rank, table in enumerate(_parents_first(schemas))}

    def rank(change: Change) -> tuple[bool, int]:
        place = ranks.get(change.table, len(ranks))
        return (True, place) if change.kind is not ChangeKind.DELETE else (False, -place)

    return sorted(changes, key=rank)


def _parents_first(schemas: Mapping[str, Schema]) -> list[str]:
    """Table names so that a table stands after those it points at; a cycle keeps the order given."""
    order: dict[str, None] = {}

    def visit(table: str, above: Collection[str]) -> None:
        if table in order or table in above or table not in schemas:
            return
        for key in schemas[table].foreign_keys:
            visit(key.table, {*above, table})
        order[table] = None

    for table in schemas:
        visit(table, ())
    return list(order)
