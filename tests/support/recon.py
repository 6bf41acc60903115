"""Run `recon` as an operator does: a process of its own, with its own state folder and no terminal."""

from __future__ import annotations

import gc
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.support import published
from tests.support.system import require

SOURCES = Path(__file__).resolve().parents[2] / "src"
KERNELS = Path(os.environ.get("RECON_CACHE_DIR") or SOURCES.parent / ".pytest_cache" / "recon")
"""Compiled kernels of all tests: compiling them takes half a minute."""


@dataclass(frozen=True)
class Done:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Recon:
    """`recon` in one working folder; state and home lie in it too, so that tests do not meet."""

    folder: Path
    env: dict[str, str]
    before: tuple[str, ...] = ()
    """What starts `recon`, where that is not the test itself."""
    patience_s: float = 120.0
    """After so long a command is taken for stuck."""

    def __call__(self, *args: str | Path, expect: int | None = 0, env: dict[str, str] | None = None) -> Done:
        """Run to the end; `expect` is the exit code it must have (None for any)."""
        done = subprocess.run(
            self.argv(*args),
            cwd=self.folder,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=self.patience_s,
            check=False,
        )
        ended = Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
        assert "Traceback" not in ended.err, ended.err
        published.check_output([*map(str, args)], ended.out, ended.err)
        assert expect is None or ended.code == expect, f"exit {ended.code}\n{ended.out}\n{ended.err}"
        return ended

    def start(self, *args: str | Path) -> subprocess.Popen[bytes]:
        """Start without waiting, for tests that kill it; its own process group."""
        return subprocess.Popen(
            self.argv(*args),
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def argv(self, *args: str | Path) -> list[str]:
        """The command line of this very source tree."""
        return [*self.before, sys.executable, "-m", "recon_cli", *map(str, args)]


def inside(recon: Recon, *args: str | Path) -> Done:
    """The command in this very process, for tests by the hundred that start-up would make long.

    What it prints is caught; environment, working folder and streams are as before when it is done.
    """
    from recon_cli.cli.main import main  # noqa: PLC0415  most tests start a process

    kept, here = dict(os.environ), Path.cwd()
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    threshold = gc.get_threshold()
    try:
        os.environ.clear()
        os.environ.update(recon.env)
        os.chdir(recon.folder)
        with redirect_stdout(out), redirect_stderr(err):
            code = main([*map(str, args)])
    finally:
        os.environ.clear()
        os.environ.update(kept)
        os.chdir(here)
        gc.set_threshold(*threshold)
    told = [stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err)]  # type: ignore[attr-defined]
    assert "Traceback" not in told[1], told[1]
    published.check_output([*map(str, args)], *told)
    return Done(code, *told)


def in_folder(folder: Path, **env: str) -> Recon:
    """`recon` working in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RECON_", "XDG_", "PG"))}
    own = {
        "HOME": str(folder),
        "RECON_STATE_DIR": str(folder / "state"),
        "RECON_CACHE_DIR": str(KERNELS),
        "PYTHONPATH": str(SOURCES),
        "PYTHONWARNINGS": "ignore",
        "NO_COLOR": "1",
    }
    return Recon(folder, {**kept, **own, **env})


def as_a_mortal(recon: Recon) -> Recon:
    """`recon` as somebody to whom the permissions of files apply: root passes over them only by its capabilities."""
    if os.geteuid() != 0:
        return recon
    dropped = "--bounding-set=-dac_override,-dac_read_search"
    return replace(recon, before=(require("setpriv", "util-linux"), "--inh-caps=-all", dropped))
