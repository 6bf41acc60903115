"""What the commands on files and records share: from flags and settings to open stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recon_cli.cli.invocation import Invocation
from recon_cli.cli.scanning import state_dir
from recon_cli.config.places import Route
from recon_cli.core.errors import UsageError
from recon_cli.files.base import FileStore
from recon_cli.files.registry import open_files
from recon_cli.files.state import ScanState
from recon_cli.jobs.scan import ScanRequest, open_state
from recon_cli.stores.base import RecordStore
from recon_cli.stores.registry import open_records
from recon_cli.systems import registry
from recon_cli.systems.base import System


@dataclass(frozen=True, slots=True)
class Pair:
    """Files and records, open, with the rules between them."""

    route: Route
    system: System
    files: FileStore
    records: RecordStore
    state: ScanState


def zone_name(name: str) -> str:
    """The name of a time zone that exists, or the empty string.

    Raises:
        UsageError: there is no such zone.
    """
    try:
        return ZoneInfo(name).key if name else ""
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"no time zone `{name}`", hint="use a name such as `Asia/Seoul` or `UTC`") from None


def route(call: Invocation, table: str | None, system: str | None, source: str | None, target: str | None) -> Route:
    """Which files become which records: a name of [tables], or `--system --from --to`; flags win over the name's.

    Raises:
        UsageError: neither is given, or only a part.
    """
    if table is None:
        if system is None or source is None or target is None:
            raise UsageError(
                "no records are named", hint="name a table of recon.toml, or give `--system`, `--from` and `--to`"
            )
        return Route(
            system,
            system,
            call.files(source),
            call.store(target),
        )
    named = call.table(table)
    return Route(
        named.name,
        system or named.system,
        named.source if source is None else call.files(source),
        named.target if target is None else call.store(target),
        named.also,
        named.take,
        named.shape,
        named.zone,
    )


@contextmanager
def pair(call: Invocation, chosen: Route, request: ScanRequest) -> Iterator[Pair]:
    """Open both ends of a route, and the state its scan is kept in; all are closed at the end."""
    system = registry.get(chosen.system)
    records = open_records(chosen.target)
    files = open_files(chosen.source)
    try:
        with open_state(files, request, state_dir(call)) as state:
            yield Pair(chosen, system, files, records, state)
    finally:
        files.close()
        records.close()
