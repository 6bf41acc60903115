"""The time-window rule: two sightings of one thing within a window are one record, whatever order they arrive in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta


def duplicate_of(moment: datetime, known: Iterable[datetime], window: timedelta) -> datetime | None:
    """The known sighting that `moment` repeats, or None.

    Compared on the moments themselves, never on now, so late arrivals are judged like punctual ones. Both ends are
    inclusive: exactly one window apart is still a repeat. With several in reach the nearest wins, the earlier at a tie.
    """
    near = [other for other in known if abs(other - moment) <= window]
    return min(near, key=lambda other: (abs(other - moment), other), default=None)


def representatives(moments: Iterable[datetime], window: timedelta) -> list[datetime]:
    """The sightings that stand when all are known: the earliest, then each more than a window after the last kept.

    The result does not depend on the order of `moments`.
    """
    kept: list[datetime] = []
    for moment in sorted(moments):
        if not kept or moment - kept[-1] > window:
            kept.append(moment)
    return kept
