"""Proof after an import: what the database now holds is what the snapshot holds."""

from __future__ import annotations

from dataclasses import replace

from recon_cli.core import words
from recon_cli.core.catalog import DeclaredTable
from recon_cli.core.errors import DataError
from recon_cli.jobs.backup import sums
from recon_cli.snapshot.reader import Snapshot
from recon_cli.stores.bulk.base import BulkStore, Incoming, Loaded, Loading, TableOutcome, View


def proven(snapshot: Snapshot, store: BulkStore, loading: Loading, done: Loaded) -> str:
    """Compare, table by table; gives back in words how.

    A table that now holds exactly the snapshot's rows is read back whole and compared by content sum. Any other (a part
    was imported, other rows stay, another engine) is compared by the store itself: to import the same once more would
    change nothing.

    Raises:
        DataError: a table differs.
    """
    outcomes = {one.table: one for one in done.tables}
    rest: list[Incoming] = []
    with store.join() as view:
        there = {table.name: table for table in view.catalog().tables}
        for one in loading.tables:
            name = one.declared.name
            if not _comparable(snapshot, store, one, there.get(name), outcomes.get(name)):
                rest.append(one)
            elif not _equal(view, there[name], snapshot):
                raise _differs(name, "its content sum is another than the manifest's")
    if rest:
        _nothing_left(store, replace(loading, tables=rest, objects=False, commit=False), outcomes)
    return _words(len(loading.tables) - len(rest), len(rest))


def _comparable(
    snapshot: Snapshot, store: BulkStore, one: Incoming, there: DeclaredTable | None, outcome: TableOutcome | None
) -> bool:
    part = snapshot.manifest.table(one.declared.name)
    if there is None or outcome is None or part is None or store.engine != snapshot.manifest.catalog.engine:
        return False
    alike = [column.name for column in there.stored] == [column.name for column in one.declared.stored]
    return alike and not outcome.conflicts and one.count == part.rows


def _equal(view: View, there: DeclaredTable, snapshot: Snapshot) -> bool:
    """Whether a table holds what the manifest says; it may hold more rows where they were there before."""
    part = snapshot.manifest.table(there.name)
    return part is not None and sums.content(view, there) == part.content


def _nothing_left(store: BulkStore, again: Loading, outcomes: dict[str, TableOutcome]) -> None:
    for one in store.load(replace(again, prepared=lambda _loaded: None, progress=lambda _rows: None)).tables:
        left = one.inserted + one.updated + one.deleted
        known = outcomes[one.table].conflicts if one.table in outcomes else 0
        if left or one.conflicts != known:
            raise _differs(one.table, f"{words.count(left or one.conflicts, 'row')} would change by the same import")


def _differs(table: str, cause: str) -> DataError:
    hint = "if nobody else writes to it, `recon backup diff` shows which rows"
    return DataError(f"`{table}` is not what was imported", cause=cause, hint=hint)


def _words(by_content: int, by_import: int) -> str:
    told = [f"{words.count(by_content, 'table')} read back, equal by content"] if by_content else []
    if by_import:
        told.append(f"{words.count(by_import, 'table')} equal row by row")
    return "; ".join(told)
