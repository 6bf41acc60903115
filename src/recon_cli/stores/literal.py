"""Values as a typed engine (Postgres, MySQL) hands them back, told by what the column really is."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from uuid import UUID

from recon_cli.core.canonical import Json, Value
from recon_cli.core.json_text import loads
from recon_cli.core.schema import ColumnType, normal, parse_timestamp
from recon_cli.stores.session import Field, Kind

_MICROS = 6


def literal(field: Field, meaning: ColumnType, value: Value) -> Value:
    """What `field` gives back for `value`; what cannot be converted stays, and the engine or the check refuses it."""
    if value is None:
        return None
    try:
        return _FORMS[field.kind](field, meaning, value) if field.kind in _FORMS else value
    except (ValueError, TypeError, OverflowError, InvalidOperation):
        return value


def utc_text(value: Value) -> str:
    """A moment as the applications write it into text columns: `YYYY-MM-DD HH:MM:SS[.ffffff]`, UTC, no zone."""
    return parse_timestamp(value).replace(tzinfo=None).isoformat(sep=" ")


def as_text(meaning: ColumnType, value: Value) -> Value:
    """A value for a text column."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, datetime):
        return utc_text(value)
    if meaning is ColumnType.TIMESTAMP and isinstance(value, str):
        return _try(utc_text, value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, date | time):
        return value.isoformat()
    return value if isinstance(value, str) else str(value)


def document(text: str) -> Value:
    """A JSON document as data where that loses nothing, else its text (also a bare number, string or null)."""
    exact = _Exact()
    try:
        data = loads(text, parse_float=exact.number, object_pairs_hook=exact.pairs)
    except ValueError:
        return text
    return data if isinstance(data, dict | list) and exact.kept else text


class _Exact:
    """Hooks for `json.loads` that notice what Python's types would lose: digits and repeated names."""

    kept = True

    def number(self, text: str) -> float:
        number = float(text)
        if not math.isfinite(number) or Decimal(repr(number)) != Decimal(text):
            self.kept = False
        return number

    def pairs(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        if len(dict(pairs)) != len(pairs):
            self.kept = False
        return dict(pairs)


def _try(convert: Callable[[str], Value], value: str) -> Value:
    try:
        return convert(value)
    except (ValueError, OverflowError):
        return value


def _integer(_field: Field, _meaning: ColumnType, value: Value) -> Value:
    if isinstance(value, bool | str):
        return int(value)
    if isinstance(value, float | Decimal) and value == int(value):
        return int(value)
    return value


def _single(_field: Field, _meaning: ColumnType, value: Value) -> Value:
    number = float(value)  # type: ignore[arg-type]  # what float() refuses is caught by `literal`
    return float(struct.unpack("f", struct.pack("f", number))[0])


def _decimal(field: Field, _meaning: ColumnType, value: Value) -> Value:
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if field.scale is None or not number.is_finite():
        return number
    exact = number.quantize(Decimal(1).scaleb(-field.scale))
    return exact if exact == number else number


def _moment(field: Field, _meaning: ColumnType, value: Value) -> Value:
    moment = _cut(field, parse_timestamp(value))
    return moment.astimezone(UTC).replace(tzinfo=None)


def _instant(field: Field, _meaning: ColumnType, value: Value) -> Value:
    return _cut(field, parse_timestamp(value))


def _cut(field: Field, moment: datetime) -> datetime:
    """The moment at the column's precision, cut off: engines differ in whether they round."""
    unit = 10 ** (_MICROS - (_MICROS if field.scale is None else field.scale))
    return moment.replace(microsecond=moment.microsecond // unit * unit)


def _date(_field: Field, _meaning: ColumnType, value: Value) -> Value:
    if isinstance(value, datetime):
        return value.date()
    return date.fromisoformat(value) if isinstance(value, str) else value


def _json(_field: Field, _meaning: ColumnType, value: Value) -> Value:
    return document(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _boolean(_field: Field, _meaning: ColumnType, value: Value) -> Value:
    if isinstance(value, int | float) and value not in (0, 1):
        return value
    return normal(ColumnType.BOOLEAN, value)


_FORMS: Mapping[Kind, Callable[[Field, ColumnType, Value], Value]] = {
    Kind.TEXT: lambda _field, meaning, value: as_text(meaning, value),
    Kind.INTEGER: _integer,
    Kind.REAL: lambda _field, _meaning, value: float(value),  # type: ignore[arg-type]  # caught by `literal`
    Kind.SINGLE: _single,
    Kind.DECIMAL: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.MOMENT: _moment,
    Kind.INSTANT: _instant,
    Kind.DATE: _date,
    Kind.JSON: _json,
    Kind.UUID: lambda _field, _meaning, value: UUID(value) if isinstance(value, str) else value,
}
