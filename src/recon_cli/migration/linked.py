"""Columns that point at one another get one type: Postgres compares a foreign key with what it points at. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from recon_cli.migration.plan import Coding, ColumnPlan

Place = tuple[str, str]
"""A table and its column, as the source spells them."""
_WHY = "as the column it points at, or is pointed at by"
_NUMBERS = frozenset({"bigint", "double precision"})


class Common(NamedTuple):
    """What a group of linked columns has in common."""

    type: str
    coding: Coding
    zone: str = ""


def agreed(
    columns: Mapping[Place, ColumnPlan], links: Iterable[tuple[Place, Place]]
) -> Iterator[tuple[Place, ColumnPlan]]:
    """The columns that must change so that every two linked ones have the same type."""
    for group in _groups(columns, links):
        members = [columns[place] for place in group]
        common = _common(members)
        if common is None:
            continue
        for place, one in zip(group, members, strict=True):
            if one.type != common.type:
                yield place, replace(one, type=common.type, coding=common.coding, zone=common.zone, why=_WHY)


def _groups(columns: Mapping[Place, ColumnPlan], links: Iterable[tuple[Place, Place]]) -> list[list[Place]]:
    """Columns that are linked, however many links lie between them, in the order of the plan."""
    leader: dict[Place, Place] = {}

    def first(place: Place) -> Place:
        while leader.setdefault(place, place) != place:
            place = leader[place]
        return place

    for one, other in links:
        leader[first(one)] = first(other)
    groups: dict[Place, list[Place]] = {}
    for place in columns:
        if place in leader:
            groups.setdefault(first(place), []).append(place)
    return list(groups.values())


def _common(members: Sequence[ColumnPlan]) -> Common | None:
    """The type that holds the values of all; None where they agree, or where nothing holds them all as they are."""
    full = [one for one in members if one.holds or one.identity]
    if len({one.type for one in members}) == 1:
        return None
    if not full:
        return _of(members[-1])
    types = {one.type for one in full}
    if len(types) == 1:
        return _of(full[0])
    held = frozenset(kind for one in full for kind in one.holds)
    if held <= {"integers"}:
        return Common("bigint", Coding.INT)
    if any(one.identity for one in full) or "blobs" in held:
        return None
    if held == {"texts"}:
        return Common("text", Coding.TEXT)
    if "texts" in held:
        return Common("text", Coding.TEXT_OF_ANY)
    return None if types <= _NUMBERS else Common("numeric", Coding.NUMERIC)


def _of(column: ColumnPlan) -> Common:
    return Common(column.type, column.coding, column.zone)
