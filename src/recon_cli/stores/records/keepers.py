"""The keepers of the engines: how each asks, and how it keeps others from settling what is being taken out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from importlib import import_module
from typing import Any

from recon_cli.core.canonical import Json
from recon_cli.core.errors import GuardError
from recon_cli.core.place import Place
from recon_cli.stores.records.keeper import Engine, Group, Keeper, Kept, SqlKeeper
from recon_cli.stores.schemes import scheme_of


def open_keeper(place: Place) -> Keeper:
    """The keeper of the records at `place`.

    Raises:
        GuardError: records there cannot be taken out safely.
    """
    scheme = scheme_of(place.url)
    if scheme not in _OPEN:
        hint = "prune through the database itself: `postgresql://…`"
        raise GuardError(f"{place.label} has no transactions to prune in", cause=f"{scheme}: is not SQL", hint=hint)
    return _OPEN[scheme](place)


def _sqlite(place: Place) -> Keeper:
    from recon_cli.stores.bulk import sqlite_open  # noqa: PLC0415  adapters come when they are asked for
    from recon_cli.stores.records.sqlite import WORDS  # noqa: PLC0415  same

    path, timeout_s = sqlite_open.path_of(place.url), place.number("timeout_s", 30)
    with sqlite_open.translated(path, timeout_s):
        sqlite_open.must_exist(path)
        db = sqlite_open.connect(path, write=True, timeout_s=timeout_s)
        db.execute("PRAGMA synchronous = FULL")

    def ask(sql: str, bound: Sequence[Any]) -> list[tuple[Any, ...]]:
        with sqlite_open.translated(path, timeout_s):
            return db.execute(sql, tuple(bound)).fetchall()

    @contextmanager
    def alone(_kept: Kept, _groups: Sequence[Group]) -> Iterator[None]:
        ask("BEGIN IMMEDIATE", ())
        try:
            yield
            ask("COMMIT", ())
        except BaseException:
            if db.in_transaction:
                ask("ROLLBACK", ())
            raise

    def columns(table: str) -> tuple[str, ...]:
        return tuple(row[0] for row in ask("SELECT name FROM pragma_table_info(?)", (table,)))

    return SqlKeeper(f"sqlite:///{path}", Engine(WORDS, ask, columns, alone, _plain), db.close)


def _postgres(place: Place) -> Keeper:
    keeper: Keeper = import_module("recon_cli.stores.records.postgres_keeper").PostgresKeeper(place, _plain)
    return keeper


def _mysql(place: Place) -> Keeper:
    from recon_cli.stores.mysql import MysqlBackend  # noqa: PLC0415  adapters come when they are asked for
    from recon_cli.stores.records.mysql import WORDS  # noqa: PLC0415  same
    from recon_cli.stores.sink import mysql as sinks  # noqa: PLC0415  same
    from recon_cli.stores.sink import mysql_window  # noqa: PLC0415  same

    backend = MysqlBackend(place)
    link = sinks.connected(place, backend.timeout_s)

    def ask(sql: str, bound: Sequence[Any]) -> list[tuple[Any, ...]]:
        with link.cursor() as cursor:
            cursor.execute(sql, tuple(bound))
            return list(cursor.fetchall())

    @contextmanager
    def alone(kept: Kept, _groups: Sequence[Group]) -> Iterator[None]:
        windows = [kept.window] if kept.window else []
        with mysql_window.alone(link, windows, backend.timeout_s):
            link.begin()
            try:
                yield
                link.commit()
            except BaseException:
                link.rollback()
                raise

    def columns(table: str) -> tuple[str, ...]:
        known = "SELECT column_name FROM information_schema.columns WHERE table_schema = database()"
        return tuple(row[0] for row in ask(f"{known} AND table_name = %s ORDER BY ordinal_position", (table,)))

    return SqlKeeper(backend.url, Engine(WORDS, ask, columns, alone, _plain), link.close)


_OPEN = {
    "sqlite": _sqlite,
    "postgresql": _postgres,
    "postgres": _postgres,
    "mysql": _mysql,
    "mariadb": _mysql,
}


def _plain(cell: Any) -> Json:  # noqa: ANN401  whatever the table holds
    """A cell as JSON; what JSON has no word for as the text of its engine, a time in ISO 8601."""
    if cell is None or isinstance(cell, str | int | float | bool):
        return cell
    return cell.isoformat() if isinstance(cell, datetime | date) else str(cell)
