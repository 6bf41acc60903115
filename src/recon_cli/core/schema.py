"""Schema: the columns of a table, what identifies a row, and which side wins where two values differ."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

from recon_cli.core.canonical import Value
from recon_cli.core.json_text import loads
from recon_cli.core.record import Key, Record


class ColumnType(StrEnum):
    """Types by meaning; each record store maps them to its own words."""

    TEXT = "text"
    INTEGER = "integer"
    REAL = "real"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    JSON = "json"
    BLOB = "blob"


class Merge(StrEnum):
    """Whose value stands when the row exists and the evidence says something else."""

    FILL = "fill"
    """An empty cell is filled; two different values are a conflict, the store's value stands."""
    PROTECT = "protect"
    """Like FILL, and not even `--take` may change a value that is there (share tokens)."""
    LIVE = "live"
    """The store's value stands without a word (counters, last access)."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `default` is an SQL literal or function as written in a CREATE TABLE.

    `naive_offsets_s` are the UTC offsets, in seconds, that some writer of this column meant by a time without a zone.
    """

    name: str
    type: ColumnType = ColumnType.TEXT
    nullable: bool = True
    unique: bool = False
    default: str | None = None
    merge: Merge = Merge.FILL
    length: int | None = None
    naive_offsets_s: tuple[int, ...] = ()

    def same(self, stored: Value, found: Value) -> bool:
        """Whether a stored and a found value mean the same in this column, however they are spelled."""
        wanted = normal(self.type, found)
        if normal(self.type, stored) == wanted:
            return True
        return any(_in_zone(stored, offset_s) == wanted for offset_s in self.naive_offsets_s)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`column` points at `table.target`; deleting the target row deletes ours when `cascade`."""

    column: str
    table: str
    target: str
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """A table: columns by declaration order, and the key that makes two rows the same thing.

    `autoincrement` names the surrogate id column that the store numbers by itself, if there is one. Such an id says
    little: after a loss the application starts at 1 again. `natural` names the columns that tell whether two rows under
    one id are the same thing; see `plan.renumbered`.
    """

    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    autoincrement: str | None = None
    natural: tuple[str, ...] = ()
    by_name: Mapping[str, Column] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})

    def column(self, name: str) -> Column:
        """The declared column, or a plain nullable text column for a name the schema does not know."""
        return self.by_name.get(name) or Column(name)

    def key_of(self, record: Record) -> Key:
        """The record's identity, normalised so that stores agree."""
        return tuple(normal(self.column(name).type, record.values.get(name)) for name in self.key)

    def limited_to(self, names: Iterable[str]) -> Schema:
        """This schema with only the named columns (the key always stays)."""
        kept = {*names, *self.key}
        return Schema(
            self.table,
            tuple(column for column in self.columns if column.name in kept),
            self.key,
            self.foreign_keys,
            self.autoincrement if self.autoincrement in kept else None,
            tuple(name for name in self.natural if name in kept),
        )


def is_empty(value: Value) -> bool:
    """Whether a cell says nothing: NULL or blank text."""
    return value is None or (isinstance(value, str) and not value.strip())


def normal(kind: ColumnType, value: Value) -> Value:
    """A value in the one spelling used for comparing; what cannot be read as `kind` stays as it is."""
    if value is None or kind not in _NORMAL:
        return value
    try:
        return _NORMAL[kind](value)
    except (ValueError, TypeError, OverflowError, LookupError):
        return value


def parse_timestamp(value: Value) -> datetime:
    """A timestamp cell as an aware datetime in UTC; naive values are taken as UTC.

    Accepts datetime, ISO 8601 text with `T` or a space, `Z` or an offset.

    Raises:
        ValueError: the cell is not a timestamp.
    """
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _in_zone(value: Value, offset_s: int) -> Value:
    """A naive stored time read in a zone of this offset, normalised; anything else is no time."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None
    if moment.tzinfo is not None:
        return None
    return _timestamp(moment.replace(tzinfo=timezone(timedelta(seconds=offset_s))))


def _timestamp(value: Value) -> Value:
    return parse_timestamp(value).isoformat()


def _json(value: Value) -> Value:
    document = loads(value) if isinstance(value, str | bytes) else value
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _boolean(value: Value) -> Value:
    if isinstance(value, str):
        return {"1": True, "0": False, "t": True, "f": False, "true": True, "false": False}[value.strip().lower()]
    return bool(value)


def _real(value: Value) -> Value:
    number = float(value)  # type: ignore[arg-type]  # what float() refuses is caught by `normal`
    return number if math.isfinite(number) else repr(number)


def _integer(value: Value) -> Value:
    number = int(value)  # type: ignore[arg-type]  # what int() refuses is caught by `normal`
    return number if number == value or isinstance(value, str) else value


_NORMAL = {
    ColumnType.TIMESTAMP: _timestamp,
    ColumnType.JSON: _json,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.REAL: _real,
    ColumnType.INTEGER: _integer,
}
