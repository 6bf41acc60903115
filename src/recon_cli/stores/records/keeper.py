"""Keeper: takes old records out of a table, in bounded transactions, and only those that are as they were archived.

A *group* is a record with everything that hangs on it: of a log, its readings. Where the rows of a table are sightings
of another (`Landing.window`), a group goes whole or not at all, so that what stays stands as it stood.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from recon_cli.core.canonical import Json
from recon_cli.core.landing import Window
from recon_cli.core.search import Book
from recon_cli.stores.records.sql import Words

Cells: TypeAlias = "dict[str, Json]"
_PAGE = 500


@dataclass(slots=True)
class Group:
    """A record and what hangs on it, each by column."""

    record: Cells
    hanging: list[Cells] = field(default_factory=list)


class Sums:
    """What rows come to, in whatever order: how many of each table, and the sum of what tells them apart."""

    def __init__(self) -> None:
        self.tables: dict[str, tuple[int, int]] = {}

    def add(self, table: str, cells: Cells) -> None:
        """One row."""
        told = json.dumps(cells, sort_keys=True).encode()
        number, total = self.tables.get(table, (0, 0))
        mark = int.from_bytes(hashlib.blake2b(told, digest_size=16).digest(), "big")
        self.tables[table] = (number + 1, (total + mark) % (1 << 128))

    def of(self, table: str) -> tuple[int, int]:
        """Those of one table."""
        return self.tables.get(table, (0, 0))


@dataclass(frozen=True, slots=True)
class Kept:
    """Which tables belong together: the book's, and that of the sightings, if there is one."""

    book: Book
    sightings: str = ""
    window: Window | None = None


class Keeper(Protocol):
    """One target, out of which records are taken."""

    url: str

    def older(self, kept: Kept, before: datetime) -> Iterator[Group]:
        """Every group whose record is older, oldest first; rows that change meanwhile may or may not be seen so."""

    def count(self, kept: Kept, before: datetime) -> int:
        """How many records are older."""

    def delete(self, kept: Kept, groups: Sequence[Group]) -> int:
        """Delete those that are as they were read, in one transaction; how many records went.

        Of a group to which something was added the record stays, with what was added.
        """

    def drop_months(self, kept: Kept, months: Mapping[str, Sums]) -> list[str]:
        """Drop whole partitions whose content is what was archived; the months (`2026_03`) that went."""

    def close(self) -> None:
        """Give connections back; safe to call twice."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What the keeper needs of an engine.

    `ask` runs a statement with what it binds and gives its rows; `columns` names a table's columns in their order;
    `transaction` is one in which nobody else settles these groups; `value` makes a cell JSON.
    """

    words: Words
    ask: Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
    columns: Callable[[str], tuple[str, ...]]
    transaction: Callable[[Kept, Sequence[Group]], AbstractContextManager[None]]
    value: Callable[[Any], Json]


class SqlKeeper:
    """A keeper over an engine's statements."""

    def __init__(self, url: str, engine: Engine, close: Callable[[], None]) -> None:
        self.url, self._engine, self._close = url, engine, close

    def older(self, kept: Kept, before: datetime) -> Iterator[Group]:
        """See `Keeper.older`."""
        book, words = kept.book, self._engine.words
        at, key = words.quote(book.moment), words.quote(book.key)
        place: tuple[Any, ...] = ()
        while True:
            behind = f" AND ({at} > {words.mark} OR ({at} = {words.mark} AND {key} > {words.mark}))" if place else ""
            where = f"{at} < {words.mark}{behind} ORDER BY {at}, {key} LIMIT {_PAGE}"
            bound = (words.moment(before), *((place[0], *place) if place else ()))
            raw, groups = self._groups(kept, where, bound)
            yield from groups
            if len(raw) < _PAGE:
                return
            place = raw[-1]

    def count(self, kept: Kept, before: datetime) -> int:
        """See `Keeper.count`."""
        words, book = self._engine.words, kept.book
        sql = f"SELECT count(*) FROM {words.quote(book.table)} WHERE {words.quote(book.moment)} < {words.mark}"
        return int(self._engine.ask(sql, (words.moment(before),))[0][0])

    def delete(self, kept: Kept, groups: Sequence[Group]) -> int:
        """See `Keeper.delete`."""
        with self._engine.transaction(kept, groups):
            there = self._again(kept, groups)
            same = [one for one in groups if _agree(there.get(_key(kept, one)), one)]
            keys = [_key(kept, one) for one in same]
            hanging = [str(row[kept.window.key]) for one in same for row in one.hanging] if kept.window else []
            self._remove(kept.sightings, kept.window.key if kept.window else "", hanging)
            left = self._still_hanging(kept, keys)
            self._remove(kept.book.table, kept.book.key, [key for key in keys if key not in left])
        return len(keys) - len(left)

    def drop_months(self, kept: Kept, months: Mapping[str, Sums]) -> list[str]:  # noqa: ARG002  no partitions
        """See `Keeper.drop_months`; engines without partitions drop none."""
        return []

    def close(self) -> None:
        """See `Keeper.close`."""
        self._close()

    def _again(self, kept: Kept, groups: Sequence[Group]) -> Mapping[str, Group]:
        keys = [_key(kept, one) for one in groups]
        marks = ", ".join([self._engine.words.mark] * len(keys))
        _raw, found = self._groups(kept, f"{self._engine.words.quote(kept.book.key)} IN ({marks})", keys)
        return {_key(kept, one): one for one in found}

    def _groups(self, kept: Kept, where: str, bound: Sequence[Any]) -> tuple[list[tuple[Any, ...]], list[Group]]:
        """Groups by a condition on their records, and the raw place of each."""
        book, words = kept.book, self._engine.words
        columns = self._engine.columns(book.table)
        names = ", ".join(map(words.quote, columns))
        rows = self._engine.ask(f"SELECT {names} FROM {words.quote(book.table)} WHERE {where}", bound)
        found = {str(row[columns.index(book.key)]): Group(self._cells(columns, row)) for row in rows}
        if kept.window and found:
            for stands, cells in self._hanging(kept.sightings, kept.window, list(found)):
                found[stands].hanging.append(cells)
        at, key = columns.index(book.moment), columns.index(book.key)
        return [(row[at], row[key]) for row in rows], list(found.values())

    def _hanging(self, table: str, window: Window, keys: Sequence[str]) -> Iterator[tuple[str, Cells]]:
        words, columns = self._engine.words, self._engine.columns(table)
        names, marks = ", ".join(map(words.quote, columns)), ", ".join([words.mark] * len(keys))
        order = f"ORDER BY {words.quote(window.moment)}, {words.quote(window.key)}"
        where = f"{words.quote(window.stands)} IN ({marks}) {order}"
        for row in self._engine.ask(f"SELECT {names} FROM {words.quote(table)} WHERE {where}", keys):
            cells = self._cells(columns, row)
            yield str(cells[window.stands]), cells

    def _still_hanging(self, kept: Kept, keys: Sequence[str]) -> set[str]:
        """Records for which something stands that was not archived with them."""
        if kept.window is None or not keys:
            return set()
        words = self._engine.words
        stands, marks = words.quote(kept.window.stands), ", ".join([words.mark] * len(keys))
        sql = f"SELECT DISTINCT {stands} FROM {words.quote(kept.sightings)} WHERE {stands} IN ({marks})"
        return {str(row[0]) for row in self._engine.ask(sql, keys)}

    def _remove(self, table: str, key: str, keys: Sequence[str]) -> None:
        words = self._engine.words
        for start in range(0, len(keys), _PAGE):
            some = keys[start : start + _PAGE]
            marks = ", ".join([words.mark] * len(some))
            self._engine.ask(f"DELETE FROM {words.quote(table)} WHERE {words.quote(key)} IN ({marks})", some)

    def _cells(self, columns: Sequence[str], row: Sequence[Any]) -> Cells:
        return {name: self._engine.value(cell) for name, cell in zip(columns, row, strict=True)}


def _key(kept: Kept, group: Group) -> str:
    return str(group.record[kept.book.key])


def _agree(there: Group | None, archived: Group) -> bool:
    """Whether a record and all that was archived with it are as they were; what came since does not matter here."""
    if there is None or there.record != archived.record:
        return False
    known = [tuple(sorted((name, str(cell)) for name, cell in row.items())) for row in there.hanging]
    return {tuple(sorted((name, str(cell)) for name, cell in row.items())) for row in archived.hanging} <= {*known}
