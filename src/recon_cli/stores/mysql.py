"""MySQL and MariaDB: connecting, and what their errors mean."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

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
from recon_cli.stores.mysql_session import MysqlSession, error_parts, literal
from recon_cli.stores.server import ServerBackend
from recon_cli.stores.server_errors import away, exists, locked, read_only
from recon_cli.stores.session import Relation
from recon_cli.stores.sql import SqlStore

# mysql_session, imported above, says how to get the driver where it is missing
import pymysql  # isort: skip
from pymysql.constants import FIELD_TYPE  # isort: skip
from pymysql.converters import conversions  # isort: skip

_MODE = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"


def open_mysql(place: Place) -> SqlStore:
    """A store on a MySQL or MariaDB database: `mysql://user@host:3306/database?ssl_ca=/path`."""
    return SqlStore(MysqlBackend(place))


class MysqlBackend(ServerBackend):
    """One MySQL or MariaDB database."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        parts = urlsplit(redact(place.url))
        self.url = urlunsplit(parts._replace(query=""))
        self.timeout_s = place.number("timeout_s", 30)

    def new_engine(self) -> Engine:
        """Connections that speak UTC and strict values."""
        return create_engine(
            "mysql+pymysql://", creator=self._connect, pool_size=2, pool_pre_ping=True, hide_parameters=True
        )

    def _connect(self) -> pymysql.Connection[Any]:
        parts = urlsplit(self._place.url)
        wait_s = max(1, int(self.timeout_s))
        passed: dict[str, Any] = dict(parse_qsl(parts.query))  # pymysql's own words: ssl_ca, unix_socket, …
        connection: pymysql.Connection[Any] = pymysql.connect(
            host=parts.hostname or "localhost",
            port=parts.port or 3306,
            user=unquote(parts.username) if parts.username else None,
            password=self._place.secret() or unquote(parts.password or ""),
            database=unquote(parts.path.strip("/")) or None,
            charset="utf8mb4",
            connect_timeout=wait_s,
            conv=_conversions(),
            init_command=(
                f"SET sql_mode = '{_MODE}', time_zone = '+00:00',"
                f" lock_wait_timeout = {wait_s}, innodb_lock_wait_timeout = {wait_s}"
            ),
            **passed,
        )
        return connection

    def session(self, connection: Connection) -> MysqlSession:
        """A session on a connection."""
        return MysqlSession(connection)

    def literal(self, relation: Relation | None, schema: Schema, column: str, value: Value) -> Value:
        """See the module's `literal`."""
        return literal(relation, schema, column, value)

    def translate(self, error: BaseException) -> ReconError:
        """By MySQL's error number."""
        number, cause = error_parts(error)
        for numbers, make in _NUMBERS:
            if number in numbers:
                return make(self.url, cause)
        if isinstance(error, pymysql.err.DataError):
            return DataError(f"{self.url} cannot hold a value", cause=cause)
        return ReconError(f"{self.url} refuses", cause=cause, hint="`recon doctor` shows what the server is")


def _conversions() -> dict[Any, Any]:
    """TIME stays text: it can be negative and longer than a day."""
    return {**conversions, FIELD_TYPE.TIME: str}


def _no_database(url: str, cause: str) -> ReconError:
    return NotFoundError(f"no database at {url}", cause=cause, hint="`CREATE DATABASE` makes it, or correct its name")


def _not_let_in(url: str, cause: str) -> ReconError:
    hint = "check user, password (`password_file`) and grants"
    return AuthError(f"{url} refuses the login", cause=cause, hint=hint)


_NUMBERS = (
    ((1045, 1698, 1044, 1142, 1143, 1227, 1410, 1820, 1862, 3118, 4151), _not_let_in),
    ((1049, 1046), _no_database),
    ((2002, 2003, 2005, 2006, 2013, 1040, 1053), away),
    ((1205, 1213, 3572), locked),
    ((1290, 1792, 1836), read_only),
    ((1050,), exists),
)
