"""What the values of a column really are: counted over all rows, in parts that can be added. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import Flag, auto

from recon_cli.core.catalog import DeclaredColumn, DeclaredTable
from recon_cli.migration import temporal
from recon_cli.migration.documents import Document, look_at_document
from recon_cli.migration.temporal import Shape

_BOOLEAN_WORDS = {b"true": True, b"false": False, b"t": True, b"f": False}
_UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DECIMAL = re.compile(rb"[-+]?(\d+)(?:\.(\d+))?")
_CHECKED_JSON = re.compile(r"json_valid\s*\(\s*[\"`\[]?(\w+)", re.IGNORECASE)
_EXACT_INTEGER = 2**53


class Probe(Flag):
    """What else to look at, by what the column is declared to hold."""

    NONE = 0
    TEMPORAL = auto()
    JSON = auto()
    BOOLEAN = auto()
    UUID = auto()
    DECIMAL = auto()


def probes(table: DeclaredTable, column: DeclaredColumn) -> Probe:
    """What a column's declaration asks to look for."""
    words = column.declared.upper()
    found = Probe.NONE
    if any(word in words for word in ("DATE", "TIME")):
        found |= Probe.TEMPORAL
    if "JSON" in words or column.name.lower() in _checked_json(table):
        found |= Probe.JSON
    if "BOOL" in words:
        found |= Probe.BOOLEAN
    if any(word in words for word in ("UUID", "GUID", "UNIQUEIDENTIFIER")):
        found |= Probe.UUID
    if any(word in words for word in ("DEC", "NUMERIC", "MONEY")):
        found |= Probe.DECIMAL
    return found


def _checked_json(table: DeclaredTable) -> set[str]:
    return {name.lower() for check in table.checks for name in _CHECKED_JSON.findall(check.expression)}


@dataclass(slots=True)
class ColumnProfile:
    """Counts over the values of one column; see `add` for how two parts become one.

    `longest_bytes` is of the largest text or blob. `exact` is about integers that a float holds, `whole` about reals
    that are integers, `odd_moments` about numbers that are no moments to the microsecond.
    """

    rows: int = 0
    nulls: int = 0
    integers: int = 0
    reals: int = 0
    texts: int = 0
    blobs: int = 0
    least: float | None = None
    greatest: float | None = None
    whole: bool = True
    infinite: int = 0
    longest_bytes: int = 0
    total_bytes: int = 0
    nul_texts: int = 0
    bad_texts: int = 0
    text_blobs: int = 0
    """Blobs that could be text."""
    shapes: Counter[int] = field(default_factory=Counter)
    documents: Counter[int] = field(default_factory=Counter)
    boolean_words: int = 0
    uuids: int = 0
    decimals: int = 0
    digits: int = 0
    """The most digits before the point."""
    scale: int = 0
    """The most digits behind it."""
    odd_moments: int = 0
    example: str = ""
    """Of a text that is not what the column is declared to hold."""

    @property
    def held(self) -> frozenset[str]:
        """The storage classes that occur."""
        return frozenset(name for name in ("integers", "reals", "texts", "blobs") if getattr(self, name))

    @property
    def exact(self) -> bool:
        """Whether a float holds every integer."""
        return self.least is None or (self.least >= -_EXACT_INTEGER and (self.greatest or 0) <= _EXACT_INTEGER)

    @property
    def clean(self) -> bool:
        """Whether every text is UTF-8 without NUL."""
        return not self.nul_texts and not self.bad_texts

    def add(self, other: ColumnProfile) -> None:
        """Count another part of the same column in."""
        for one in fields(self):
            setattr(self, one.name, _together(one.name, getattr(self, one.name), getattr(other, one.name)))


def _together(name: str, mine: object, other: object) -> object:
    if name in {"least", "greatest"}:
        known = [value for value in (mine, other) if value is not None]
        return (min if name == "least" else max)(known, default=None)  # type: ignore[type-var]  # numbers
    if name == "whole":
        return bool(mine) and bool(other)
    if name == "example":
        return mine or other
    if name in {"longest_bytes", "digits", "scale"}:
        return max(mine, other)  # type: ignore[call-overload]  # numbers
    return mine + other  # type: ignore[operator]  # numbers and counters


@dataclass(slots=True)
class TableProfile:
    """One table: exactly how many rows, and each stored column by name."""

    rows: int = 0
    columns: dict[str, ColumnProfile] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    """Row ranges that damage hides, in words."""

    def add(self, other: TableProfile) -> None:
        """Count another part of the same table in."""
        self.rows += other.rows
        self.unreadable += other.unreadable
        for name, one in other.columns.items():
            self.columns.setdefault(name, ColumnProfile()).add(one)


def look_at_texts(profile: ColumnProfile, texts: Sequence[bytes], probe: Probe) -> None:
    """Look at some texts (UTF-8 as stored, not yet verified)."""
    if not texts:
        return
    joined = b"\n".join(texts)
    if b"\0" in joined:
        profile.nul_texts += sum(b"\0" in text for text in texts)
    try:
        joined.decode()
    except UnicodeDecodeError:
        profile.bad_texts += sum(map(_is_bad, texts))
    if probe & Probe.TEMPORAL:
        _look_at_times(profile, texts)
    if probe & Probe.JSON:
        _look_at_json(profile, texts)
    if probe & Probe.BOOLEAN:
        profile.boolean_words += sum(text.lower() in _BOOLEAN_WORDS for text in texts)
    if probe & Probe.UUID:
        profile.uuids += sum(_UUID.fullmatch(text) is not None for text in texts)
    if probe & Probe.DECIMAL:
        _look_at_decimals(profile, texts)


def _is_bad(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return True
    return False


class _Rests(dict[bytes, Shape]):
    """The shape of a text by what follows its date; the date itself is looked at apart."""

    def __missing__(self, rest: bytes) -> Shape:
        if len(self) > 100_000:  # noqa: PLR2004  a bound, so that the cache stays small
            self.clear()
        self[rest] = temporal.shape(b"2000-01-01" + rest)
        return self[rest]


_days, _rests = temporal.Days(), _Rests()


def _look_at_times(profile: ColumnProfile, texts: Sequence[bytes]) -> None:
    try:
        for text in texts:
            _days[text[:10]]
        found = Counter(map(_rests.__getitem__, [text[10:] for text in texts]))
    except ValueError:
        found = Counter(map(temporal.shape, texts))
    profile.shapes.update({int(one): number for one, number in found.items()})
    if (Shape.BAD in found or Shape.FINE in found) and not profile.example:
        odd = next(text for text in texts if temporal.shape(text) in {Shape.BAD, Shape.FINE})
        profile.example = odd[:60].decode("utf-8", "replace")


def _look_at_json(profile: ColumnProfile, texts: Sequence[bytes]) -> None:
    for text in texts:
        found = look_at_document(text)
        profile.documents[int(found)] += 1
        if found is Document.BAD and not profile.example:
            profile.example = text[:60].decode("utf-8", "replace")


def _look_at_decimals(profile: ColumnProfile, texts: Iterable[bytes]) -> None:
    for text in texts:
        found = _DECIMAL.fullmatch(text)
        if found is not None:
            profile.decimals += 1
            profile.digits = max(profile.digits, len(found[1].lstrip(b"0")))
            profile.scale = max(profile.scale, len(found[2] or b""))


def look_at_reals(profile: ColumnProfile, reals: Sequence[float], probe: Probe) -> None:
    """Look at some floats; how many there are, and their bounds, is counted by SQL."""
    profile.infinite += sum(value in {float("inf"), float("-inf")} for value in reals)
    finite = [value for value in reals if abs(value) != float("inf")]
    profile.whole = profile.whole and all(map(float.is_integer, finite))
    if probe & Probe.DECIMAL:
        for value in finite:
            _look_at_decimal(profile, Decimal(repr(value)))
    if probe & Probe.TEMPORAL:
        profile.odd_moments += sum(not _is_moment(value) for value in reals)


def _look_at_decimal(profile: ColumnProfile, number: Decimal) -> None:
    _, digits, exponent = number.normalize().as_tuple()
    assert isinstance(exponent, int)  # finite
    profile.scale = max(profile.scale, -exponent)
    profile.digits = max(profile.digits, len(digits) + exponent)


def _is_moment(value: float) -> bool:
    """Whether a float is a Julian day or an epoch that comes back from its microseconds as it was."""
    if 1_000_000 < value < 6_000_000:  # noqa: PLR2004  Julian days of the years -1975 to 11715
        back = (temporal.julian_us(value) + temporal.UNIX_TO_2000_US) / 86_400_000_000 + temporal.JULIAN_OF_1970
        return abs(back - value) < 1e-9  # noqa: PLR2004  less than a tenth of a millisecond
    if abs(value) > 1e11:  # noqa: PLR2004  the year 5138
        return False
    return (temporal.epoch_us(value) + temporal.UNIX_TO_2000_US) / 1e6 == value


def boolean_of(text: bytes) -> bool:
    """`true`, `false`, `t`, `f` in any case.

    Raises:
        ValueError: anything else.
    """
    found = _BOOLEAN_WORDS.get(text.lower())
    if found is None:
        raise ValueError("neither true nor false")
    return found
