"""A database of one's own for an hour: made for a restore drill, dropped afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from recon_cli.core.errors import AuthError, ReconError, ToolMissingError, UnreachableError, UsageError
from recon_cli.core.place import Place, redact

if TYPE_CHECKING:
    import psycopg
    import pymysql

_CONNECT_S = 15
_DENIED = frozenset({1044, 1045, 1142, 1227})


@contextmanager
def scratch(server: Place, name: str) -> Iterator[Place]:
    """An empty database `name` on the server of a place; it is dropped at the end, whatever happened.

    For SQLite the place is a folder's path as `sqlite:///…`; the file lies beside it and is deleted.

    Raises:
        UsageError: no scratch database can be made there.
        AuthError: the login may not make one; UnreachableError, ToolMissingError likewise.
    """
    scheme = urlsplit(server.url).scheme.lower()
    if scheme.startswith("sqlite"):
        with _file(server, name) as place:
            yield place
        return
    makers: dict[str, Callable[[Place, str], None]] = {
        "postgresql": _on_postgres,
        "postgres": _on_postgres,
        "mysql": _on_mysql,
        "mariadb": _on_mysql,
    }
    if scheme not in makers:
        hint = "name a SQLite, Postgres or MySQL server with `--drill-in`"
        raise UsageError(f"no scratch database can be made at {redact(server.url)}", hint=hint)
    run, quote = makers[scheme], '"' if scheme.startswith("postgres") else "`"
    run(server, f"CREATE DATABASE {quote}{name}{quote}")
    try:
        options = {key: value for key, value in server.options.items() if key != "schema"}
        yield replace(server, url=urlunsplit(urlsplit(server.url)._replace(path=f"/{name}")), name="", options=options)
    finally:
        force = " WITH (FORCE)" if quote == '"' else ""
        run(server, f"DROP DATABASE IF EXISTS {quote}{name}{quote}{force}")


@contextmanager
def _file(server: Place, name: str) -> Iterator[Place]:
    path = Path(server.url.partition(":///")[2]).parent / f"{name}.db"
    try:
        yield Place(f"sqlite:///{path}")
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _on_postgres(server: Place, statement: str) -> None:
    try:
        import psycopg  # noqa: PLC0415  an extra
    except ImportError as exc:
        raise _missing("Postgres", "postgres", exc) from exc
    url = urlsplit(server.url)
    address = urlunsplit(url._replace(scheme="postgresql"))
    try:
        with psycopg.connect(
            address, password=server.secret(), autocommit=True, connect_timeout=_CONNECT_S
        ) as connection:
            connection.execute(statement.encode())
    except psycopg.Error as exc:
        raise _refused(server, exc, denied=_postgres_denied(exc)) from exc


def _postgres_denied(exc: psycopg.Error) -> bool:
    return exc.sqlstate in {"42501", "28P01", "28000"} or "authentication failed" in str(exc)


def _on_mysql(server: Place, statement: str) -> None:
    try:
        import pymysql  # noqa: PLC0415  an extra
    except ImportError as exc:
        raise _missing("MySQL", "mysql", exc) from exc
    try:
        with _mysql(server) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
    except pymysql.Error as exc:
        raise _refused(server, exc, denied=bool(exc.args) and exc.args[0] in _DENIED) from exc


def _mysql(server: Place) -> pymysql.Connection:
    import pymysql  # noqa: PLC0415  an extra

    url = urlsplit(server.url)
    return pymysql.connect(
        host=url.hostname or "localhost",
        port=url.port or 3306,
        user=unquote(url.username or "") or None,
        password=server.secret() or "",
        connect_timeout=_CONNECT_S,
    )


def _missing(engine: str, extra: str, exc: ImportError) -> ToolMissingError:
    hint = f"run `pip install 'recon-cli[{extra}]'`"
    return ToolMissingError(f"the {engine} driver is not installed", cause=str(exc), hint=hint)


def _refused(server: Place, exc: Exception, *, denied: bool) -> ReconError:
    cause = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
    if denied:
        hint = "a drill needs a login that may create a database; name another server with `--drill-in`"
        return AuthError(f"cannot make a scratch database on {server.label}", cause=cause, hint=hint)
    return UnreachableError(
        f"cannot make a scratch database on {server.label}", cause=cause, hint="check that the server runs"
    )
