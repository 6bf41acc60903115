"""From flags and settings to a scan: what `scan`, `recover` and `check` share. Imports no record store."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from pathlib import Path

from recon_cli.cli.invocation import Invocation
from recon_cli.core.errors import UsageError
from recon_cli.core.globs import PathFilter
from recon_cli.core.place import Place
from recon_cli.files.base import MtimeMode, ScanOptions
from recon_cli.jobs.scan import ScanRequest
from recon_cli.ops import paths


def state_dir(call: Invocation) -> Path:
    """Where this call keeps what must survive it: `[state] dir`, else the machine's own place."""
    named = call.settings.state_dir
    return paths.private_dir(named) if named else paths.state_dir()


def scan_request(
    call: Invocation,
    place: Place,
    *,
    mtime: MtimeMode | None = None,
    encoding: str | None = None,
    connections: int | None = None,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    max_depth: int | None = None,
    under: str = "",
    resume: bool = False,
) -> ScanRequest:
    """How to scan: flags over what the place says over `[scan]`."""
    defaults = call.settings.scan
    listing = ScanOptions(
        mtime=mtime or MtimeMode(defaults.mtime),
        encoding=_encoding(encoding or place.text("encoding", defaults.encoding)),
        connections=connections or int(place.number("connections", defaults.connections)),
        max_depth=max_depth,
        progress=call.progress,
    )
    return ScanRequest(listing, PathFilter.of(include or (), exclude or ()), under, resume)


def _encoding(name: str) -> str:
    try:
        return name if name == "auto" else codecs.lookup(name).name
    except LookupError:
        raise UsageError(f"no encoding `{name}`", hint="use `auto`, `utf-8` or `cp949` (Korean)") from None
