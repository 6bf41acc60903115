"""Which systems there are: the built-in ones by lazy import path, others through the entry-point group."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast

from recon_cli.core.errors import ToolMissingError, UsageError
from recon_cli.systems.base import System
from recon_cli.systems.feed import Feed, Rebuilds
from recon_cli.systems.records import RecordSystem

GROUP = "recon.systems"
BUILTIN = {
    "viewer": "recon_cli.systems.viewer:SYSTEM",
    "reconstruction": "recon_cli.systems.reconstruction:SYSTEM",
}

FEED_GROUP = "recon.feeds"
FEEDS = {
    "gfx": "recon_cli.systems.gfx.feed:make",
    "conversations": "recon_cli.systems.conversations.feed:make",
    "containers": "recon_cli.systems.containers.feed:make",
}
"""What makes a feed: called with the main table's name, the pattern of file names, `observations`, and `options`.

One with a `book` is a system of records (`systems/records.py`), too.
"""


class MakeFeed(Protocol):
    """As an entry point of `recon.feeds` offers it. `options` are only given where there are any."""

    def __call__(self, table: str, pattern: str, *, observations: bool, options: Mapping[str, str] = ...) -> Feed:
        """The feed for one main table; empty texts ask for what is usual."""


def names() -> tuple[str, ...]:
    """Every system that can be asked for, the built-in ones first."""
    return (*BUILTIN, *sorted(set(_plugins()) - set(BUILTIN)))


def get(name: str) -> System:
    """The system called `name`; a built-in one cannot be replaced by a plugin.

    Raises:
        UsageError: there is no such system.
        ToolMissingError: its package is installed and cannot be imported.
    """
    if name in BUILTIN:
        module, _, attribute = BUILTIN[name].partition(":")
        return cast("System", getattr(import_module(module), attribute))
    plugin = _plugins().get(name)
    if plugin is None:
        raise UsageError(f"no system `{name}`", cause=f"known are {', '.join(names())}", hint=_hint(name))
    return cast("System", _load(plugin))


def feed_names() -> tuple[str, ...]:
    """Every feed that can be asked for, the built-in ones first."""
    return (*FEEDS, *sorted(set(_plugins(FEED_GROUP)) - set(FEEDS)))


def feed(
    name: str,
    table: str = "",
    pattern: str = "",
    *,
    observations: bool = True,
    options: Mapping[str, str] | None = None,
) -> Feed:
    """The feed called `name`, for one main table (empty: the usual one) and with options of its own.

    Raises:
        UsageError: there is no such feed.
        ToolMissingError: its package is installed and cannot be imported.
    """
    if name in FEEDS:
        module, _, attribute = FEEDS[name].partition(":")
        make = cast("MakeFeed", getattr(import_module(module), attribute))
    else:
        plugin = _plugins(FEED_GROUP).get(name)
        if plugin is None:
            known = feed_names()
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean `{close[0]}`?" if close else None
            raise UsageError(f"no files of `{name}` can be sent", cause=f"known are {', '.join(known)}", hint=hint)
        make = cast("MakeFeed", _load(plugin))
    if options:
        return make(table, pattern, observations=observations, options=options)
    return make(table, pattern, observations=observations)


def rebuilds(name: str, table: str = "") -> Rebuilds | None:
    """The feed called `name`, if its rows give its files back; None for another, or none."""
    if name not in feed_names():
        return None
    found = feed(name, table)
    return cast("Rebuilds", found) if hasattr(found, "rebuilt") else None


def records(name: str, table: str = "") -> RecordSystem:
    """The feed called `name`, if its records can be asked for.

    Raises:
        UsageError: there is no such feed, or it has no book.
        ToolMissingError: its package is installed and cannot be imported.
    """
    found = feed(name, table)
    if not hasattr(found, "book"):
        hint = "`--system containers` and `--system conversations` have one"
        raise UsageError(f"`{name}` has no records to search", cause="it declares no book", hint=hint)
    return cast("RecordSystem", found)


def _plugins(group: str = GROUP) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def _load(plugin: EntryPoint) -> object:
    try:
        loaded: object = plugin.load()
    except Exception as exc:
        raise ToolMissingError(
            f"the system `{plugin.name}` cannot be loaded",
            cause=f"{plugin.value}: {exc}",
            hint="reinstall the package that brings it",
        ) from exc
    return loaded


def _hint(name: str) -> str | None:
    close = get_close_matches(name, names(), n=1)
    return f"did you mean `{close[0]}`?" if close else None
