"""The time-window rule: two sightings of one thing within a window are one record, whatever order they arrive in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Sighting:
    """One sighting, ordered by moment, then key. `stands` is the key of the one that stood for it until now, if any.

    One that is `pinned` stands in any case.
    """

    at: datetime
    key: str
    stands: str | None = None
    pinned: bool = False


def representatives(moments: Iterable[datetime], window: timedelta) -> list[datetime]:
    """The sightings that stand when all are known: the earliest, then each more than a window after the last kept.

    Compared on the moments themselves, never on now, so late arrivals are judged like punctual ones; exactly one window
    later is still a repeat. The result does not depend on the order of `moments`.
    """
    kept: list[datetime] = []
    for moment in sorted(moments):
        if not kept or moment - kept[-1] > window:
            kept.append(moment)
    return kept


def settled(
    sightings: Iterable[Sighting], before: Sighting | None, until: datetime, window: timedelta
) -> Iterator[tuple[Sighting, str]]:
    """Which sightings another one stands for now than until now, each with the key of that one.

    A sighting depends on the last before it that stands, and on nothing behind it. So it is enough to begin at the
    first new one, and to end at the first behind the last new one for which the same stands as before: from there on
    nothing changes. `representatives` says which stand in the end, whatever the order they came in.

    Args:
        sightings: those of one thing from the first new one on, in order; read only as far as needed.
        before: the last before them that stands, if there is one within the window.
        until: the moment of the last new one.
        window: how long one stands for others.
    """
    last = before
    for one in sightings:
        if last is None or one.pinned or one.at - last.at > window:
            last = one
        if one.stands != last.key:
            yield one, last.key
        elif one.at > until:
            return
