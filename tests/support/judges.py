"""PlayCanvas' `splat-transform` from npm, run by the node that comes with Playwright: an outside judge of our files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.recon import SOURCES
from tests.support.system import require

PACKAGE = "@playcanvas/splat-transform@3.7.0"


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
    """The program, installed once below the folder of system servers, or in pytest's cache."""
    home = Path(os.environ.get("RECON_SYSTEM_DIR") or SOURCES.parent / ".pytest_cache") / "npm"
    program = home / "node_modules" / "@playcanvas" / "splat-transform" / "bin" / "cli.mjs"
    if not program.exists():
        npm = require("npm", "npm")
        home.mkdir(parents=True, exist_ok=True)
        words = ["install", "--prefix", str(home), "--ignore-scripts", "--no-audit", "--no-fund", PACKAGE]
        done = subprocess.run([npm, *words], capture_output=True, text=True, timeout=300, check=False)
        if done.returncode or not program.exists():
            reason = f"npm cannot install {PACKAGE}: {done.stderr.strip()[-300:]}"
            (pytest.fail if os.environ.get("RECON_REQUIRE_SYSTEM") == "1" else pytest.skip)(reason)
    return program
