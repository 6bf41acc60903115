"""Policies: what an operator decides about values that Postgres has no equal place for. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class OnText(StrEnum):
    """What to do with text that Postgres text cannot hold (NUL, bytes that are not UTF-8)."""

    REJECT = "reject"
    """The row goes to the rejects file."""
    STRIP = "strip"
    """Take the NULs, or the bytes that are not UTF-8, out."""
    ESCAPE = "escape"
    r"""Write them as `\x00`, `\xff`; a backslash before becomes two."""
    BYTEA = "bytea"
    """Make the whole column `bytea`."""


class OnMixed(StrEnum):
    """What to do with a column whose values are of several kinds."""

    WIDEN = "widen"
    """Choose the type that holds all of them: double precision, numeric, text, bytea."""
    REJECT = "reject"
    """Keep the declared type; rows that do not fit go to the rejects file."""


class OnOrphans(StrEnum):
    """What to do with a foreign key that some rows break."""

    LEAVE_OUT = "leave-out"
    NOT_VALID = "not-valid"
    """Add it NOT VALID: it holds for what is written from now on."""


@dataclass(frozen=True, slots=True)
class Policies:
    """All of them.

    `naive_zone`: the zone of times without an offset, which makes them `timestamptz`; empty keeps them naive. `zones`
    and `json_columns` say it for single columns (`table.column`).
    """

    on_nul: OnText = OnText.REJECT
    on_invalid_utf8: OnText = OnText.REJECT
    on_mixed: OnMixed = OnMixed.WIDEN
    on_orphans: OnOrphans = OnOrphans.LEAVE_OUT
    naive_zone: str = ""
    zones: dict[str, str] = field(default_factory=dict)
    json_columns: frozenset[str] = frozenset()
