"""Taking an apply back: every row it wrote must still be what it wrote, then all of it goes back, or nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from recon_cli.core.canonical import Value, digest, dumps, encode
from recon_cli.core.errors import GuardError
from recon_cli.core.plan import Change
from recon_cli.core.record import EMPTY, Fingerprint, Key
from recon_cli.stores import refusals
from recon_cli.stores.apply import scan
from recon_cli.stores.base import Undo
from recon_cli.stores.session import Relation, Row, RowRefusedError, Session


def revert(session: Session, undo: Undo) -> None:
    """Put everything back and commit, or raise; the caller rolls back."""
    _Revert(session, undo).run()


class _Revert:
    def __init__(self, session: Session, undo: Undo) -> None:
        self.session, self.undo = session, undo
        self.tables = tuple(dict.fromkeys([*undo.base, *undo.created_tables]))
        self.relations: dict[str, Relation] = {}
        self.now: dict[str, Fingerprint] = {}
        self.found: dict[str, dict[str, list[Row]]] = {}
        self.seen: dict[str, set[Key]] = {}

    def run(self) -> None:
        existing = [table for table in self.tables if self.session.relation(table)]
        self.session.begin(existing, [])
        for table in existing:
            self._look(table)
        if self._back_already():
            left = [table for table in reversed(self.undo.created_tables) if table in self.relations]
            self.session.leftovers(left, self.undo.counters)
            return
        self._check()
        for change in reversed(self.undo.changes):
            self._undo(change)
        self._verify()
        self.session.drop([table for table in reversed(self.undo.created_tables) if table in self.relations])
        self.session.restore(self.undo.counters)
        self.session.commit()

    def _look(self, table: str) -> None:
        """Read the table once and keep the rows that look like a row of the undo, before or after."""
        relation = self.session.relation(table)
        assert relation is not None  # asked just before, on the same connection
        self.relations[table] = relation
        mine = [change for change in self.undo.changes if change.table == table]
        rows = [row for change in mine for row in (change.before, change.after) if row is not None]
        wanted = {_digest(relation, row) for row in rows}
        self.found[table], self.seen[table] = {}, set()
        keys = {_primary(relation, row) for row in rows}
        self.now[table] = scan(self.session, relation, self._keep(relation, wanted, keys))

    def _keep(self, relation: Relation, wanted: set[str], keys: set[Key]) -> Callable[[Row], None]:
        found, seen = self.found[relation.name], self.seen[relation.name]

        def keep(row: Row) -> None:
            print_ = _digest(relation, row.values)
            if print_ in wanted:
                found.setdefault(print_, []).append(row)
            if (key := _primary(relation, row.values)) in keys:
                seen.add(key)

        return keep

    def _back_already(self) -> bool:
        """Whether nothing of the run is left, judged by tables, or else row by row."""
        if all(self.now.get(table, EMPTY) == self.undo.base.get(table, EMPTY) for table in self.tables):
            return True
        return bool(self.undo.changes) and all(map(self._is_back, _first(self.undo.changes)))

    def _is_back(self, change: Change) -> bool:
        relation = self.relations.get(change.table)
        if relation is None:
            return change.before is None
        if change.before is not None:
            return _digest(relation, change.before) in self.found[change.table]
        return bool(relation.primary) and _primary(relation, change.after or {}) not in self.seen[change.table]

    def _check(self) -> None:
        """Every row the run wrote must be there unchanged, and nothing else in the tables it created."""
        lost: dict[str, list[Key]] = defaultdict(list)
        needed: Counter[tuple[str, str]] = Counter()
        for change in _last(self.undo.changes):
            if change.after is not None and not self._unchanged(change, needed):
                lost[change.table].append(change.key)
        for table, keys in lost.items():
            raise refusals.changed_since(table, keys)
        for table in self.undo.created_tables:
            self._check_created(table)

    def _unchanged(self, change: Change, needed: Counter[tuple[str, str]]) -> bool:
        relation = self.relations.get(change.table)
        if relation is None:
            return False
        print_ = _digest(relation, change.after or {})
        needed[change.table, print_] += 1
        return len(self.found[change.table].get(print_, ())) >= needed[change.table, print_]

    def _check_created(self, table: str) -> None:
        extra = self.now.get(table, EMPTY).rows - self.undo.result.get(table, EMPTY).rows
        if extra > 0:
            raise GuardError(
                f"`{table}` was created by the run and holds {extra} rows written since",
                cause="removing the table would lose them",
                hint="move these rows elsewhere first, or keep the table",
            )

    def _undo(self, change: Change) -> None:
        relation, before = self.relations[change.table], change.before
        try:
            new = self._put_back(relation, change)
        except RowRefusedError as exc:
            raise refusals.row_error(change.table, change.key, exc) from exc
        if new and before is not None:
            print_ = _digest(relation, before)
            self.found[change.table].setdefault(print_, []).append(new)
            self.now[change.table] = self.now[change.table].plus(print_)

    def _put_back(self, relation: Relation, change: Change) -> Row | None:
        before, after = change.before, change.after
        if after is None:
            return self.session.insert(relation, before or {})
        print_ = _digest(relation, after)
        row = self.found[change.table][print_].pop()
        self.now[change.table] = self.now[change.table].minus(print_)
        if before is None:
            self.session.delete(relation, row)
            return None
        changed = {name: value for name, value in before.items() if name in after and not _equal(value, after[name])}
        return self.session.update(relation, row, changed)

    def _verify(self) -> None:
        for table, relation in self.relations.items():
            if scan(self.session, relation) != self.now[table]:
                raise GuardError(
                    f"`{table}` would not be as it was before the run",
                    cause="a trigger or rule of the target changes rows while they are put back; nothing was written",
                    hint="switch the trigger off while this run is undone",
                )


def _last(changes: Iterable[Change]) -> list[Change]:
    """Of several changes to one row, the last: only that one can still be seen."""
    return list({(change.table, change.key): change for change in changes}.values())


def _first(changes: Iterable[Change]) -> list[Change]:
    """Of several changes to one row, the first: its `before` is how the row was."""
    return list({(change.table, change.key): change for change in reversed(list(changes))}.values())


def _primary(relation: Relation, values: Mapping[str, Value]) -> Key:
    """What tells rows apart in the table itself; one empty tuple for all where it has no primary key."""
    return tuple(dumps(encode(values.get(name))) for name in relation.primary)


def _digest(relation: Relation, values: Mapping[str, Value]) -> str:
    """The digest over the table's columns; what a store keeps beside them (SQLite's row number) does not count."""
    return digest({name: value for name, value in values.items() if name in relation.by_name})


def _equal(a: Value, b: Value) -> bool:
    return digest({"": a}) == digest({"": b})
