"""One value after the other: how a stored value becomes the number or the bytes that Postgres takes. Pure.

Every coder has two ways: `many` for a whole column of values that are known to fit, `one` for a value that may not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from struct import pack
from typing import cast
from zoneinfo import ZoneInfo

from recon_cli.core.catalog import Cell
from recon_cli.migration import temporal
from recon_cli.migration.documents import Document, look_at_document, may_repeat
from recon_cli.migration.plan import Coding, ColumnPlan
from recon_cli.migration.policy import OnText, Policies
from recon_cli.migration.profile import boolean_of

_INT64 = range(-(2**63), 2**63)
_DIGITS_AT_ONCE = 4


class Refused(ValueError):  # noqa: N818  data for the rejects file, not an error that ends anything
    """Why a value does not fit."""


class Text(bytes):
    """Text as stored, in a column that holds bytes too."""

    __slots__ = ()


@dataclass(slots=True)
class Context:
    """What a coder needs to know of its column."""

    column: ColumnPlan
    policies: Policies
    days: temporal.Days = field(default_factory=temporal.Days)
    clocks: temporal.Clocks = field(default_factory=temporal.Clocks)
    zone: ZoneInfo | None = None

    def __post_init__(self) -> None:
        if self.column.zone:
            self.zone = ZoneInfo(self.column.zone)
        if self.column.coding is Coding.STAMP:
            self.clocks = temporal.Clocks(aware=self.column.type == "timestamp with time zone")


@dataclass(frozen=True, slots=True)
class Coder:
    """`form` is the struct letter of a value of fixed width; empty for bytes."""

    form: str
    many: Callable[[Sequence[Cell], Context], Sequence[object]]
    one: Callable[[Cell, Context], object]


def _as_it_is(values: Sequence[Cell], _context: Context) -> Sequence[object]:
    return values


def _each(one: Callable[[Cell, Context], object]) -> Callable[[Sequence[Cell], Context], Sequence[object]]:
    """`many` by `one`, for what is rare."""

    def many(values: Sequence[Cell], context: Context) -> Sequence[object]:
        return [None if value is None else one(value, context) for value in values]

    return many


def _integer(value: Cell, _context: Context) -> int:
    if isinstance(value, float) and value.is_integer() and int(value) in _INT64:
        return int(value)
    if type(value) is int:
        return value
    raise Refused(f"{_named(value)} where whole numbers are kept")


def _real(value: Cell, _context: Context) -> float:
    if isinstance(value, float) or (type(value) is int and int(float(value)) == value):
        return float(value)
    raise Refused(f"{_named(value)} where floats are kept")


def _named(value: Cell) -> str:
    if isinstance(value, Text):
        return "text"
    return {int: "a whole number", float: "a float", bytes: "bytes"}.get(type(value), "a value")


def _text(value: Cell, context: Context) -> bytes:
    text = _bytes_of_any(value)
    policies = context.policies
    if b"\0" in text:
        text = _mended(text, policies.on_nul, "NUL in text", _without_nul, _escaped_nul)
    try:
        text.decode()
    except UnicodeDecodeError as exc:
        return _mended(text, policies.on_invalid_utf8, f"not UTF-8 ({exc.reason})", _without_odd, _escaped_odd)
    return text


def _mended(
    text: bytes, policy: OnText, reason: str, strip: Callable[[bytes], bytes], escape: Callable[[bytes], bytes]
) -> bytes:
    if policy is OnText.STRIP:
        return strip(text)
    if policy is OnText.ESCAPE:
        return escape(text)
    raise Refused(reason)


def _without_nul(text: bytes) -> bytes:
    return text.replace(b"\0", b"")


def _escaped_nul(text: bytes) -> bytes:
    return text.replace(b"\\", b"\\\\").replace(b"\0", b"\\x00")


def _without_odd(text: bytes) -> bytes:
    return text.decode("utf-8", "ignore").encode()


def _escaped_odd(text: bytes) -> bytes:
    return text.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace").encode()


def _bytes_of_any(value: Cell) -> bytes:
    if isinstance(value, bytes):
        return value
    return repr(value).encode() if isinstance(value, float) else str(value).encode()


def _blob(value: Cell, _context: Context) -> bytes:
    if isinstance(value, bytes):
        return value
    raise Refused(f"{_named(value)} where bytes are kept")


def _bool(value: Cell, _context: Context) -> int:
    if type(value) is int and value in {0, 1}:
        return value
    raise Refused("neither 0 nor 1")


def _bools(values: Sequence[Cell], _context: Context) -> Sequence[object]:
    if not {*values} <= {0, 1, None}:
        raise Refused("neither 0 nor 1")
    return values


def _bool_word(value: Cell, _context: Context) -> int:
    try:
        return int(boolean_of(cast("bytes", value)))
    except (ValueError, AttributeError) as exc:
        raise Refused("neither true nor false") from exc


def _stamps(values: Sequence[Cell], context: Context) -> Sequence[object]:
    days, clocks = context.days, context.clocks
    texts = cast("Sequence[bytes | None]", values)
    if None in texts:
        return [None if text is None else days[text[:10]] + clocks[text[10:]] for text in texts]
    return [days[text[:10]] + clocks[text[10:]] for text in cast("Sequence[bytes]", texts)]


def _stamp(value: Cell, context: Context) -> int:
    return _parsed(value, lambda text: context.days[text[:10]] + context.clocks[text[10:]], "no date and time")


def _stamp_zone(value: Cell, context: Context) -> int:
    def read(text: bytes) -> int:
        micros = context.days[text[:10]] + context.clocks[text[10:]]
        aware = temporal.shape(text) is temporal.Shape.AWARE
        return micros if aware or context.zone is None else temporal.in_zone(micros, context.zone)

    return _parsed(value, read, "no date and time")


def _date(value: Cell, context: Context) -> int:
    return _parsed(value, lambda text: context.days[text] // temporal.DAY_US, "no date")


def _time(value: Cell, _context: Context) -> int:
    return _parsed(value, _of_day, "no time of day")


def _of_day(text: bytes) -> int:
    micros, offset = temporal.clock(text)
    if offset is not None:
        raise ValueError("an offset")
    return micros


def _parsed(value: Cell, read: Callable[[bytes], int], reason: str) -> int:
    if not isinstance(value, bytes):
        raise Refused(reason)
    try:
        return read(value)
    except ValueError as exc:
        raise Refused(f"{reason}: {exc}") from exc


def _epoch(unit_us: int) -> Coder:
    def one(value: Cell, _context: Context) -> int:
        if type(value) is not int:
            raise Refused("no count since 1970")
        return value * unit_us - temporal.UNIX_TO_2000_US

    return Coder("q", _each(one), one)


def _epoch_real(value: Cell, _context: Context) -> int:
    return temporal.epoch_us(_number(value))


def _julian(value: Cell, _context: Context) -> int:
    return temporal.julian_us(_number(value))


def _number(value: Cell) -> float:
    if isinstance(value, float) or type(value) is int:
        return float(value)
    raise Refused("no number")


def _json(value: Cell, _context: Context) -> bytes:
    if isinstance(value, bytes) and look_at_document(value) is not Document.BAD:
        return bytes(value)
    raise Refused("no JSON that Postgres takes")


def _jsonb(value: Cell, context: Context) -> bytes:
    text = _json(value, context)
    if may_repeat(text):
        raise Refused("a key occurs twice, and jsonb keeps one")
    return b"\x01" + text


def _jsonbs(values: Sequence[Cell], _context: Context) -> Sequence[object]:
    texts = cast("Sequence[bytes | None]", values)
    if any(may_repeat(text) for text in texts if text is not None):
        raise Refused("a key occurs twice")
    return [None if text is None else b"\x01" + text for text in texts]


def _uuid(value: Cell, _context: Context) -> bytes:
    try:
        found = bytes.fromhex(cast("bytes", value).decode().replace("-", ""))
    except (ValueError, AttributeError) as exc:
        raise Refused("no UUID") from exc
    if len(found) != 16:  # noqa: PLR2004  a UUID
        raise Refused("no UUID")
    return found


def _numeric(value: Cell, context: Context) -> bytes:
    try:
        number = Decimal(repr(value) if isinstance(value, float) else _bytes_of_any(value).decode())
    except (ArithmeticError, ValueError) as exc:
        raise Refused("no decimal number") from exc
    _, _, inside = context.column.type.partition("(")
    scale = int(inside.rstrip(")").split(",")[1]) if inside else None
    if not number.is_finite():
        raise Refused("an infinite number")
    if scale is not None and number != number.quantize(Decimal(1).scaleb(-scale)):
        raise Refused(f"more than {scale} digits behind the point")
    return numeric_bytes(number, scale)


def numeric_bytes(number: Decimal, scale: int | None = None) -> bytes:
    """A number as `numeric_send` gives it: groups of four digits without zeros at either end."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # finite
    text = "".join(map(str, digits)) + "0" * max(0, exponent)
    behind = max(0, -exponent)
    text = text.rjust(behind, "0")
    whole, fraction = text[: len(text) - behind], text[len(text) - behind :]
    whole = whole.lstrip("0")
    whole = whole.rjust(-(-len(whole) // _DIGITS_AT_ONCE) * _DIGITS_AT_ONCE, "0")
    padded = fraction.ljust(-(-len(fraction) // _DIGITS_AT_ONCE) * _DIGITS_AT_ONCE, "0")
    both = whole + padded
    groups = [int(both[at : at + _DIGITS_AT_ONCE]) for at in range(0, len(both), _DIGITS_AT_ONCE)]
    weight = len(whole) // _DIGITS_AT_ONCE - 1
    while groups and groups[0] == 0:
        groups, weight = groups[1:], weight - 1
    while groups and groups[-1] == 0:
        groups.pop()
    shown = behind if scale is None else scale
    negative = 0x4000 if sign and groups else 0
    return pack(f">hhHh{len(groups)}h", len(groups), weight if groups else 0, negative, shown, *groups)


def _any_text(value: Cell, context: Context) -> bytes:
    return _text(_bytes_of_any(value), context)


def _any_bytes(value: Cell, _context: Context) -> bytes:
    return bytes(_bytes_of_any(value))


CODERS: Mapping[Coding, Coder] = {
    Coding.INT: Coder("q", _as_it_is, _integer),
    Coding.REAL: Coder("d", _as_it_is, _real),
    Coding.TEXT: Coder("", _as_it_is, _text),
    Coding.BYTES: Coder("", _as_it_is, _blob),
    Coding.BOOL: Coder("B", _bools, _bool),
    Coding.BOOL_WORD: Coder("B", _each(_bool_word), _bool_word),
    Coding.DATE: Coder("i", _each(_date), _date),
    Coding.TIME: Coder("q", _each(_time), _time),
    Coding.STAMP: Coder("q", _stamps, _stamp),
    Coding.STAMP_ZONE: Coder("q", _each(_stamp_zone), _stamp_zone),
    Coding.EPOCH_S: _epoch(1_000_000),
    Coding.EPOCH_MS: _epoch(1000),
    Coding.EPOCH_US: _epoch(1),
    Coding.EPOCH_REAL: Coder("q", _each(_epoch_real), _epoch_real),
    Coding.JULIAN: Coder("q", _each(_julian), _julian),
    Coding.JSON: Coder("", _as_it_is, _json),
    Coding.JSONB: Coder("", _jsonbs, _jsonb),
    Coding.NUMERIC: Coder("", _each(_numeric), _numeric),
    Coding.UUID: Coder("", _each(_uuid), _uuid),
    Coding.TEXT_OF_ANY: Coder("", _each(_any_text), _any_text),
    Coding.BYTES_OF_ANY: Coder("", _each(_any_bytes), _any_bytes),
}
