"""Settling: after sightings came in, which of them stand; for targets that have no function of their own for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from recon_cli.core.canonical import Value
from recon_cli.core.landing import Load, Parcel, Window
from recon_cli.core.window import Sighting, settled

Group: TypeAlias = "tuple[str, ...]"
Changes: TypeAlias = "Sequence[tuple[Sighting, str]]"
"""Sightings, each with the key of the one that stands for it from now on."""


class Ground(Protocol):
    """A target's tables, inside a transaction in which nobody else changes these groups."""

    def span(self) -> timedelta:
        """How long the target says that the window is."""

    def before(self, group: Group, first: datetime, since: datetime) -> Sighting | None:
        """The last that stands before `first`, and not before `since`."""

    def sightings(self, group: Group, first: datetime) -> Iterator[Sighting]:
        """Those of a group from `first` on, in order; the table may be changed while they come."""

    def write(self, changes: Changes) -> None:
        """Let each sighting say who stands for it; who stands now gets its row, who does no more loses it."""


def settle(ground: Ground, window: Window, fresh: Sequence[Parcel]) -> None:
    """Settle the groups of sightings that are new in the table."""
    spans = _spans(window, fresh)
    span = ground.span() if spans else timedelta()
    changes: list[tuple[Sighting, str]] = []
    for group, (first, last) in spans.items():
        changes += settled(ground.sightings(group, first), ground.before(group, first, first - span), last, span)
    if changes:
        ground.write(changes)


def parted(changes: Changes) -> tuple[list[Sighting], list[Sighting]]:
    """Those that stand from now on, and those that stood until now."""
    stand = [one for one, key in changes if key == one.key]
    return stand, [one for one, key in changes if key != one.key and one.stands == one.key]


def in_group_order(window: Window, load: Load) -> list[Parcel]:
    """Parcels by group, then moment: rows of one group lie together."""
    return sorted(load.parcels, key=lambda one: (_group(window, one.record.values), str(one.record.values[window.key])))


def _spans(window: Window, fresh: Sequence[Parcel]) -> Mapping[Group, tuple[datetime, datetime]]:
    found: dict[Group, tuple[datetime, datetime]] = {}
    for parcel in fresh:
        at, group = parcel.record.values[window.moment], _group(window, parcel.record.values)
        assert isinstance(at, datetime)  # what a landing with a window is sent
        first, last = found.get(group, (at, at))
        found[group] = min(first, at), max(last, at)
    return dict(sorted(found.items()))


def _group(window: Window, values: Mapping[str, Value]) -> Group:
    return tuple(str(values[name]) for name in window.group)
