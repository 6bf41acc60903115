"""Rows of one table beside each other: each of the source's must be there, with the same values, and no other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.migration.audit.model import Column, Table
from tests.migration.audit.sqlite_side import Text
from tests.migration.audit.told import Told, each_reject
from tests.migration.audit.values import RULE, shown, verdict

Row = tuple[Any, ...]
UNSAID = "and nothing says so"
MOST = 5
"""So many differences of a column are put into words; of the rest the number."""


@dataclass(slots=True)
class Differences:
    """What was found in a table, by column, and the rules that would make values right."""

    table: str
    found: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    rules: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    missing: list[Row] = field(default_factory=list)
    extra: list[Row] = field(default_factory=list)


def compared(one: Table, other: Table, names: dict[str, str], was: list[Row], became: list[Row]) -> Differences:
    """Pair the rows by key, else by what they hold, and compare cell by cell. `names`: column there → column here."""
    places = {column.name: place for place, column in enumerate(other.columns)}
    columns = [
        (place, column, places[names[column.name]], other.columns[places[names[column.name]]])
        for place, column in enumerate(one.columns)
        if column.name in names
    ]
    keyed = [pair for pair in columns if pair[1].name in one.key] if one.key else []
    pairing = keyed if len(keyed) == len(one.key) and keyed else columns
    differences = Differences(one.name)
    left = _by_key(became, [pair[2] for pair in pairing])
    unpaired: list[Row] = []
    for row in was:
        key = tuple(_canonical(row[pair[0]]) for pair in pairing)
        there = None if None in key and pairing is not columns else _take(left, key)
        if there is None:
            unpaired.append(row)
        else:
            _cells(differences, columns, row, there)
    rest = [row for rows in left.values() for row in rows]
    for row in unpaired:
        there = _closest(rest, row, columns, pairing)
        if there is None:
            differences.missing.append(row)
        else:
            rest.remove(there)
            _cells(differences, columns, row, there)
    differences.extra.extend(rest)
    return differences


Pair = tuple[int, Column, int, Column]


def _cells(into: Differences, columns: Sequence[Pair], row: Row, there: Row) -> None:
    for place, column, place_there, column_there in columns:
        said = verdict(row[place], there[place_there], column_there.base)
        if said is None:
            continue
        if said.startswith(RULE):
            into.rules[column.name].add(said.removeprefix(RULE))
        else:
            into.found[column.name].append(said)


def _by_key(rows: list[Row], places: list[int]) -> dict[tuple[Any, ...], list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(_canonical(row[place]) for place in places)].append(row)
    return found


def _take(left: dict[tuple[Any, ...], list[Row]], key: tuple[Any, ...]) -> Row | None:
    rows = left.get(key)
    if not rows:
        return None
    taken = rows.pop()
    if not rows:
        del left[key]
    return taken


def _canonical(cell: object) -> object:
    if isinstance(cell, (bool, Decimal)):
        return cell if isinstance(cell, Decimal) and not cell.is_finite() else _number(cell)
    if isinstance(cell, (int, float)):
        return _number(cell)
    if isinstance(cell, Text):
        return bytes(cell).decode("utf-8", "surrogateescape")
    if isinstance(cell, UUID):
        return str(cell)
    return cell


def _number(cell: float | Decimal) -> object:
    return f"{cell!r}" if isinstance(cell, float) and cell != cell else cell + 0  # noqa: PLR0124  NaN


def _closest(rest: list[Row], row: Row, columns: Sequence[Pair], pairing: Sequence[Pair]) -> Row | None:
    """The row whose key holds this one's; without a key, the one with the fewest differences, if under half differ."""

    def fits(there: Row) -> bool:
        said = [verdict(row[pair[0]], there[pair[2]], pair[3].base) for pair in pairing]
        return all(one is None or one.startswith(RULE) for one in said)

    keyed = [there for there in rest if fits(there)]
    if len(pairing) < len(columns) and len(keyed) < 2:
        return next(iter(keyed), None)
    rest = keyed or rest

    def wrong(there: Row) -> int:
        said = [verdict(row[pair[0]], there[pair[2]], pair[3].base) for pair in columns]
        return sum(one is not None and not one.startswith(RULE) for one in said)

    best = min(rest, key=wrong, default=None)
    return best if best is not None and wrong(best) * 2 <= len(columns) else None


def in_words(found: Differences, one: Table, told: Told) -> list[str]:
    """The differences that the report does not name."""
    words = []
    for column, said in found.found.items():
        if not told.names(one.name, column, str(len(said))):  # what is changed must be counted
            words += [f"{one.name}.{column}: {text}" for text in said[:MOST]]
            words += [f"{one.name}.{column}: {len(said) - MOST} more"] if len(said) > MOST else []
    for column, rules in found.rules.items():
        if not told.states(one.name, column):
            words.append(f"{one.name}.{column}: read as {', '.join(sorted(rules))} {UNSAID}")
        if len(rules) > 1 and any(rule.startswith("epoch") for rule in rules):
            words.append(f"{one.name}.{column}: one column read by several rules: {', '.join(sorted(rules))}")
    left = list(each_reject(told, one.name))
    lost = [row for row in found.missing if not _refused(row, one, left)]
    if lost:
        named = len(found.missing) - len(lost)
        words.append(
            f"{one.name}: {len(found.missing)} rows are missing, {named} of them refused by name: "
            + "; ".join(" ".join(shown(cell) for cell in row[:4]) for row in lost[:2])
        )
    if found.extra:
        words.append(f"{one.name}: {len(found.extra)} rows that the source does not have: {shown(found.extra[0])}")
    return words


def _refused(row: Row, one: Table, left: list[dict[str, Any]]) -> bool:
    """Whether an entry of the rejects holds a cell of this row as it is; an entry counts once."""
    for entry in left:
        place = next((at for at, column in enumerate(one.columns) if column.name == entry.get("column")), None)
        if place is None or _holds(entry, row[place]):
            left.remove(entry)
            return True
    return False


def _holds(entry: dict[str, Any], cell: object) -> bool:
    if isinstance(cell, bytes):
        return entry.get("hex") == cell.hex() or str(entry.get("value")).encode() == cell
    return entry.get("value") in {cell, str(cell)}
