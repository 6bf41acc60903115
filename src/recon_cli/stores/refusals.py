"""What `apply` and `revert` say when they refuse: message, cause and a way out, worded once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from recon_cli.core.canonical import Value
from recon_cli.core.errors import DataError, GuardError
from recon_cli.core.record import Key
from recon_cli.stores.session import RowRefusedError

_NAMED = 5


def shown(key: Key) -> str:
    """A key in a sentence."""
    return "/".join("NULL" if part is None else str(part) for part in key)


def moved_on(table: str, cause: str) -> GuardError:
    """The rows are not those the plan was made from."""
    return GuardError(
        f"the target moved on since the plan was made: `{table}`",
        cause=cause,
        hint="make a new plan, look at it, and apply that one",
    )


def changed_since(table: str, keys: Sequence[Key]) -> GuardError:
    """Rows written by the run are no longer what the run wrote."""
    names = ", ".join(shown(key) for key in keys[:_NAMED])
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return GuardError(
        f"rows of `{table}` changed since the run, so it cannot be undone",
        cause=f"changed or removed: {names}{more}",
        hint="correct these rows by hand, or keep them as they are",
    )


def no_column(table: str, column: str, have: Iterable[str]) -> DataError:
    """A change names a column that the table lacks."""
    names = list(have)
    near = difflib.get_close_matches(column, names, n=1)
    meant = f"did you mean `{near[0]}`? " if near else ""
    return DataError(
        f"`{table}` has no column `{column}`",
        cause=f"its columns are {', '.join(names)}",
        hint=f"{meant}add the column to the table, or choose the table layout the target has",
    )


def no_schema(table: str) -> DataError:
    """A change for a table nothing is known about."""
    return DataError(
        f"`{table}` is not one of the tables that were planned for",
        hint="make the plan with the system that knows this table",
    )


def cannot_hold(table: str, key: Key, column: str, cause: str) -> DataError:
    """A value that the column cannot store as it is."""
    return DataError(
        f"row {shown(key)} of `{table}` cannot be written: column `{column}` cannot hold its value",
        cause=cause,
        hint="widen the column, or leave this value out of the plan",
    )


def not_unique(table: str, key: Key, columns: Sequence[str], cause: str) -> DataError:
    """Another row has the value already."""
    named = ", ".join(f"`{name}`" for name in columns) or "a unique column"
    return DataError(
        f"row {shown(key)} of `{table}` cannot be written: {named} must be unique and another row has this value",
        cause=cause,
        hint="find the other row and decide which of the two is right; nothing was written",
    )


def refused_row(table: str, key: Key, columns: Sequence[str], cause: str) -> DataError:
    """The engine refuses the row for another reason (NOT NULL, CHECK, foreign key, a trigger)."""
    named = f", column {', '.join(f'`{name}`' for name in columns)}" if columns else ""
    return DataError(
        f"row {shown(key)} of `{table}` cannot be written{named}",
        cause=cause,
        hint="nothing was written; correct the plan or the table, then run again",
    )


def row_error(table: str, key: Key, refusal: RowRefusedError) -> DataError:
    """The engine's refusal of one row, with the row's name."""
    if refusal.unique:
        return not_unique(table, key, refusal.columns, refusal.cause)
    if not refusal.held and refusal.columns:
        return cannot_hold(table, key, refusal.columns[0], refusal.cause)
    return refused_row(table, key, refusal.columns, refusal.cause)


def differs(value: Value, got: Value) -> str:
    """Why a value counts as not held."""
    return f"wrote {_short(value)}, got back {_short(got)}"


def _short(value: Value, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else text[: most - 1] + "…"
