"""The tour: all parts, or those asked for, in one folder; each command is what an operator would type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import ToolMissingError
from recon_cli.demo import service
from recon_cli.demo.parts import PARTS, Part
from recon_cli.demo.stage import Audience, Outcome, Stage

INSTALL = "pip install 'recon-cli[demo]'"
_STATE = '\n[state]\ndir = "state"\n'


@dataclass(frozen=True, slots=True)
class Played:
    """A part and what came of it: what was proven, or what was missing to play it."""

    part: Part
    outcomes: tuple[Outcome, ...] = ()
    proven: str = ""
    missing: str = ""

    def document(self) -> dict[str, Json]:
        """JSON-ready form."""
        steps: list[Json] = [one.document() for one in self.outcomes]
        return {"name": self.part.name, "proven": self.proven, "missing": self.missing, "steps": steps}


@contextmanager
def staged(folder: Path, models: int, audience: Audience) -> Iterator[Stage]:
    """The demo's folder with its servers running; a web host only where `pyftpdlib` is installed.

    Raises:
        UsageError: the folder exists and no earlier demo made it.
    """
    with ExitStack() as servers:
        if PARTS[0].missing() is None:
            servers.enter_context(service.prepared(folder, models))
        else:
            service.empty(folder)
            (folder / "recon.toml").write_text("version = 1\n", "utf-8")
        stage = Stage(folder, audience, servers)
        stage.settings(_STATE)
        yield stage


def require(parts: Sequence[Part]) -> None:
    """See to it that something can be played, before anything is made.

    Raises:
        ToolMissingError: each part lacks a package.
    """
    missing = [part.missing() for part in parts]
    if all(missing):
        cause = f"not installed: {', '.join(sorted({name for name in missing if name}))}"
        raise ToolMissingError("nothing of the demo can be played", cause=cause, hint=f"`{INSTALL}`")


def play(stage: Stage, parts: Sequence[Part]) -> list[Played]:
    """Play the parts in turn; one that lacks a package is skipped, and says so.

    Raises:
        StageError: a command ended otherwise than it must.
    """
    return [_one(stage, part, f"{number}/{len(parts)} {part.name}") for number, part in enumerate(parts, 1)]


def _one(stage: Stage, part: Part, title: str) -> Played:
    stage.audience.title(title)
    if (missing := part.missing()) is not None:
        stage.audience.words(f"skipped: {missing} is not installed")
        stage.audience.words(f"to play it: `{INSTALL}`")
        return Played(part, missing=missing)
    stage.audience.words(part.story)
    before = len(stage.outcomes)
    proven = part.play(stage)
    stage.audience.words(f"\nproven: {proven}")
    return Played(part, tuple(stage.outcomes[before:]), proven)
