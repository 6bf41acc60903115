"""The hands of a session: how many, by how many players, how long, from when to when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from recon_cli.core.words import count
from recon_cli.systems.gfx import fields
from recon_cli.systems.gfx.document import Parsed
from recon_cli.systems.gfx.fields import Say, said

_INT32 = 2**31
_FEW = 10


class Played(NamedTuple):
    """What the hands say together. A hand that stands twice counts twice, as it does in the file."""

    hand_count: int
    player_count: int
    total_duration_seconds: int | None
    """The sum of all durations, whole seconds, rounded down; None where no hand has one."""
    started_at: datetime | None
    ended_at: datetime | None


def played(keys: Mapping[str, Parsed], say: Say) -> Played:
    """Read the hands; what cannot be read of one is noted, and never costs the others."""
    listed = said(keys, "Hands", "hands")
    players = said(keys, "Players", "players")
    hands = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    if not isinstance(listed, list):
        say("no hands", "`Hands` is not a list" if listed is not None else "there is no `Hands`")
    elif len(hands) < len(listed):
        say("a hand is no object", count(len(listed) - len(hands), "hand"))
    _note_duplicates(hands, say)
    times = [_times(hand, say) for hand in hands]
    starts, ends = [one[0] for one in times if one[0]], [one[1] for one in times if one[1]]
    return Played(
        len(listed) if isinstance(listed, list) else _counted(keys, "hand_count", "handCount"),
        len(_players(players, hands)) or _counted(keys, "player_count", "playerCount"),
        _seconds([one[2] for one in times if one[2] is not None], say),
        min(starts, default=None),
        max(ends, default=None),
    )


def _counted(keys: Mapping[str, Parsed], *names: str) -> int:
    """A count that somebody wrote down, where there is nothing to count."""
    number = fields.whole(said(keys, *names)) or 0
    return number if 0 <= number < _INT32 else 0


def _note_duplicates(hands: list[dict[str, Parsed]], say: Say) -> None:
    if len(hands) <= 1:
        return
    numbers = Counter(fields.whole(_of(hand, "HandNum", "handNum", "hand_num")) for hand in hands)
    twice = [str(number) for number, times in numbers.items() if number is not None and times > 1]
    if twice:
        more = f" and {len(twice) - _FEW} more" if len(twice) > _FEW else ""
        say("a HandNum stands twice", f"{', '.join(twice[:_FEW])}{more}: every hand is kept")


def _times(hand: Mapping[str, Parsed], say: Say) -> tuple[datetime | None, datetime | None, int | None]:
    """Start, end and duration (100 ns) of one hand."""
    began, lasted = _of(hand, "StartDateTimeUTC", "start_time"), _of(hand, "Duration", "duration")
    start, ticks = fields.moment(began), fields.ticks(lasted)
    if lasted is not None and ticks is None:
        say("unreadable duration", fields.text(lasted))
    try:
        end = start + timedelta(microseconds=ticks // 10) if start and ticks else start
    except OverflowError:
        end = start
    return start, end, ticks


def _seconds(ticks: list[int], say: Say) -> int | None:
    total = sum(ticks) // fields.TICKS_PER_SECOND
    if total >= _INT32:
        say("the hands last too long", f"{total} s")
        return None
    return total if ticks else None


def _players(listed_once: Parsed, hands: list[dict[str, Parsed]]) -> frozenset[str]:
    """Who played: by name, or by seat where nobody is named."""
    everywhere = [_of(hand, "Players", "players") for hand in hands] + [listed_once]
    listed = [one for one in everywhere if isinstance(one, list)]
    return frozenset(name for one in listed for name in _names(one)) if listed else frozenset()


def _names(listed: list[Parsed]) -> Iterator[str]:
    for player in listed:
        if isinstance(player, dict):
            seat = fields.text(_of(player, "PlayerNum", "playerNum"))
            name = fields.text(_of(player, "Name", "name", "LongName")).strip() or (f"#{seat}" if seat else "")
        else:
            name = fields.text(player).strip()
        if name:
            yield name


def _of(hand: Mapping[str, Parsed], *names: str) -> Parsed:
    """The first of these names that says something."""
    for name in names:
        if (value := hand.get(name)) is not None and value != "":
            return value
    return None
