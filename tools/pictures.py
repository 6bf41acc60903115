"""Draw docs/pictures/*.svg: real commands on a pseudo-terminal, in the demo's folder, as a terminal shows them.

Run by `nox -s docs -- --pictures`; the pictures are committed, since a host's port and the time differ in each run.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from recon_cli.demo.service import prepared
from tools.terminal import draw, show

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
COLUMNS = 112

PICTURES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("scan", ("recon scan host --include '*.obj' --include '*.db'",)),
    ("drift", ("recon check models",)),
    ("plan", ("recon recover models",)),
    ("apply", ("recon recover models --apply", "recon check models")),
    ("backup", ("recon backup export local ./kept", "recon backup verify ./kept --restore-drill")),
    ("undo", ("recon undo", 'recon undo "$(recon undo | head -n 1 | cut -f 1)"')),
    ("restore", ("recon backup import ./kept local", "recon backup diff ./kept local")),
    ("error", ("recon recover model",)),
    ("help", ("recon --help",)),
)
"""In order, each picture's commands in the state that those before it left."""


def main() -> None:
    """Play through the scene once and draw every picture."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "recon-demo"
        env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": home,
            "RECON_STATE_DIR": str(folder / "state"),
        }
        with prepared(folder, 5):
            for name, commands in PICTURES:
                text = "\n".join(_played(command, folder, env) for command in commands)
                (FOLDER / f"{name}.svg").write_text(draw(text, "recon", columns=COLUMNS), "utf-8")


def _played(command: str, folder: Path, env: dict[str, str]) -> str:
    shown = show(command, folder, env, columns=COLUMNS)
    told = f"{shown.screen}{shown.errors}".replace(str(folder), "~/recon-demo")
    return f"\033[1m$ {command}\033[0m\n{told}"


if __name__ == "__main__":
    main()
