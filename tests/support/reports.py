"""Show a report in a process of its own, so that terminals, pipes and exits are real."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from tests.support.recon import SOURCES

BEGIN = """
import sys
from recon_cli.core.errors import ExitCode
from recon_cli.core.report import Problem, Report, Table
from recon_cli.ui.screen import Mode, Screen
from recon_cli.ui.show import show
"""


def program(body: str) -> list[str]:
    """A command line that runs `body` with the names of a report at hand."""
    return [sys.executable, "-c", BEGIN + body]


def environment(**more: str) -> Mapping[str, str]:
    """A plain environment: a colour terminal, no wishes."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    return {**kept, "PYTHONPATH": str(SOURCES), "TERM": "xterm-256color", "LANG": "C.UTF-8", **more}
