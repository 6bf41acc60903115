"""Landing: how rows that were sent settle in a target's table, so that twice, late and out of order end the same.

Every sink carries these rules out in its own words; `better` and `combined` say them in Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter

from recon_cli.core.canonical import Value
from recon_cli.core.record import Key, Record
from recon_cli.core.schema import ColumnType, Schema


@dataclass(frozen=True, slots=True)
class Mark:
    """The column that tells our rows from those of other programs, and the word that stands in ours."""

    column: str
    word: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """Lists that a key-value store keeps beside the rows, for programs that read them under names of their own.

    Each row stands once in the list called `name` with the row's values in its braces; an entry is a JSON object whose
    members, by `entry`, are columns. Rows that come together are entered by `order`.
    """

    name: str
    entry: tuple[tuple[str, str], ...]
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of a landing are sightings; of those of one thing within a window of time, one is a row of another table.

    The first of a `group` (by `moment`, then `key`) stands, and then each that is more than the window after the last
    that stands; see `core/window.py`. `rows` is the table of those that stand, with the columns `copied`. Every
    sighting says in `stands` which of them stands for it. One that is `pinned` stands in any case: another program
    wrote its row. How long the window is, in seconds, the target says: the row `window_s` of the table `rules`
    (`name, value`). Where the target has a function of its own that takes sightings in, it is called `taker`.
    """

    rows: str
    rules: str
    taker: str
    group: tuple[str, ...]
    moment: str
    key: str
    stands: str
    pinned: str
    copied: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Landing:
    """The rules of one table.

    `schema` declares what is sent; its key makes two rows the same thing. `keys` are other keys that a target may have
    in its place. Of two rows of one key the one that is less by the columns of `rank` stands, whole; without a rank
    the first to come stands. In `earliest` and `latest` the least and the greatest value stands. A row without the
    `mark` gives way to one that has it.
    """

    schema: Schema
    keys: tuple[tuple[str, ...], ...] = ()
    rank: tuple[str, ...] = ()
    earliest: tuple[str, ...] = ()
    latest: tuple[str, ...] = ()
    mark: Mark | None = None
    sums: tuple[str, ...] = ()
    """Columns whose sums an operator knows: how many hands, say."""
    private: frozenset[str] = frozenset()
    """Columns whose values are never told: not in a report, not in an error, not in a dead letter's reason."""
    shelf: Shelf | None = None
    window: Window | None = None
    """Where what lands here are sightings, of which some stand in another table."""

    @property
    def table(self) -> str:
        """The table's name."""
        return self.schema.table

    @property
    def documents(self) -> frozenset[str]:
        """Columns in which a text is a JSON document, to be kept as it was written."""
        return frozenset(one.name for one in self.schema.columns if one.type is ColumnType.JSON)


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a landing one target takes: the columns it has, and the key that it keeps unique."""

    landing: Landing
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def table(self) -> str:
        """The table's name."""
        return self.landing.table

    @property
    def rank(self) -> tuple[str, ...]:
        """The columns of the rank that are there."""
        return tuple(name for name in self.landing.rank if name in self.columns)

    @property
    def mark(self) -> Mark | None:
        """The mark, if its column is there."""
        mark = self.landing.mark
        return mark if mark and mark.column in self.columns else None

    @property
    def others(self) -> tuple[str, ...]:
        """The columns that are not of the key."""
        return tuple(name for name in self.columns if name not in self.key)

    def without(self, columns: Iterable[str]) -> Shape:
        """The same with fewer columns."""
        gone = set(columns)
        return replace(self, columns=tuple(name for name in self.columns if name not in gone))


@dataclass(frozen=True, slots=True)
class Parcel:
    """One row to land. `older`: values of the key's first column under which an older program may have stored it."""

    record: Record
    older: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Load:
    """Parcels for one table, one for each key, in key order: two that write at once take their locks in one order."""

    shape: Shape
    parcels: tuple[Parcel, ...]

    @staticmethod
    def of(shape: Shape, parcels: Iterable[Parcel]) -> Load:
        """The parcels, those of one key made one."""
        found: dict[Key, Parcel] = {}
        for parcel in parcels:
            key = tuple(map(parcel.record.values.get, shape.key))
            found[key] = combined(shape, found[key], parcel) if key in found else parcel
        return Load(shape, tuple(found[key] for key in sorted(found, key=_ordered)))

    def rows(self) -> Iterable[list[Value]]:
        """The values by the shape's columns."""
        names = self.shape.columns
        whole = itemgetter(*names) if len(names) > 1 else lambda values: [values.get(name) for name in names]
        for parcel in self.parcels:
            values = parcel.record.values
            try:
                yield list(whole(values))
            except KeyError:
                yield [values.get(name) for name in names]


def better(shape: Shape, new: Mapping[str, Value], old: Mapping[str, Value]) -> bool:
    """Whether a new row stands in the place of the old one of its key."""
    if not shape.rank:
        return False
    ours = _is_ours(shape, new), _is_ours(shape, old)
    if ours[0] is not ours[1]:
        return ours[0]
    return _rank(shape, new) < _rank(shape, old)


def combined(shape: Shape, old: Parcel, new: Parcel) -> Parcel:
    """What stands after both have landed."""
    stands = new if better(shape, new.record.values, old.record.values) else old
    spans = spanned(shape, new.record.values, old.record.values)
    older = tuple(dict.fromkeys((*old.older, *new.older)))
    return Parcel(stands.record.with_values(**spans) if spans else stands.record, older)


def spanned(shape: Shape, new: Mapping[str, Value], old: Mapping[str, Value]) -> dict[str, Value]:
    """The least and greatest values of both rows, in the columns that ask for it."""
    found: dict[str, Value] = {}
    for names, choose in ((shape.landing.earliest, min), (shape.landing.latest, max)):
        for name in (one for one in names if one in shape.columns):
            there = [one for one in (old.get(name), new.get(name)) if isinstance(one, datetime)]
            found[name] = choose(there) if there else None
    return found


def _is_ours(shape: Shape, row: Mapping[str, Value]) -> bool:
    return shape.mark is None or row.get(shape.mark.column) == shape.mark.word


def _rank(shape: Shape, row: Mapping[str, Value]) -> tuple[str, ...]:
    """Compared code point by code point, as databases compare bytes; a cell without a value comes first."""
    return tuple(str(row.get(name) or "") for name in shape.rank)


def _ordered(key: Key) -> tuple[str, ...]:
    return tuple(["" if one is None else str(one) for one in key])
