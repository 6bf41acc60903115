"""Values for columns that must hold one when nobody knows it: the same for the same record, run after run."""

from __future__ import annotations

import hashlib
import uuid

_SPACE = uuid.UUID("6f1d3c0a-5b0e-5c57-9a55-7e2c4be0c9d1")
_ID_FLOOR = 1 << 30
"""Ids made here start above any id an application has counted up to."""


def token(system: str, key: str) -> str:
    """A share token in the shape the application makes: a hyphenated uuid4, derived from the record's key."""
    return str(uuid.UUID(bytes=_digest(system, key)[:16], version=4))


def digits(system: str, key: str, count: int = 10) -> str:
    """A numeric public key, derived from the record's key."""
    return f"{_number(system, key) % 10**count:0{count}d}"


def row_id(system: str, key: str) -> int:
    """An integer id for a row that has none: between 2**30 and 2**31."""
    return _ID_FLOOR | (_number(system, key) % _ID_FLOOR)


def _number(system: str, key: str) -> int:
    return int.from_bytes(_digest(system, key))


def _digest(system: str, key: str) -> bytes:
    return hashlib.sha256(f"{_SPACE}:{system}:{key}".encode("utf-8", "surrogatepass")).digest()
