"""What Postgres's errors mean, and its URL without secrets; the driver is asked for here, SQLAlchemy is not."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from recon_cli.core.errors import AuthError, DataError, NotFoundError, ReconError, ToolMissingError
from recon_cli.core.place import redact
from recon_cli.stores.server_errors import away, exists, locked, read_only

try:
    import psycopg
except ImportError as exc:
    raise ToolMissingError(
        "the Postgres driver is not installed", cause=str(exc), hint="run `pip install 'recon-cli[postgres]'`"
    ) from exc


def translate(url: str, error: BaseException) -> ReconError:
    """By SQLSTATE; a connection that never stood has none, then by what libpq knows of it."""
    state = getattr(error, "sqlstate", None) or ""
    cause = " ".join(str(error).split())  # libpq breaks and indents its lines
    for prefix, make in _STATES.items():
        if state.startswith(prefix):
            return make(url, cause)
    if isinstance(error, psycopg.OperationalError) and not state:
        return _connecting(url, error, cause)
    if isinstance(error, psycopg.DataError):
        return DataError(f"{url} cannot hold a value", cause=cause)
    return ReconError(f"{url} refuses", cause=cause, hint="`recon doctor` shows what the server is")


def _connecting(url: str, error: psycopg.OperationalError, cause: str) -> ReconError:
    """Libpq hands no SQLSTATE out for a failed login: its words first, then whether it was asked for a password.

    A line that is cut behind the password says nothing against it.
    """
    if re.search(r'database ".*" does not exist', cause):
        return _no_database(url, cause)
    if re.search(r"closed the connection unexpectedly|could not (receive|send) data|SSL SYSCALL", cause):
        return away(url, cause)
    known = error.pgconn
    asked = known is not None and (known.needs_password or known.used_password)
    if asked or re.search(r"authentication|password|pg_hba|role \"", cause):
        return _not_let_in(url, cause)
    return away(url, cause)


def shown(url: str) -> str:
    """The URL without any password, in the login or among the options."""
    parts = urlsplit(redact(url))
    kept = [(name, value) for name, value in parse_qsl(parts.query) if "password" not in name]
    return urlunsplit(parts._replace(query=urlencode(kept)))


def _no_database(url: str, cause: str) -> ReconError:
    return NotFoundError(f"no database at {url}", cause=cause, hint="`createdb` makes it, or correct its name")


def _not_let_in(url: str, cause: str) -> ReconError:
    hint = "check user and password (`password_file`, PGPASSWORD or ~/.pgpass)"
    return AuthError(f"{url} refuses the login", cause=cause, hint=hint)


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
