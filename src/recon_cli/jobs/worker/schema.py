"""The schema `recon_worker`: the engine's tables and ours, made or brought up to date in one transaction."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import psycopg
from procrastinate.schema import SchemaManager

from recon_cli.core.errors import AuthError, GuardError, UnreachableError
from recon_cli.core.place import Place, redact
from recon_cli.reconstruction.fleet import SCHEMA, TABLES

_ENGINE = "procrastinate"
_ONE_AT_A_TIME = 0x7265_636F_6E77
"""The advisory lock under which it is made: two workers may start at the same moment."""
_META = f"CREATE TABLE IF NOT EXISTS {SCHEMA}.meta (engine text PRIMARY KEY, version text NOT NULL)"


def install(place: Place) -> str:
    """Make the schema where it is missing, bring the engine's tables up to the installed version; gives what was done.

    Raises:
        AuthError: this user may not create a schema here.
        GuardError: the schema was made by a newer version.
        UnreachableError: the server does not answer.
    """
    secret = place.secret()
    given = {} if secret is None else {"password": secret}
    try:
        with psycopg.connect(place.url, connect_timeout=10, **given) as connection:  # type: ignore[arg-type]  # its keywords are of many types
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
            return _install(connection)
    except psycopg.errors.InsufficientPrivilege as exc:
        hint = f"let an owner run `recon worker init` once, then `GRANT ALL ON SCHEMA {SCHEMA}` with what is in it"
        raise AuthError(f"cannot make the schema {SCHEMA}", cause=str(exc).strip(), hint=hint) from exc
    except psycopg.Error as exc:
        raise UnreachableError(f"{redact(place.url)} cannot be used by workers", cause=str(exc).strip()) from exc


def _install(connection: psycopg.Connection) -> str:
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{SCHEMA}.meta",)).fetchone()
    ours = version(_ENGINE)
    if found == (False,):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.execute(f"SET LOCAL search_path TO {SCHEMA}")
        connection.execute(SchemaManager.get_schema())
        connection.execute(_META)
        connection.execute(f"INSERT INTO {SCHEMA}.meta VALUES (%s, %s)", (_ENGINE, ours))
        connection.execute(TABLES)
        return "made"
    row = connection.execute(f"SELECT version FROM {SCHEMA}.meta WHERE engine = %s", (_ENGINE,)).fetchone()
    theirs = str(row[0]) if row else "0"
    if _numbers(theirs)[:2] > _numbers(ours)[:2]:
        hint = "update recon: `pip install --upgrade 'recon-cli[worker]'`"
        raise GuardError(f"the schema {SCHEMA} is newer than this program", cause=f"{theirs}, here {ours}", hint=hint)
    if theirs == ours:
        return "there"
    connection.execute(f"SET LOCAL search_path TO {SCHEMA}")
    for path in _steps(theirs, ours):
        connection.execute(path.read_text("utf-8"))
    connection.execute(f"UPDATE {SCHEMA}.meta SET version = %s WHERE engine = %s", (ours, _ENGINE))
    return f"brought from {theirs} to {ours}"


def _steps(since: str, until: str) -> list[Path]:
    """The engine's own migrations after one version up to another, in their order."""
    found = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    return [path for path in found if _numbers(since) < _numbers(path.name.split("_")[0]) <= _numbers(until)]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in re.findall(r"\d+", text)[:3])
