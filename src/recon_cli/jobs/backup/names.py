"""The names of snapshots: the UTC time of their making, so that names sort by age on every disk and server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

_PATTERN = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"(\d{8}T\d{6}Z)(?:-([1-9]\d{0,5}))?")


def name_of(made: datetime) -> str:
    """What a snapshot made at that time is called."""
    return made.astimezone(UTC).strftime(_PATTERN)


def made_at(name: str) -> datetime | None:
    """When the snapshot of that name was made; None if it is not a snapshot's name."""
    found = _NAME.fullmatch(name)
    try:
        return datetime.strptime(found[1], _PATTERN).replace(tzinfo=UTC) if found else None
    except ValueError:  # digits, but no date
        return None


def order(name: str) -> tuple[str, int]:
    """A key that sorts names by age, `-10` behind `-9`."""
    found = _NAME.fullmatch(name)
    return (found[1], int(found[2] or 1)) if found else (name, 0)


def candidates(name: str) -> Iterator[str]:
    """`name`, then with `-2`, `-3` … for where it is taken."""
    yield name
    yield from (f"{name.partition('-')[0]}-{number}" for number in count(2))
