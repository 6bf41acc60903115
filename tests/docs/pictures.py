"""Draw docs/pictures/*.svg: real commands on a pseudo-terminal, in the scenes of the docs, as a terminal shows them.

Run by `nox -s docs -- --pictures`; the pictures are committed, since a host's port and the time differ in each run.
`python -m tests.docs.pictures gate` draws those of one scene.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from recon_cli.demo.service import prepared
from tests.docs.scenes import SCENES
from tools.terminal import draw, show

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
COLUMNS, WIDE = 112, 150
QUEUED = "recon reconstruct photos --preset quick --iterations 40 --queue"


@dataclass(frozen=True, slots=True)
class Picture:
    """Commands in the state that those of the pictures before left.

    A pair is what the picture shows as the command, and what is run; without the first nothing is shown of it.
    """

    name: str
    commands: tuple[str | tuple[str, str], ...]
    columns: int = COLUMNS


@dataclass(frozen=True, slots=True)
class Scene:
    """A folder with servers, and the pictures that are taken in it, in order."""

    open: Callable[[Path], AbstractContextManager[None]]
    pictures: tuple[Picture, ...]


PICTURES: Mapping[str, Scene] = {
    "demo": Scene(partial(prepared, models=5), (
        Picture("scan", ("recon scan host --include '*.obj' --include '*.db'",)),
        Picture("drift", ("recon check models",)),
        Picture("plan", ("recon recover models",)),
        Picture("apply", ("recon recover models --apply", "recon check models")),
        Picture("backup", ("recon backup export local ./kept", "recon backup verify ./kept --restore-drill")),
        Picture("undo", ("recon undo", 'recon undo "$(recon undo | head -n 1 | cut -f 1)"')),
        Picture("restore", ("recon backup import ./kept local", "recon backup diff ./kept local")),
        Picture("error", ("recon recover model",)),
        Picture("help", ("recon --help",)),
        Picture("help-korean", ("recon --lang ko check --help",)),
        Picture("error-korean", ("recon --lang ko recover model",)),
    )),
    "moving": Scene(SCENES["moving"], (
        Picture("migrate", ("recon migrate app --plan", "recon migrate app server", "recon migrate verify app server")),
    )),
    "nas": Scene(SCENES["nas"], (
        Picture("sync", ("recon sync init gfx", "recon sync gfx --once", "recon sync verify gfx")),
    )),
    "narrow nas": Scene(SCENES["narrow nas"], (
        Picture("queue", (
            "recon sync gfx --once", "recon queue status", "recon sync init gfx", "recon queue replay",
        )),
    )),
    "gate": Scene(SCENES["gate"], (
        Picture("records", (
            ("", "recon record init"), "recon sync cameras --once", "recon record search",
            "recon record stats --by day --by owner",
        ), WIDE),
    )),
    "workers": Scene(SCENES["workers"], (
        Picture("workers", (
            ("", "recon worker init; (recon worker run >worker.log 2>&1 & echo $! >worker.pid)"),
            QUEUED, QUEUED, ("", "until grep -q matching worker.log; do sleep 0.2; done"), "recon job list",
            ("", "until grep -q ended worker.log; do sleep 0.2; done; kill $(cat worker.pid); sleep 3"),
            ("recon worker", "cat worker.log"),
        ), WIDE),
    )),
}  # fmt: skip


def main() -> None:
    """Play through the scenes, or those that are named, and draw every picture."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PICTURES:
        with tempfile.TemporaryDirectory() as home:
            _played(PICTURES[name], Path(home) / f"recon-{name.split()[-1]}", Path(home))


def _played(scene: Scene, folder: Path, home: Path) -> None:
    folder.mkdir()
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "RECON_STATE_DIR": str(folder / "state"),
    }
    with scene.open(folder):
        for picture in scene.pictures:
            shown = (_shown(command, folder, env, picture.columns) for command in picture.commands)
            text = "\n".join(filter(None, shown))
            (FOLDER / f"{picture.name}.svg").write_text(draw(text, "recon", columns=picture.columns), "utf-8")


def _shown(command: str | tuple[str, str], folder: Path, env: dict[str, str], columns: int) -> str:
    """What a terminal has after a command: no path and no name of this machine in it."""
    typed, run = (command, command) if isinstance(command, str) else command
    shown = show(run, folder, env, columns=columns)
    told = f"{shown.screen}{shown.errors}".replace(str(folder), f"~/{folder.name}")
    host = socket.gethostname()[:40]
    told = re.sub(rf"\b{re.escape(host)}-(?=[0-9a-f]{{6}}\b)", f"{('pc' * 20)[: len(host)]}-", told)  # as wide
    return f"\033[1m$ {typed}\033[0m\n{told}" if typed else ""


if __name__ == "__main__":
    main()
