"""Which snapshots stay: the newest of each of the last days, weeks, months and years that have one.

The rules are those of `restic forget` (https://restic.readthedocs.io/en/stable/060_forget.html): a rule counts the
periods that have a snapshot, not the calendar, so a service that was off for a month loses nothing. Beyond them:

- Only good snapshots count. A bad one takes no place, and goes only when a newer good one is there.
- The newest `floor` good ones always stay.
- What was made at the same moment as one that stays, stays.
- What claims to be made in the future stays and takes no place: some clock was wrong, and nobody knows which.
- What is of a format that this recon is too old to read stays and takes no place: nobody here can say what it is worth.

Days are dates in a time zone, so a day of 23 or 25 hours is one day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Generic, Protocol, TypeVar

AHEAD = timedelta(minutes=10)
"""How far a clock may be off before a snapshot counts as made in the future."""


class Kept(Protocol):
    """What retention asks of a snapshot. `made` is aware; `fault` is empty if it is a good one."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def made(self) -> datetime:
        """When it was made."""

    @property
    def fault(self) -> str:
        """Why it does not count as good."""

    @property
    def newer(self) -> str:
        """The format it is written in where this recon is too old to read that, else empty. No fault of its own."""


K = TypeVar("K", bound=Kept)


@dataclass(frozen=True, slots=True)
class Policy:
    """How many to keep of each. All 0 means that no rule is given, and everything stays."""

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    floor: int = 1

    @property
    def empty(self) -> bool:
        """Whether there is no rule at all."""
        return not (self.last or self.daily or self.weekly or self.monthly or self.yearly)


@dataclass(frozen=True, slots=True)
class Verdict(Generic[K]):
    """What becomes of one snapshot, and why, in words."""

    held: K
    keep: bool
    reasons: tuple[str, ...]


def decide(held: Iterable[K], policy: Policy, now: datetime, zone: tzinfo | None = None) -> list[Verdict[K]]:
    """What to keep and what to remove, oldest first. `zone` None: the machine's own."""
    ordered = sorted(held, key=_age)
    late = ahead(ordered, now)
    good = [one for one in reversed(ordered) if not (one.fault or one.newer or one in late)]
    reasons = _reasons(good, policy, zone)
    return [_verdict(one, reasons, policy, good, late) for one in ordered]


def ahead(held: Iterable[K], now: datetime) -> list[K]:
    """Those that claim to be made in the future: worth a warning, whatever is done with them."""
    return [one for one in held if one.made > now + AHEAD]


def newest(held: Iterable[K], now: datetime) -> K | None:
    """The newest snapshot without a fault; one from the future only where there is no other.

    It may be of a format that cannot be read here, which is worth an error to whoever opens it: older rows would pass
    for the latest.
    """
    good = sorted((one for one in held if not one.fault), key=_age)
    late = ahead(good, now)
    return next((one for one in reversed(good) if one not in late), good[-1] if good else None)


def readable(held: Iterable[K]) -> list[K]:
    """Those whose format this recon reads."""
    return [one for one in held if not one.newer]


def _age(one: Kept) -> tuple[datetime, int, str]:
    return one.made, len(one.name), one.name  # `-10` after `-9`


def _verdict(
    one: K, reasons: dict[datetime, list[str]], policy: Policy, good: Sequence[K], late: Sequence[K]
) -> Verdict[K]:
    if one in late:
        return Verdict(one, True, ("made in the future: look at the clock",))  # noqa: FBT003  keep
    if one.newer:
        return Verdict(one, True, (f"of the format {one.newer}: update recon",))  # noqa: FBT003  keep
    if one.fault:
        replaced = bool(good) and good[0].made > one.made
        return Verdict(one, not replaced, (one.fault, *(() if replaced else ("no newer good one",))))
    if policy.empty:
        return Verdict(one, True, ("no rule",))  # noqa: FBT003  keep
    why = reasons.get(one.made, [])
    return Verdict(one, bool(why), tuple(why) or ("no rule keeps it",))


def _reasons(good: Sequence[Kept], policy: Policy, zone: tzinfo | None) -> dict[datetime, list[str]]:
    """Why each moment stays; moments, not snapshots, so that what was made together stays together."""
    moments = list(dict.fromkeys(one.made for one in good))
    found: dict[datetime, list[str]] = {}
    for label, count, period in _rules(policy, zone):
        seen: list[str] = []
        for moment in moments:
            named = period(moment)
            if len(seen) < count and named not in seen:
                seen.append(named)
                found.setdefault(moment, []).append(f"{label} {named}".strip())
    for moment in moments[: policy.floor]:
        found.setdefault(moment, ["newest good one" if policy.floor == 1 else f"newest {policy.floor} good ones"])
    return found


def _rules(policy: Policy, zone: tzinfo | None) -> list[tuple[str, int, Callable[[datetime], str]]]:
    def local(pattern: str) -> Callable[[datetime], str]:
        return lambda moment: moment.astimezone(zone).strftime(pattern)

    return [
        ("last", policy.last, lambda moment: moment.isoformat()),
        ("daily", policy.daily, local("%Y-%m-%d")),
        ("weekly", policy.weekly, local("%G-W%V")),
        ("monthly", policy.monthly, local("%Y-%m")),
        ("yearly", policy.yearly, local("%Y")),
    ]
