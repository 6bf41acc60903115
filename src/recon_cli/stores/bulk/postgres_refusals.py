"""What Postgres refuses while rows are loaded, as an error that names the table and the rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from recon_cli.core.errors import DataError
from recon_cli.stores.bulk.postgres_copy import Target
from recon_cli.stores.bulk.postgres_link import Link

import psycopg  # isort: skip  postgres_link says how to get the driver

_FOREIGN = "23503"
_PARTITION = "23514"


@contextmanager
def explained(link: Link, target: Target | str | None) -> Iterator[None]:
    """Constraints (SQLSTATE class 23) and values (22) as DataError; all else as `Link.translate` has it."""
    try:
        yield
    except psycopg.Error as exc:
        state = exc.sqlstate or ""
        if not state.startswith(("22", "23")):
            raise link.translate(exc) from exc
        given = target.name if isinstance(target, Target) else target
        table = given or exc.diag.table_name or "a table"
        raise DataError(f"{table}: {_what(exc, state)}", cause=_cause(exc), hint=_hint(state)) from exc


def _what(error: psycopg.Error, state: str) -> str:
    named = error.diag.column_name or error.diag.constraint_name or ""
    if state == _FOREIGN:
        return f"a row points at one that is not there ({named})"
    return f"a row does not fit ({named})" if named else "a row does not fit"


def _cause(error: psycopg.Error) -> str:
    told = (error.diag.message_primary, error.diag.message_detail)
    return "; ".join(part for part in told if part) or str(error).strip()


def _hint(state: str) -> str | None:
    return "import the other table too, or first" if state == _FOREIGN else None
