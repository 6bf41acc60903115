"""PlayCanvas' `splat-transform` from npm, run by the node that comes with Playwright: an outside judge of our files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.fetch_node_programs import SPLAT_TRANSFORM
from tests.support.system import missing


def splat_transform(*words: str | Path) -> str:
    """Run it; gives what it said."""
    program = _fetched()
    done = subprocess.run(
        [_node(), str(program), *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _node() -> str:
    """Node 22 or newer, which the system's own may not be."""
    driver = pytest.importorskip("playwright._impl._driver", reason="needs the package `playwright`")
    found: str = driver.compute_driver_executable()[0]
    return found


def _fetched() -> Path:
    """The program, below the folder of system servers."""
    found = SPLAT_TRANSFORM.at(Path(os.environ.get("RECON_SYSTEM_DIR", "/nowhere")))
    if not found.exists():
        missing("needs splat-transform: python tests/support/fetch_node_programs.py DIR, then RECON_SYSTEM_DIR=DIR")
    return found
