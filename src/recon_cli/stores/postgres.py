"""Postgres: connecting, and what its errors mean."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine

from recon_cli.core.canonical import Value
from recon_cli.core.errors import ReconError
from recon_cli.core.place import Place
from recon_cli.core.schema import Schema
from recon_cli.stores import postgres_errors
from recon_cli.stores.literal import document
from recon_cli.stores.postgres_session import PostgresSession, literal
from recon_cli.stores.server import ServerBackend
from recon_cli.stores.session import Relation
from recon_cli.stores.sql import SqlStore

# postgres_session, imported above, says how to get the driver where it is missing
import psycopg  # isort: skip
from psycopg.types.datetime import DateLoader, TimeLoader, TimestampLoader, TimestamptzLoader  # isort: skip
from psycopg.types.json import set_json_loads  # isort: skip


def open_postgres(place: Place) -> SqlStore:
    """A store on a Postgres database: `postgresql://user@host/database?sslmode=require`."""
    return SqlStore(PostgresBackend(place))


class PostgresBackend(ServerBackend):
    """One Postgres database."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self.url = postgres_errors.shown(place.url)
        self.timeout_s = place.number("timeout_s", 30)

    def new_engine(self) -> Engine:
        """Connections that speak UTC and strict values."""
        return create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            pool_size=2,
            pool_pre_ping=True,
            use_native_hstore=False,
            hide_parameters=True,
        )

    def _connect(self) -> psycopg.Connection[Any]:
        secret = self._place.secret()
        given: dict[str, Any] = {"password": secret} if secret is not None else {}
        connection: psycopg.Connection[Any] = psycopg.connect(
            self._place.url, connect_timeout=max(2, int(self.timeout_s)), application_name="recon", **given
        )
        connection.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET client_encoding = 'UTF8'")
        connection.commit()
        set_json_loads(_load_json, connection)
        for name, loader in _LENIENT.items():
            connection.adapters.register_loader(name, loader)
        return connection

    def session(self, connection: Connection) -> PostgresSession:
        """A session on a connection."""
        return PostgresSession(connection, self._place.text("schema"), self.timeout_s)

    def literal(self, relation: Relation | None, schema: Schema, column: str, value: Value) -> Value:
        """See the module's `literal`."""
        return literal(relation, schema, column, value)

    def translate(self, error: BaseException) -> ReconError:
        """By SQLSTATE; see `postgres_errors`."""
        return postgres_errors.translate(self.url, error)


def _load_json(raw: str | bytes) -> Value:
    return document(raw if isinstance(raw, str) else bytes(raw).decode())


def _lenient(loader: type[Any]) -> type[Any]:
    """A loader that hands over the server's text where Python has no such date (infinity, BC, 24:00)."""

    class Lenient(loader):  # type: ignore[misc]  # the base is one of psycopg's four
        def load(self, raw: Any) -> Any:  # noqa: ANN401  as the base
            try:
                return super().load(raw)
            except psycopg.DataError:
                return bytes(raw).decode()

    return Lenient


_LENIENT = {
    "date": _lenient(DateLoader),
    "time": _lenient(TimeLoader),
    "timestamp": _lenient(TimestampLoader),
    "timestamptz": _lenient(TimestamptzLoader),
}
