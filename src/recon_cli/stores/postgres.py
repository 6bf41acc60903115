"""Postgres: connecting, and what its errors mean."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sqlalchemy import Connection, Engine, create_engine

from recon_cli.core.canonical import Value
from recon_cli.core.errors import (
    AuthError,
    DataError,
    NotFoundError,
    ReconError,
)
from recon_cli.core.place import Place, redact
from recon_cli.core.schema import Schema
from recon_cli.stores.literal import document
from recon_cli.stores.postgres_session import PostgresSession, literal
from recon_cli.stores.server import ServerBackend, away, exists, locked, read_only
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
        self.url = _shown(place.url)
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
        """By SQLSTATE; a connection that never stood has none, then by what libpq knows of it."""
        state = getattr(error, "sqlstate", None) or ""
        cause = str(error).strip()
        for prefix, make in _STATES.items():
            if state.startswith(prefix):
                return make(self.url, cause)
        if isinstance(error, psycopg.OperationalError) and not state:
            return self._connecting(error, cause)
        if isinstance(error, psycopg.DataError):
            return DataError(f"{self.url} cannot hold a value", cause=cause)
        return ReconError(f"{self.url} refuses", cause=cause, hint="`recon doctor` shows what the server is")

    def _connecting(self, error: psycopg.OperationalError, cause: str) -> ReconError:
        """Libpq hands no SQLSTATE out for a failed login: its words first, then whether it was asked for a password."""
        if re.search(r'database ".*" does not exist', cause):
            return _no_database(self.url, cause)
        known = error.pgconn
        asked = known is not None and (known.needs_password or known.used_password)
        if asked or re.search(r"authentication|password|pg_hba|role \"", cause):
            return _not_let_in(self.url, cause)
        return away(self.url, cause)


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


def _shown(url: str) -> str:
    """The URL without any password, in the login or among the options."""
    parts = urlsplit(redact(url))
    kept = [(name, value) for name, value in parse_qsl(parts.query) if "password" not in name]
    return urlunsplit(parts._replace(query=urlencode(kept)))


def _no_database(url: str, cause: str) -> ReconError:
    return NotFoundError(f"no database at {url}", cause=cause, hint="`createdb` makes it, or correct its name")


def _not_let_in(url: str, cause: str) -> ReconError:
    hint = "check user and password (`password_file`, PGPASSWORD or ~/.pgpass)"
    return AuthError(f"{url} does not let us in", cause=cause, hint=hint)


def _denied(url: str, cause: str) -> ReconError:
    return AuthError(f"the user may not do this at {url}", cause=cause, hint="grant it, or use the tables' owner")


_STATES = {
    "28": _not_let_in,
    "3D000": _no_database,
    "42501": _denied,
    "25006": read_only,
    "55P03": locked,
    "40": locked,
    "57014": locked,
    "57P": away,
    "08": away,
    "42P07": exists,
    "23505": exists,
}
