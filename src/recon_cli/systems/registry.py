"""Which systems there are: the built-in ones by lazy import path, others through the entry-point group."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from recon_cli.core.errors import ToolMissingError, UsageError
from recon_cli.systems.base import System

GROUP = "recon.systems"
BUILTIN = {
    "viewer": "recon_cli.systems.viewer:SYSTEM",
    "reconstruction": "recon_cli.systems.reconstruction:SYSTEM",
}


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
        raise UsageError(f"there is no system `{name}`", cause=f"known are {', '.join(names())}", hint=_hint(name))
    return _load(plugin)


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _load(plugin: EntryPoint) -> System:
    try:
        return cast("System", plugin.load())
    except Exception as exc:
        raise ToolMissingError(
            f"the system `{plugin.name}` cannot be loaded",
            cause=f"{plugin.value}: {exc}",
            hint="reinstall the package that brings it",
        ) from exc


def _hint(name: str) -> str | None:
    close = get_close_matches(name, names(), n=1)
    return f"did you mean `{close[0]}`?" if close else None
