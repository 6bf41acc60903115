"""Proof after an import: what the database now holds is what the snapshot holds."""

from __future__ import annotations

from dataclasses import replace

from recon_cli.core import words
from recon_cli.core.catalog import DeclaredTable
from recon_cli.core.errors import DataError
from recon_cli.core.place import Place
from recon_cli.jobs.backup import readback
from recon_cli.jobs.backup.crew import Crew
from recon_cli.jobs.backup.readback import Pair
from recon_cli.snapshot.reader import Snapshot
from recon_cli.stores.bulk.base import BulkStore, Incoming, Loaded, Loading, TableOutcome


def proven(
    snapshot: Snapshot,
    store: BulkStore,
    loading: Loading,
    done: Loaded,
    place: Place | None = None,
    children: Crew | None = None,
) -> str:
    """Compare, table by table; gives back in words how.

    A table that now holds exactly the snapshot's rows is read back whole (by the children, where there are any) and
    compared by shard or content sum. Any other (a part was imported, other rows stay, another engine) is compared by
    the store itself: to import the same once more would change nothing.

    Raises:
        DataError: a table differs.
    """
    outcomes = {one.table: one for one in done.tables}
    rest: list[Incoming] = []
    with readback.reading(store, snapshot.manifest.compression, place, children) as reader:
        there = {table.name: table for table in reader.view.catalog().tables}
        pairs: list[Pair] = []
        for one in loading.tables:
            pair = _pair(snapshot, store, one, there.get(one.declared.name), outcomes.get(one.declared.name))
            if pair is not None and (pair.new or reader.view.count(pair.there.name) == pair.part.rows):
                pairs.append(pair)
            else:
                rest.append(one)
        for name, cause in reader.differences(pairs):
            raise _differs(name, cause)
    if rest:
        _nothing_left(store, replace(loading, tables=rest, objects=False, commit=False), outcomes)
    return _words(len(pairs), len(rest))


def _pair(
    snapshot: Snapshot, store: BulkStore, one: Incoming, there: DeclaredTable | None, outcome: TableOutcome | None
) -> Pair | None:
    """What to compare as a whole; None where that is not to be expected equal."""
    part = snapshot.manifest.table(one.declared.name)
    if there is None or outcome is None or part is None or store.engine != snapshot.manifest.catalog.engine:
        return None
    alike = [column.name for column in there.stored] == [column.name for column in one.declared.stored]
    if not alike or outcome.conflicts or one.count != part.rows:
        return None
    return Pair(there, part, outcome.created_table)


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
