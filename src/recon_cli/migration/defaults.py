"""Defaults and generated columns as Postgres means them."""

from __future__ import annotations

import re

from recon_cli.core.catalog import DeclaredTable
from recon_cli.migration import cells, translation
from recon_cli.migration.plan import Coding, ColumnPlan
from recon_cli.migration.policy import Policies
from recon_cli.migration.translation import Known, Untranslatable
from recon_cli.stores.bulk.postgres_link import literal

_CLOCK = re.compile(
    r"(?:current_timestamp|current_date|(?:datetime|date|unixepoch|julianday)\(\s*(?:'now'(?:\s*,\s*'(?:utc|localtime|subsec)')?)?\s*\)"
    r"|strftime\(\s*'[^']*'\s*,\s*'now'\s*(?:,\s*'(?:utc|localtime)'\s*)?\)"
    r"|cast\(\s*strftime\(\s*'%s'\s*,\s*'now'\s*\)\s+as\s+\w+\s*\)"
    r"|\(?cast\(\s*\(\s*julianday\(\s*'now'\s*\)\s*-\s*2440587\.5\s*\)\s*\*\s*86400000?(?:\.0)?\s+as\s+integer\s*\)\)?)",
    re.IGNORECASE,
)
_TEMPORAL = {
    "timestamp without time zone": "(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')",
    "timestamp with time zone": "CURRENT_TIMESTAMP",
    "date": "((CURRENT_TIMESTAMP AT TIME ZONE 'UTC')::date)",
    "time": "((CURRENT_TIMESTAMP AT TIME ZONE 'UTC')::time)",
}
_LITERAL = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"|([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")
_TRUTH = re.compile(r"'?(?:0|1|t|f|true|false)'?", re.IGNORECASE)
_BLOB = re.compile(r"[xX]'((?:[0-9a-fA-F]{2})*)'")
_CODED = frozenset(
    {
        *(Coding.EPOCH_S, Coding.EPOCH_MS, Coding.EPOCH_US, Coding.EPOCH_REAL, Coding.JULIAN),
        *(Coding.STAMP, Coding.STAMP_ZONE, Coding.DATE, Coding.TIME, Coding.JSONB, Coding.JSON, Coding.UUID),
    }
)


def default(text: str, column: ColumnPlan, known: Known, table: str) -> str | None:
    """A default as the column's type has it; None for a default of NULL.

    Raises:
        Untranslatable: and why.
    """
    text = _unwrapped(text)
    if text.upper() == "NULL":
        return None
    if column.type in _TEMPORAL and _CLOCK.fullmatch(text):
        return _TEMPORAL[column.type]
    if column.coding is Coding.BYTES and (found := _BLOB.fullmatch(text)):
        return f"'\\x{found[1].lower()}'::bytea"
    if column.coding in _CODED:
        return _coded(text, column)
    _kept(text, column)
    return translation.expression(text, known, table, column.type)


def _kept(text: str, column: ColumnPlan) -> None:
    """Refuse what the type would change: SQLite keeps -1.5 in a column of whole numbers, and 2 in a BOOLEAN."""
    number = _LITERAL.fullmatch(text)
    if column.type == "bigint" and number and number[3] and not float(number[3]).is_integer():
        raise Untranslatable(f"`{text[:60]}` is not a whole number")
    if column.type == "boolean" and not _TRUTH.fullmatch(text):
        raise Untranslatable(f"`{text[:60]}` is neither true nor false")


def _unwrapped(text: str) -> str:
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and _closes_at_end(text):
        text = text[1:-1].strip()
    return text


def _closes_at_end(text: str) -> bool:
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return place == len(text) - 1
    return False


def _coded(text: str, column: ColumnPlan) -> str:
    """A literal through the very way that stored values go, so that a new row means what an old one does."""
    found = _LITERAL.fullmatch(text)
    if found is None:
        raise Untranslatable(f"`{text[:60]}` has no equal")
    value = _value(found)
    context = cells.Context(column, Policies())
    try:
        wire = cells.CODERS[column.coding].one(value, context)
    except cells.Refused as why:
        raise Untranslatable(f"`{text[:60]}` is not {column.type}: {why}") from why
    if isinstance(value, bytes):
        return f"{literal(value.decode())}::{column.type}"
    assert isinstance(wire, int)  # what is written as a number is a moment
    return f"(timestamptz '2000-01-01 00:00:00+00' + interval '{wire} microseconds')"


def _value(found: re.Match[str]) -> int | float | bytes:
    if found[3] is None:
        return (found[1] or found[2] or "").replace("''", "'").encode()
    return int(found[3]) if re.fullmatch(r"[-+]?\d+", found[3]) else float(found[3])


def generated(text: str, column: ColumnPlan, known: Known, table: DeclaredTable) -> str:
    """What a generated column computes, in the type that its values have.

    Raises:
        Untranslatable: and why.
    """
    others = {one.name.lower() for one in table.columns if one.expression is not None}
    if others & {word.lower() for word in re.findall(r"\w+", text)}:
        raise Untranslatable("it computes with another generated column")
    told = translation.expression(text, known, table.name)
    if "CURRENT_TIMESTAMP" in told or "TO_CHAR" in told:
        raise Untranslatable("what it computes is not the same at all times")
    kind = translation.type_of(text, known, table.name)
    return told if kind == column.type else f"({told})::{column.type}"
