"""Sightings as the argument of a target's own function that takes them in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import orjson

from recon_cli.core.landing import Load
from recon_cli.stores.sink.settle import in_group_order

_AT_ONCE = 1000


def sightings(load: Load) -> Iterator[bytes]:
    """The rows as JSON arrays of objects, times in UTC; those of one thing lie together."""
    window, names = load.shape.landing.window, load.shape.columns
    assert window is not None  # the caller asked
    rows = [{name: one.record.values.get(name) for name in names} for one in in_group_order(window, load)]
    for start in range(0, len(rows), _AT_ONCE):
        yield orjson.dumps(rows[start : start + _AT_ONCE], default=_told)


def _told(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} is not sent")
