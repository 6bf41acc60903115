"""`recon doctor`: what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from recon_cli.cli import checkup, checkup_photos, checkup_sync, checkup_worker, options
from recon_cli.cli.checks import Check, Status
from recon_cli.config import settings
from recon_cli.config.near import suggest
from recon_cli.core.errors import ExitCode, UsageError
from recon_cli.core.report import Problem, Report, Table
from recon_cli.ui.language import said

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]…",
        help="Places and syncs of recon.toml; all of them if none is named.",
        autocompletion=options.complete("files", "stores", "syncs"),
    ),
]


@options.examples("recon doctor", "recon doctor dothome")
def doctor(names: Names = None) -> None:
    """Check this machine, the settings, the queue, every named place and sync; exit code 0, or the first failure's."""
    call = options.current()
    found, problems = settings.check(call.sources)
    chosen = _chosen(found, tuple(names or ()))
    if found.state_dir:
        call.use_state_dir(found.state_dir)
    general = [
        *checkup.machine(found),
        *checkup_photos.photos(found),
        *checkup_worker.workers(found),
        *map(checkup.wrong, problems),
        *checkup_sync.queue(found),
    ]
    call.show(_report([*general, *_places(found, chosen)]))


def _chosen(found: settings.Settings, names: tuple[str, ...]) -> list[tuple[str, str]]:
    known = [(section, name) for section in ("files", "stores", "syncs") for name in found.names(section)]
    for name in names:
        if name not in {one for _section, one in known}:
            raise UsageError(f"no place named `{name}`", hint=suggest(name, {one for _section, one in known}))
    return [(section, name) for section, name in known if not names or name in names]


def _places(found: settings.Settings, chosen: list[tuple[str, str]]) -> Iterator[Check]:
    for section, name in chosen:
        yield from checkup_sync.sync(found, name) if section == "syncs" else checkup.place(section, found, name)


def _report(checks: list[Check]) -> Report:
    failures = [one for one in checks if one.status is Status.FAIL]
    warned = sum(one.status is Status.WARN for one in checks)
    words = [f"{len(checks)} checks", f"{len(failures)} failed", f"{warned} to look at"]
    return Report(
        "recon.doctor/1",
        "all is well" if len(failures) + warned == 0 else ", ".join(words),
        {"checks": [one.document() for one in checks]},
        (Table(("check", "status", "found", "how to mend it"), [_row(one) for one in checks]),),
        tuple(Problem(one.name, one.detail, one.mend) for one in failures),
        failures[0].code if failures else ExitCode.DONE,
    )


def _row(one: Check) -> tuple[str, str, str, str]:
    return one.name, one.status.value, said(one.detail, ours=False), said(one.mend)
