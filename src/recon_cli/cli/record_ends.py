"""What the commands of `recon record` share: which records, which of them, and times as operators say them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias, cast
from zoneinfo import ZoneInfo

import typer

from recon_cli.cli import options
from recon_cli.cli.invocation import Invocation
from recon_cli.cli.opened import zone_name
from recon_cli.config import records
from recon_cli.config.records import Flags, RecordSettings
from recon_cli.core.errors import UsageError
from recon_cli.core.search import Query
from recon_cli.jobs.record.add import Route
from recon_cli.ops.clock import SystemClock
from recon_cli.stores.records.base import Reader
from recon_cli.stores.records.registry import open_reader
from recon_cli.systems import registry
from recon_cli.systems.feed import Feed
from recon_cli.systems.records import Adds, Hints, Makes, RecordSystem

Records: TypeAlias = Annotated[
    str | None,
    typer.Option("--records", metavar="NAME", autocompletion=options.complete("records"), help="One of [records]."),
]
SystemName: TypeAlias = Annotated[
    str | None, typer.Option("--system", metavar="NAME", help="Whose records: conversations; containers by default.")
]
Target: TypeAlias = Annotated[
    str | None,
    typer.Option("--to", metavar="URL|NAME", autocompletion=options.complete("stores"), help="Where they are."),
]
TableName: TypeAlias = Annotated[str | None, typer.Option("--table", metavar="NAME", help="The main table's name.")]
Zone: TypeAlias = Annotated[
    str | None, typer.Option(metavar="ZONE", help="The time zone of times that say none, such as Asia/Seoul.")
]
Where: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="WORD=VALUE", help="Only those: owner, number, source; or room, model, …"),
]
Owner: TypeAlias = Annotated[str | None, typer.Option(metavar="OWNER", help="Only those of this owner code.")]
Number: TypeAlias = Annotated[str | None, typer.Option(metavar="NUMBER", help="Only this number, however written.")]
From: TypeAlias = Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only those of this source.")]
Since: TypeAlias = Annotated[
    str | None, typer.Option(metavar="TIME", help="From this time on: ISO 8601, or `36h`, `7d` ago.")
]
Until: TypeAlias = Annotated[str | None, typer.Option(metavar="TIME", help="Before this time.")]
Text: TypeAlias = Annotated[str | None, typer.Option(metavar="TEXT", help="Only those that have this text in them.")]

_AGO = re.compile(r"(\d{1,6})(s|min|h|d|w)")
_UNITS_S = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def chosen(call: Invocation, flags: Flags) -> RecordSettings:
    """Which records."""
    return records.resolve(call.settings, flags, call.warn)


def system_of(found: RecordSettings) -> RecordSystem:
    """The rules of these records."""
    return registry.records(found.system, found.table)


def adds(found: RecordSettings, route: Route) -> Adds:
    """The rules of these records, by which they are added: the route's own, so that what is read need be read once.

    Raises:
        UsageError: nothing says how: they come by themselves, as files do.
    """
    system = route.feed
    if not hasattr(system, "single"):
        raise UsageError(f"records of `{found.system}` are not added one by one", hint="`recon sync` brings them")
    return cast("Adds", system)


def tables(found: RecordSettings, window_s: float | None, *, partitioned: bool) -> Feed:
    """The rules of these records, by which their tables are made.

    Raises:
        UsageError: they know no window and no partitions.
    """
    system = system_of(found)
    if not hasattr(system, "making"):
        if window_s is None and not partitioned:
            return system
        raise UsageError(f"tables of `{found.system}` have no window and no partitions")
    return cast("Makes", system).making(window_s, partitioned=partitioned)


def route_of(found: RecordSettings, *, later: bool, resend: bool) -> Route:
    """Where records go, and how."""
    batch, retries = (found.numbers.get(name) for name in ("batch", "retries"))
    usual = Route(found.target, system_of(found), later=later, resend=resend)
    return replace(
        usual,
        batch_items=int(batch) if batch else usual.batch_items,
        retries=int(retries) if retries else usual.retries,
    )


def hints(found: RecordSettings, times: tuple[str | None, str | None], source: str, image: str) -> Hints:
    """What the command line says about what is added; `times` are when it was seen, and when the video began."""
    at, start = times
    name = zone_name(found.zone)
    return Hints(
        ZoneInfo(name) if name else None,
        moment(at, found.zone) if at else SystemClock().now().astimezone(UTC),
        moment(start, found.zone) if start else None,
        source,
        image,
    )


@contextmanager
def reading(call: Invocation, flags: Flags) -> Iterator[tuple[RecordSettings, RecordSystem, Reader]]:
    """Records, open to be read."""
    found = chosen(call, flags)
    with closing(open_reader(found.target)) as reader:
        yield found, system_of(found), reader


def asked(
    system: RecordSystem,
    found: RecordSettings,
    where: Sequence[str],
    texts: tuple[str | None, str | None, str | None],
) -> Query:
    """Filters as the command line says them; `texts` are since, until and the text that is looked for."""
    since, until, text = texts
    words = dict(map(_pair, where))
    return Query(
        system.asked(words),
        moment(since, found.zone) if since else None,
        moment(until, found.zone) if until else None,
        unicodedata.normalize("NFC", text or ""),
    )


def pairs(where: Sequence[str] | None, **words: str | None) -> list[str]:
    """The filters that have options of their own, beside those of `--where`."""
    return [*(where or ()), *(f"{name}={value}" for name, value in words.items() if value is not None)]


def moment(text: str, zone: str) -> datetime:
    """A time of the command line, aware: ISO 8601, naive ones in `zone` (else UTC); or so long ago.

    Raises:
        UsageError: it is none.
    """
    ago = _AGO.fullmatch(text)
    if ago:
        return SystemClock().now().astimezone(UTC) - timedelta(seconds=int(ago[1]) * _UNITS_S[ago[2]])
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        hint = "write `2026-03-01`, `2026-03-01T12:00+09:00`, or `7d` for seven days ago"
        raise UsageError(f"`{text}` is not a time", hint=hint) from None
    name = zone_name(zone)
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(name) if name else UTC)


def _pair(text: str) -> tuple[str, str]:
    word, equals, value = text.partition("=")
    if not equals or not word:
        raise UsageError(f"`--where {text}` asks nothing", hint="write it as `--where owner=TCNU`")
    return word.strip(), value
