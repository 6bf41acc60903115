"""Names of the cameras' files: gate, local time, epoch in milliseconds, part; and what follows for captured_at.

`Gate_In_Upper-20250214-100249-1739552569200-7.mp4`, and beside it the same name with `.csv`, `.xlsx`, `_log.json`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from recon_cli.systems.feed import Unfit
from recon_cli.systems.text import base_name, compose

_ENDINGS = re.compile(r"(_log)?\.(csv|tsv|xlsx|json|jsonl|txt)$", re.IGNORECASE)
_VIDEO = re.compile(r"\.(mp4|avi|mkv|mov|ts|m4v|webm)$", re.IGNORECASE)
_PARTS = re.compile(r"(?P<gate>.*?)[-_](?P<local>\d{8}-\d{6})(?:-(?P<epoch>\d{13}))?(?:-\d+)?")
_FIRST, _BEHIND = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_BEGAN = datetime(1970, 1, 1, tzinfo=UTC)
_NEAR = timedelta(seconds=2)
_QUARTER = timedelta(minutes=15)
_FARTHEST = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a file's name says: the video that was read, when it began (aware, UTC), and what is odd about that."""

    source: str
    began: datetime | None = None
    notes: tuple[str, ...] = ()


def origin(path: str, zone: tzinfo | None = None) -> Origin:
    """What a path says by its last part.

    The epoch decides. The local time is compared with it: it has to be that moment in the `zone` that is stated, or,
    without one, in some zone: quarters of an hour from UTC. Without an epoch the local time in `zone` is taken.
    """
    source = video_of(base_name(path))
    found = _PARTS.fullmatch(source)
    if found is None:
        return Origin(source)
    local = _local(found["local"])
    if found["epoch"]:
        began = _BEGAN + timedelta(milliseconds=int(found["epoch"]))
        if not plausible(began):
            return Origin(source, None, (f"the epoch {found['epoch']} in the name is not a time of a camera",))
        return Origin(source, began, _compared(local, began, zone))
    if local is None or zone is None:
        return Origin(source)
    return Origin(source, local.replace(tzinfo=zone).astimezone(UTC), _doubt(local, zone))


def video_of(name: str) -> str:
    """The name of a video without any ending: what its list, its log and its own name have in common."""
    return compose(_VIDEO.sub("", _ENDINGS.sub("", name)))


def plausible(moment: datetime) -> bool:
    """Whether a camera can have seen anything then: a wrong unit or a lost digit ends elsewhere."""
    return _FIRST <= moment < _BEHIND


def no_time(source: str) -> Unfit:
    """Why an elapsed time alone says nothing."""
    detail = f"the name {source!r} has no epoch, and no local time in a known zone; state the zone or the start"
    return Unfit("no start", detail)


def _local(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d-%H%M%S")  # noqa: DTZ007  a local time, on purpose
    except ValueError:
        return None


def _compared(local: datetime | None, began: datetime, zone: tzinfo | None) -> tuple[str, ...]:
    if local is None:
        return ("the local time in the name is none",)
    if zone is not None:
        there = began.astimezone(zone).replace(tzinfo=None)
        if abs(there - local) > _NEAR:
            return (f"the name says {local}, its epoch is {there:%Y-%m-%d %H:%M:%S} in {zone}",)
        return ()
    offset = local - began.replace(tzinfo=None)
    quarters = round(offset / _QUARTER)
    if abs(offset - quarters * _QUARTER) > _NEAR or abs(offset) > _FARTHEST:
        return (f"the name says {local}, which is {began:%Y-%m-%d %H:%M:%S} UTC, its epoch, in no time zone",)
    return ()


def _doubt(local: datetime, zone: tzinfo) -> tuple[str, ...]:
    """A local time that a change of clocks makes double, or leaves out."""
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return (f"{local} is not one moment in {zone}: the clocks changed",) if first != second else ()
