"""init: make the tables of records fit, or say in SQL what would; and say how long the window is."""

from __future__ import annotations

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ExitCode, GuardError
from recon_cli.core.place import Place
from recon_cli.core.report import Report, Table
from recon_cli.jobs.sync.init import catalog_of, is_exposed, lines
from recon_cli.stores.sink.base import Sink
from recon_cli.systems.feed import Feed


def init(feed: Feed, sink: Sink, target: Place, *, apply: bool, window_s: float | None = None) -> Report:
    """Run every statement that makes or mends the tables; all may be run again, and nothing is dropped.

    Args:
        feed: whose tables.
        sink: the target, open.
        target: its place.
        apply: run the statements; else, and where a target cannot be changed, only show them.
        window_s: the window that is asked for, if one is.

    Raises:
        GuardError: the target has another window: its rows were settled by it.
    """
    catalog = catalog_of(sink)
    for landing in feed.landings():
        if landing.window and window_s and catalog.table(landing.window.rules):
            _same_window(sink, landing.window.rules, window_s)
    exposed = is_exposed(sink, target)
    statements = feed.migration(catalog, exposed=exposed)
    running = apply and sink.changeable
    if running:
        sink.run(statements)
    left = feed.faults(sink.catalog()) if running else ()
    body: dict[str, Json] = {
        "target": target.label,
        "table": feed.table,
        "changed": running,
        "sql": lines(statements),
    }
    shown = () if running else (Table(("sql",), [(line,) for line in lines(statements)]),)
    number = words.count(len(statements), "statement")
    summary = f"{target.label}: {number} run" if running else f"{target.label}: {number} to run; nothing was changed"
    hints = () if running else (_hint(sink, target),)
    code = ExitCode.DRIFT if any(fault.blocks for fault in left) else ExitCode.DONE
    return Report("recon.record-init/1", summary, body, shown, tuple(one.problem() for one in left), code, hints=hints)


def _same_window(sink: Sink, rules: str, window_s: float) -> None:
    for name, value in sink.read(rules, ["name", "value"]):
        if name == "window_s" and float(str(value)) != window_s:
            cause = f"its window is {value} s, and its rows were settled by it"
            raise GuardError(f"`{rules}` says another window than {window_s:g} s", cause=cause, hint="make new tables")


def _hint(sink: Sink, target: Place) -> str:
    if sink.changeable:
        return "without `--sql` they are run"
    return f"no table can be made over REST: run these in the SQL editor of {target.label}"
