"""Invocation: what one command line asks of every command, and the settings it runs with."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import click

from recon_cli.config import places
from recon_cli.config.layers import Sources
from recon_cli.config.settings import Settings, load
from recon_cli.core.place import Place
from recon_cli.core.ports import Progress, Silent
from recon_cli.core.report import Report
from recon_cli.ops import redact
from recon_cli.ui import progress as drawn
from recon_cli.ui.screen import Mode, Screen
from recon_cli.ui.show import show, warn


@dataclass(slots=True)
class Invocation:
    """The global options as gathered from every position, and what follows from them.

    `options.current()` gives the running command its own. Settings are read when first asked for, so that `--help`
    and `recon doctor` work beside a broken `recon.toml`.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    dry_run: bool = False
    lang: str | None = None
    """As asked for on the command line; `ui.language` has read it before anything was parsed."""
    config: Path | None = None
    _settings: Settings | None = None
    _progress: Progress = field(default_factory=Silent)
    _warned: set[str] = field(default_factory=set)

    @property
    def screen(self) -> Screen:
        """Where output goes."""
        return Screen.standard(quiet=self.quiet)

    @property
    def sources(self) -> Sources:
        """Where settings are looked for."""
        return Sources.found(self.config)

    @property
    def settings(self) -> Settings:
        """The settings of this run, read once; `[state] dir` holds for the whole process from then on.

        Raises:
            ConfigError: a layer is wrong.
        """
        if self._settings is None:
            sources = self.sources
            self._settings = load(sources)
            for path in filter(None, (sources.system, sources.user, sources.project)):
                self.note(f"settings: {path}")
            if self._settings.state_dir:
                self.use_state_dir(self._settings.state_dir)
        return self._settings

    def use_state_dir(self, folder: Path) -> None:
        """Let `ops.paths` and every child process use the state folder that the settings name."""
        os.environ["RECON_STATE_DIR"] = str(folder)

    def files(self, name_or_url: str) -> Place:
        """The files of that name or URL; warns about a password file that others can read."""
        return places.resolve_files(self.settings, name_or_url, self.warn)

    def store(self, name_or_url: str) -> Place:
        """The records of that name or URL; warns likewise."""
        return places.resolve_store(self.settings, name_or_url, self.warn)

    def table(self, name: str) -> places.Route:
        """The route of that name; warns likewise."""
        return places.resolve_table(self.settings, name, self.warn)

    @property
    def progress(self) -> Progress:
        """Where to say how far the work is."""
        if isinstance(self._progress, Silent):
            self._progress = drawn.progress(self.screen)
        return self._progress

    def clear(self) -> None:
        """Take the progress line away, before anything else is written."""
        drawn.clear(self._progress)

    def warn(self, text: str) -> None:
        """Tell something that does not change the result; the same words only once."""
        if text not in self._warned:
            self._warned.add(text)
            self.clear()
            warn(text, self.screen)

    def say(self, text: str) -> None:
        """Tell what happens while a command runs for long, on standard error; not when quiet."""
        if not self.quiet:
            self.clear()
            self.screen.say(text)

    def note(self, text: str) -> None:
        """Tell what `-v` asks for."""
        if self.verbose:
            self.clear()
            self.screen.say(text)

    def show(self, report: Report, *, json_lines: bool = False) -> NoReturn:
        """Render a report (`json_lines`: its stream) and end the command with its exit code; never comes back."""
        mode = Mode.JSON_LINES if json_lines else Mode.JSON if self.json else Mode.TEXT
        self.clear()
        show(report, mode=mode, screen=self.screen)
        raise click.exceptions.Exit(int(report.exit_code))

    def tell(self, report: Report) -> None:
        """Render a report and go on: what a command says that then runs for long."""
        self.clear()
        show(report, mode=Mode.JSON if self.json else Mode.TEXT, screen=self.screen)

    def plain(self) -> dict[str, object]:
        """The settings for a crash file, redacted."""
        return redact.mapping(self._settings.plain() if self._settings else {})
