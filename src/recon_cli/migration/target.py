"""The Postgres side: a schema aside in which everything is built, what is finished in it, and the swap at the end.

Every unit of work is one transaction that also writes its line into `recon_units` there, so that a run that was killed
goes on with the units that have no line. Rows that were refused stand in `recon_rejects` until the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from recon_cli.core.errors import GuardError, LockedError, ReconError
from recon_cli.core.place import Place
from recon_cli.migration import ddl
from recon_cli.migration.plan import CheckPlan, ForeignKeyPlan, IndexPlan, LeftOut, MigrationPlan, TablePlan
from recon_cli.stores.bulk.postgres_link import Connection, Link, ask, literal, quote, run

import psycopg  # isort: skip  postgres_link says how to get the driver

UNITS, REJECTS, RUN = "recon_units", "recon_rejects", "recon_run"
_BOOKS = f"""
CREATE TABLE {{schema}}.{RUN} (plan text NOT NULL);
CREATE TABLE {{schema}}.{UNITS} (unit text PRIMARY KEY, rows bigint NOT NULL, told text NOT NULL DEFAULT '');
CREATE TABLE {{schema}}.{REJECTS} (unit text NOT NULL, line text NOT NULL)"""
_RELATIONS = """
SELECT c.relname, c.relkind::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = ANY(%s)"""
_DEPENDENTS = """
SELECT DISTINCT co.conrelid::regclass::text FROM pg_catalog.pg_constraint co
JOIN pg_catalog.pg_class c ON c.oid = co.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class o ON o.oid = co.conrelid
WHERE co.contype = 'f' AND n.nspname = %s AND c.relname = ANY(%s)
AND NOT (o.relnamespace = n.oid AND o.relname = ANY(%s))"""
_WORKING = {
    "synchronous_commit": "on",  # what is told as done must survive a crash of the server
    "maintenance_work_mem": "512MB",
    "max_parallel_workers_per_gather": "0",
    "work_mem": "64MB",
}
_REFUSES = ("22", "23", "54", "0A", "42", "2B")


@dataclass(frozen=True, slots=True)
class Done:
    """A finished unit: how many rows, and what it had to tell."""

    unit: str
    rows: int
    told: str = ""


class Target:
    """One schema of one Postgres database, and the schema aside."""

    def __init__(self, place: Place, schema: str, source: str) -> None:
        self.place, self.schema = place, schema
        self.link = Link(place)
        mark = hashlib.sha256(f"{schema}\0{source}".encode()).hexdigest()[:10]
        self.aside = f"recon_aside_{mark}"
        self.number = int(mark, 16)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection that sees the schema aside, closed at the end."""
        with self.link.translated():
            connection = self.open()
            try:
                yield connection
            finally:
                connection.close()

    def open(self) -> Connection:
        """A connection that sees the schema aside, to keep."""
        connection = self.link.open()
        settings = "; ".join(f"SET {name} = {literal(value)}" for name, value in _WORKING.items())
        run(connection, f"SET search_path = {quote(self.aside)}; {settings}")
        return connection

    def lock(self, connection: Connection) -> None:
        """Keep other runs into the same schema away, as long as the connection lives.

        Raises:
            LockedError: there is one.
        """
        if not ask(connection, "SELECT pg_catalog.pg_try_advisory_lock(%s)", [self.number])[0][0]:
            raise LockedError(
                f"another run migrates into {self.schema} of {self.link.url}", hint="wait until it has ended"
            )

    def prepare(self, connection: Connection, digest: str) -> list[Done]:
        """The schema aside, new or as a run of the same plan left it; what was finished in it.

        Raises:
            ReconError: it cannot be made.
        """
        if self._plan_there(connection) != digest:
            with self._granted(), connection.transaction():
                run(connection, f"DROP SCHEMA IF EXISTS {quote(self.aside)} CASCADE")
                run(connection, f"CREATE SCHEMA {quote(self.aside)}")
                run(connection, _BOOKS.format(schema=quote(self.aside)))
                run(connection, f"INSERT INTO {quote(self.aside)}.{RUN} VALUES ({literal(digest)})")
        rows = ask(connection, f"SELECT unit, rows, told FROM {quote(self.aside)}.{UNITS}")
        return [Done(*row) for row in rows]

    def _plan_there(self, connection: Connection) -> str:
        name = literal(f"{quote(self.aside)}.{RUN}")
        if ask(connection, f"SELECT pg_catalog.to_regclass({name})")[0][0] is None:
            return ""
        rows = ask(connection, f"SELECT plan FROM {quote(self.aside)}.{RUN}")
        return str(rows[0][0]) if rows else ""

    @contextmanager
    def _granted(self) -> Iterator[None]:
        try:
            yield
        except psycopg.errors.InsufficientPrivilege as exc:
            raise ReconError(
                f"no right to build beside {self.schema} in {self.link.url}",
                cause=exc.diag.message_primary,
                hint="run `GRANT CREATE ON DATABASE … TO …`: everything is built in a schema aside and swapped in",
            ) from exc

    def clear(self, connection: Connection) -> None:
        """Take the schema aside away."""
        run(connection, f"DROP SCHEMA IF EXISTS {quote(self.aside)} CASCADE")

    def there(self, connection: Connection, names: Iterable[str]) -> dict[str, str]:
        """Which of these relations the schema has; name → kind."""
        return dict(ask(connection, _RELATIONS, [self.schema, list(names)]))

    def verify_encoding(self, connection: Connection) -> None:
        """Refuse a database that cannot hold every text.

        Raises:
            GuardError: it is not in UTF-8.
        """
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise GuardError(
                f"the database {self.link.url} is in {encoding}, which cannot hold every text",
                hint="make one with `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`",
            )

    def finish(self, connection: Connection, unit: str, rows: int, told: str = "") -> None:
        """Write a unit's line, within its transaction."""
        connection.execute(f"INSERT INTO {quote(self.aside)}.{UNITS} VALUES (%s, %s, %s)".encode(), [unit, rows, told])

    def rejects(self, connection: Connection) -> Iterator[str]:
        """Every line for the rejects file."""
        with connection.transaction(), connection.cursor("recon_rejects") as cursor:
            cursor.execute(f"SELECT line FROM {quote(self.aside)}.{REJECTS} ORDER BY unit, line".encode())
            yield from (str(line) for (line,) in cursor)

    def rejected_rows(self, connection: Connection) -> dict[str, list[int]]:
        """The row numbers of what was refused, by table. The server's own JSON would stumble over a NUL in a value."""
        found: dict[str, list[int]] = {}
        with connection.transaction(), connection.cursor("recon_rejected_rows") as cursor:
            cursor.execute(f"SELECT unit, line FROM {quote(self.aside)}.{REJECTS}".encode())
            for table, line in cursor:
                number = json.loads(line).get("rowid")
                if number is not None:
                    found.setdefault(table, []).append(number)
        return found

    def swap(self, connection: Connection, plan: MigrationPlan, objects: Sequence[str], *, replace: bool) -> None:
        """Everything into its schema, in one transaction; the schema aside is gone afterwards.

        Raises:
            GuardError: something else in the database needs what would be replaced.
        """
        with connection.transaction():
            run(connection, f"SET LOCAL synchronous_commit = on; CREATE SCHEMA IF NOT EXISTS {quote(self.schema)}")
            if replace:
                self._make_room(connection, plan, objects)
            for table in plan.included:
                run(connection, f"ALTER TABLE {ddl.relation(self.aside, table.target)} SET SCHEMA {quote(self.schema)}")
            for one in plan.objects:
                if one.target in objects:
                    kind = "VIEW" if one.kind == "view" else "FUNCTION"
                    name = ddl.relation(self.aside, one.target) + ("()" if kind == "FUNCTION" else "")
                    run(connection, f"ALTER {kind} {name} SET SCHEMA {quote(self.schema)}")
            self.clear(connection)

    def _make_room(self, connection: Connection, plan: MigrationPlan, objects: Sequence[str]) -> None:
        names = [table.target for table in plan.included] + list(objects)
        there = self.there(connection, names)
        tables = [name for name, kind in there.items() if kind in {"r", "p"}]
        others = ask(connection, _DEPENDENTS, [self.schema, tables, tables])
        if others:
            raise GuardError(
                f"{others[0][0]} points at a table that would be replaced",
                hint="drop its foreign key first, or migrate into another `--schema`",
            )
        try:
            self._drop(connection, there)
        except psycopg.errors.DependentObjectsStillExist as exc:
            raise GuardError(
                "something in the database needs a table that would be replaced",
                cause=exc.diag.message_detail,
                hint="drop it first, or migrate into another `--schema`",
            ) from exc

    def _drop(self, connection: Connection, there: dict[str, str]) -> None:
        views = [ddl.relation(self.schema, name) for name, kind in there.items() if kind == "v"]
        tables = [ddl.relation(self.schema, name) for name, kind in there.items() if kind in {"r", "p"}]
        if views:
            run(connection, f"DROP VIEW {', '.join(views)}")
        if tables:
            run(connection, f"DROP TABLE {', '.join(tables)}")


@contextmanager
def attempt(connection: Connection, item: str, found: list[LeftOut], hint: str = "") -> Iterator[None]:
    """A statement that the server may refuse for what it says: then the item is left out, and the rest goes on.

    Raises:
        psycopg.Error: anything that is not about the statement (no room, no connection).
    """
    try:
        with connection.transaction():
            yield
    except psycopg.Error as exc:
        if not (exc.sqlstate or "").startswith(_REFUSES) or exc.sqlstate == "42501":
            raise
        told = "; ".join(part for part in (exc.diag.message_primary, exc.diag.message_detail) if part)
        found.append(LeftOut(item, told or str(exc), hint))


def key_item(table: TablePlan) -> str:
    """What a primary key is called in a report."""
    return f"{table.name} PRIMARY KEY ({', '.join(table.key)})"


def index_item(table: TablePlan, index: IndexPlan) -> str:
    """What an index is called in a report."""
    return f"{table.name} INDEX {index.name} ({', '.join(index.parts)})"


def foreign_key_item(table: TablePlan, key: ForeignKeyPlan) -> str:
    """What a foreign key is called in a report."""
    return f"{table.name} FOREIGN KEY {key.name} ({', '.join(key.columns)}) → {key.table}"


def check_item(table: TablePlan, check: CheckPlan) -> str:
    """What a check is called in a report."""
    return f"{table.name} CHECK ({check.expression})"


def build_index(connection: Connection, target: Target, table: TablePlan, what: str) -> list[LeftOut]:
    """The primary key (`what` empty) or an index of a table; what the server refused."""
    found: list[LeftOut] = []
    if not what:
        with attempt(connection, key_item(table), found):
            run(connection, ddl.add_key(target.aside, table))
        return found
    index = next(one for one in table.indexes if one.name == what)
    with attempt(connection, index_item(table, index), found, index.source):
        run(connection, ddl.create_index(target.aside, table, index))
    return found
