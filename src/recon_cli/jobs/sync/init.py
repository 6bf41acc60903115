"""init: make a target fit, or say in SQL what would."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.catalog import Catalog
from recon_cli.core.errors import ExitCode, NotFoundError
from recon_cli.core.place import Place
from recon_cli.core.report import Report, Table
from recon_cli.stores.sink.base import Sink
from recon_cli.systems.feed import Feed

_SHOWN_BY_OTHERS = (".supabase.co", ".supabase.com")
"""Hosts whose databases a REST server shows to everybody."""


def init(feed: Feed, sink: Sink, target: Place, *, apply: bool) -> Report:
    """Create or migrate the tables and the view; nothing is dropped, no row is changed.

    Args:
        feed: whose tables.
        sink: the target, open.
        target: its place.
        apply: run the statements; else, and where a target cannot be changed, only show them.
    """
    catalog = catalog_of(sink)
    before = feed.faults(catalog)
    statements = feed.migration(catalog, exposed=is_exposed(sink, target)) if before else ()
    running = apply and sink.changeable and bool(statements)
    if running:
        sink.run(statements)
    left = feed.faults(sink.catalog()) if running else before
    blocking = [fault for fault in left if fault.blocks]
    shown = () if running else (Table(("sql",), [(line,) for line in lines(statements)]),) if statements else ()
    body: dict[str, Json] = {
        "target": target.label,
        "table": feed.table,
        "changed": running,
        "sql": lines(statements),
    }
    return Report(
        "recon.sync-init/1",
        _told(target, statements, running=running, blocked=bool(blocking)),
        body,
        shown,
        tuple(fault.problem() for fault in left) if not statements or running else (),
        ExitCode.DRIFT if blocking and (running or not statements) else ExitCode.DONE,
        hints=_hints(sink, target, statements, running=running),
    )


def lines(statements: Sequence[str]) -> list[str]:
    """Statements as a client takes them from a pipe, one on each line."""
    return [f"{' '.join(one.split())};" for one in statements]


def catalog_of(sink: Sink) -> Catalog:
    """What the target declares; a SQLite file that is not there yet declares nothing."""
    try:
        return sink.catalog()
    except NotFoundError:
        if sink.engine != "sqlite":
            raise
        return Catalog(sink.engine)


def is_exposed(sink: Sink, target: Place) -> bool:
    """Whether a REST server shows the target's tables to others."""
    return sink.engine == "postgrest" or (urlsplit(target.url).hostname or "").endswith(_SHOWN_BY_OTHERS)


def _told(target: Place, statements: Sequence[str], *, running: bool, blocked: bool) -> str:
    if not statements and blocked:
        return f"{target.label} is not as it should be, and no statement makes it so"
    if not statements:
        return f"{target.label} is as it should be"
    number = words.count(len(statements), "statement")
    return f"{target.label}: {number} run" if running else f"{target.label}: {number} to run; nothing was changed"


def _hints(sink: Sink, target: Place, statements: Sequence[str], *, running: bool) -> tuple[str, ...]:
    if running or not statements:
        return ()
    if not sink.changeable:
        return (f"no table can be made over REST: run these in the SQL editor of {target.label}",)
    return ("without `--sql` they are run",)
