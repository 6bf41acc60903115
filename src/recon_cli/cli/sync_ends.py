"""The ends that the commands of `recon sync` take: from flags, settings and variables to a route."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from recon_cli.cli import options
from recon_cli.cli.invocation import Invocation
from recon_cli.config import syncs
from recon_cli.core.errors import UsageError
from recon_cli.core.place import Place
from recon_cli.jobs.sync.route import OnDrift, Route
from recon_cli.jobs.watched import Watch
from recon_cli.systems.moments import zone_named
from recon_cli.systems.registry import FEEDS

Name: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", autocompletion=options.complete("syncs"), help="A sync of recon.toml."),
]
SystemName: TypeAlias = Annotated[
    str | None, typer.Option("--system", metavar="NAME", help="Whose files: gfx, containers, conversations.")
]
Source: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="DIR|NAME", autocompletion=options.complete("files"), help="The folder that is written to."
    ),
]
Target: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--to", metavar="URL|NAME", autocompletion=options.complete("stores"), help="Where rows go; may be given again."
    ),
]
TableName: TypeAlias = Annotated[str | None, typer.Option("--table", metavar="NAME", help="The main table's name.")]
Registry: TypeAlias = Annotated[
    str | None, typer.Option(metavar="FILE", help="The list of PCs, if it is not in its usual place.")
]
Zone: TypeAlias = Annotated[
    str | None, typer.Option(metavar="ZONE", help="The time zone of times that say none, such as Asia/Seoul.")
]
Drift: TypeAlias = Annotated[
    OnDrift | None, typer.Option("--on-drift", help="When the target lost a column: pause its table, or stash values.")
]


def chosen(
    call: Invocation,
    name: str | None,
    system: str | None,
    source: str | None,
    targets: list[str] | None,
    zone: str | None = None,
) -> syncs.SyncSettings:
    """What is to be sent where; notes an older queue that nobody adopted yet."""
    named = targets or []
    flags = syncs.Flags(system, source, named[0] if named else None, tuple(named[1:]))
    found = syncs.resolve_sync(call.settings, name, flags, call.warn)
    if zone:
        zone_named(zone)
        found = replace(found, options={**found.options, "zone": zone})
    if found.options.get("exclude_rooms"):
        call.note("the combined file is not sent: rooms are excluded, and nothing in it says whose its turns are")
    older = syncs.older_queue()
    if older is not None:
        call.note(f"an older queue lies at {older}: `recon queue adopt {older} --to {found.target.label}`")
    return found


def routes(
    found: syncs.SyncSettings,
    *,
    table: str | None = None,
    registry: str | None = None,
    on_drift: OnDrift | None = None,
    rate: float | None = None,
) -> list[Route]:
    """A route for each target, the first one first.

    Raises:
        UsageError: a target is named twice.
    """
    targets = (found.target, *found.copies)
    labels = [one.label for one in targets]
    twice = next((one for one in labels if labels.count(one) > 1), None)
    if twice:
        raise UsageError(f"{twice} is named twice", hint="name each target once")
    return [route(found.to(one), table=table, registry=registry, on_drift=on_drift, rate=rate) for one in targets]


def route(
    found: syncs.SyncSettings,
    *,
    table: str | None = None,
    registry: str | None = None,
    on_drift: OnDrift | None = None,
    rate: float | None = None,
) -> Route:
    """The route, flags over settings over what is usual."""
    texts, numbers = found.texts, found.numbers
    usual = Route(found.system, Path(), found.target)
    return Route(
        found.system,
        _folder(found.source),
        found.target,
        table or texts.get("table", ""),
        texts.get("pattern", ""),
        registry or texts.get("registry", ""),
        found.observations,
        on_drift or OnDrift(texts.get("on_drift", usual.on_drift)),
        numbers.get("settle_s", usual.settle_s),
        numbers.get("patience_s", usual.patience_s),
        numbers.get("rehash_s", usual.rehash_s),
        numbers.get("poll_s", usual.poll_s),
        numbers.get("rescan_s", usual.rescan_s),
        int(numbers.get("batch", usual.batch_items)),
        int(numbers.get("retries", usual.retries)),
        rate or numbers.get("rate"),
        options={"host": socket.gethostname(), **found.options} if found.system in FEEDS else found.options,
    )


def watch_of(call: Invocation, found: syncs.SyncSettings, what: str = "") -> Watch:
    """Who wants to hear of it."""
    return Watch(
        f"sync {what} {found.name}".replace("  ", " "), found.ping_url or call.settings.ping_url, found.textfile
    )


def _folder(place: Place) -> Path:
    path = place.url.removeprefix("file://")
    if "://" in path:
        hint = "mount it, and name the folder: sync reads what is mounted"
        raise UsageError(f"{place.label} is not a folder of this machine", hint=hint)
    return Path(path)
