"""Canonical JSON: one byte string for one value, whatever store it came from.

Plain values stay plain JSON. What JSON cannot say is an object with one `$` key, so that a cell that is an object
is always a tag: `$b` bytes (base64), `$n` Decimal, `$r` a float that is not finite, `$t` a date or time (ISO 8601),
`$u` UUID, `$j` a JSON document (object or array) held by a JSON column, `$s` text that holds lone surrogates (hex).
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TypeAlias, cast
from uuid import UUID

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Value: TypeAlias = (
    "bool | int | float | str | bytes | Decimal | date | time | datetime | UUID | list[Json] | dict[str, Json] | None"
)

_MODULUS = 1 << 256


def encode(value: Value) -> Json:
    """A value as plain JSON data, tagged where JSON has no word for it; `decode` is the exact inverse."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value if _is_utf8(value) else {"$s": value.encode("utf-8", "surrogatepass").hex()}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$r": repr(value)}
    return _tagged(value)


def _tagged(value: bytes | Decimal | date | time | UUID | list[Json] | dict[str, Json]) -> Json:
    if isinstance(value, bytes):
        return {"$b": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Decimal):
        return {"$n": str(value)}
    if isinstance(value, UUID):
        return {"$u": str(value)}
    if isinstance(value, date | time):
        return {"$t": value.isoformat()}
    return {"$j": value}


def decode(cell: Json) -> Value:
    """The value that `encode` was given.

    Raises:
        ValueError: the cell is an object with an unknown tag or a broken body.
    """
    if not isinstance(cell, Mapping):
        return cell  # type: ignore[return-value]  # arrays never stand bare in a cell
    (tag, body), *rest = cell.items()
    if rest or tag not in _DECODERS:
        raise ValueError(f"unknown tag {tag!r}")
    return _DECODERS[tag](body)


def dumps(document: Json) -> bytes:
    """The one canonical byte string of a JSON document: sorted keys, no spaces, UTF-8.

    A lone surrogate, which UTF-8 cannot carry, is written as its JSON escape.
    """
    return _written(document, sort_keys=True, separators=(",", ":"))


def pretty(document: Json) -> bytes:
    """A JSON document for people and for git: indented by one, keys as they come, UTF-8, one newline at the end."""
    return _written(document, indent=1) + b"\n"


def _written(document: Json, **style: Any) -> bytes:  # noqa: ANN401  json.dumps's own
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, **style)
    if _is_utf8(text):
        return text.encode("utf-8")
    return json.dumps(document, allow_nan=False, **style).encode("ascii")


def digest(values: Mapping[str, Value]) -> str:
    """SHA-256 (hex) over a row's canonical JSON, independent of column order."""
    return hashlib.sha256(dumps({name: encode(value) for name, value in values.items()})).hexdigest()


def sum_digests(digests: Iterable[str], *, start: str = "0", sign: int = 1) -> str:
    """The order-independent sum of row digests modulo 2**256 (64 hex digits).

    Adding a row's digest, or subtracting it (`sign=-1`), gives the digest of the table with or without the row, so the
    digest after a plan is known before it is applied. It detects mishaps, not an adversary who can choose rows.
    """
    total = int(start, 16)
    for item in digests:
        total += sign * int(item, 16)
    return f"{total % _MODULUS:064x}"


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _time(body: Json) -> Value:
    text = str(body)
    if "T" in text:
        return datetime.fromisoformat(text)
    return time.fromisoformat(text) if ":" in text else date.fromisoformat(text)


_DECODERS: dict[str, Callable[[Json], Value]] = {
    "$b": lambda body: base64.b64decode(str(body), validate=True),
    "$n": lambda body: Decimal(str(body)),
    "$r": lambda body: float(str(body)),
    "$t": _time,
    "$u": lambda body: UUID(str(body)),
    "$j": lambda body: cast("Value", body),
    "$s": lambda body: bytes.fromhex(str(body)).decode("utf-8", "surrogatepass"),
}
