"""The keeper of Postgres: under the locks by which readings are settled, and by whole partitions where it can."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from recon_cli.core.canonical import Json
from recon_cli.core.place import Place
from recon_cli.stores import postgres_errors
from recon_cli.stores.bulk.postgres_link import quote
from recon_cli.stores.records.keeper import Engine, Group, Kept, SqlKeeper, Sums
from recon_cli.stores.records.postgres import WORDS
from recon_cli.stores.sink.postgres import connected

# postgres_errors, imported above, says how to get the driver where it is missing
import psycopg  # isort: skip


class PostgresKeeper(SqlKeeper):
    """One schema of one database."""

    def __init__(self, place: Place, value: Callable[[Any], Json]) -> None:
        url = postgres_errors.shown(place.url)
        try:
            self._link = connected(place, place.number("timeout_s", 30))
        except psycopg.Error as exc:
            raise postgres_errors.translate(url, exc) from exc
        engine = Engine(WORDS, self._ask, self._columns, self._alone, value)
        super().__init__(url, engine, self._link.close)

    def drop_months(self, kept: Kept, months: Mapping[str, Sums]) -> list[str]:
        """See `Keeper.drop_months`; a month in which anything else stands is left to `delete`."""
        return [month for month, sums in months.items() if self._drop(kept, month, sums)]

    def _drop(self, kept: Kept, month: str, sums: Sums) -> bool:
        tables = {one: f"{one}_p{month}" for one in (kept.book.table, kept.sightings) if one}
        known = "SELECT count(*) FROM pg_class WHERE relispartition AND pg_table_is_visible(oid) AND relname = ANY(%s)"
        if self._ask(known, (list(tables.values()),))[0][0] != len(tables):
            return False
        with self._translated(), self._link.transaction():
            names = ", ".join(map(quote, tables.values()))
            self._link.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE".encode())
            if any(self._sum(partition) != sums.of(table) for table, partition in tables.items()):
                return False
            self._link.execute(f"DROP TABLE {names}".encode())
        return True

    def _sum(self, table: str) -> tuple[int, int]:
        columns, found = self._columns(table), Sums()
        with self._link.cursor(name="recon_partition") as rows:
            for row in rows.execute(f"SELECT {', '.join(map(quote, columns))} FROM {quote(table)}".encode()):
                found.add(table, self._cells(columns, row))
        return found.of(table)

    def _ask(self, sql: str, bound: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._translated():
            cursor = self._link.execute(sql.encode(), bound)
            return cursor.fetchall() if cursor.description else []

    def _columns(self, table: str) -> tuple[str, ...]:
        known = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
        return tuple(row[0] for row in self._ask(f"{known} ORDER BY attnum", (quote(table),)))

    @contextmanager
    def _alone(self, kept: Kept, groups: Sequence[Group]) -> Iterator[None]:
        """A transaction under the locks of these groups' things, as the function that takes readings in has them."""
        with self._translated(), self._link.transaction():
            if kept.window:
                things = ["".join(str(one.record[name]) for name in kept.window.group) for one in groups]
                keys = "SELECT DISTINCT hashtextextended(t, 0) AS k FROM unnest(%s::text[]) AS t ORDER BY 1"
                for (key,) in self._ask(keys, (things,)):
                    self._link.execute(b"SELECT pg_advisory_xact_lock(%s)", (key,))
            yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as exc:
            raise postgres_errors.translate(self.url, exc) from exc
