"""`recon config`: what is set, and where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

import typer

from recon_cli.cli import options
from recon_cli.config import backups, places, settings
from recon_cli.config.keys import NAMED
from recon_cli.config.layers import Setting
from recon_cli.config.shown import shown
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ExitCode, ReconError
from recon_cli.core.report import Problem, Report, Table

app = options.App(help="Show settings and where each came from.")


@app.command(dry_run=True)
@options.examples("recon config show --origin")
def show(
    origin: Annotated[bool, typer.Option("--origin", help="Add the layer, file and line of each value.")] = False,
) -> None:
    """Show every setting that holds, without secrets."""
    call = options.current()
    call.show(_shown(shown(call.settings), origin=origin))


@app.command(dry_run=True)
@options.examples("recon config check")
def check() -> None:
    """Read all settings and say everything that is wrong with them; exit code 10 if anything is."""
    call = options.current()
    found, problems = settings.check(call.sources)
    call.show(_checked(found, [*problems, *_unresolvable(found)]))


def _shown(rows: Iterable[Setting], *, origin: bool) -> Report:
    cells: list[dict[str, Json]] = [_document(one) for one in rows]
    columns = ("key", "value", "layer", "where") if origin else ("key", "value")
    table = Table(columns, [[cell[name] for name in columns] for cell in cells])
    return Report("recon.config/1", f"{len(cells)} settings", {"settings": cells}, (table,))


def _document(one: Setting) -> dict[str, Json]:
    value: Json = list(one.value) if isinstance(one.value, tuple) else one.value
    return {"key": one.key, "value": value, "layer": one.source.layer.value, "where": one.source.where}


def _unresolvable(found: settings.Settings) -> list[ReconError]:
    """What each place and table lacks, though every value by itself is right."""
    resolvers: dict[str, Callable[[settings.Settings, str], object]] = {
        "files": places.resolve_files,
        "stores": places.resolve_store,
        "tables": places.resolve_table,
        "backups": backups.resolve_backup,
    }
    wrong: list[ReconError] = []
    for section, resolve in resolvers.items():
        for name in found.names(section):
            try:
                resolve(found, name)
            except ReconError as exc:
                wrong.append(exc)
    return wrong


def _checked(found: settings.Settings, wrong: list[ReconError]) -> Report:
    if not wrong:
        count = sum(len(found.names(section)) for section in NAMED)
        return Report("recon.config-check/1", f"settings are right; {count} places, tables and backups are named")
    problems = tuple(Problem(one.message, one.cause or one.slug, one.hint or "") for one in wrong)
    return Report("recon.config-check/1", "settings are wrong", problems=problems, exit_code=ExitCode.CONFIG)
