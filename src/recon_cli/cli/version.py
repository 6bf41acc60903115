"""`recon --version`: what a bug report needs to begin with."""

from __future__ import annotations

import platform

from recon_cli import __version__
from recon_cli.core.report import Report


def report() -> Report:
    """Version, Python and platform."""
    python, system = platform.python_version(), platform.platform(terse=True)
    body = {"version": __version__, "python": python, "platform": system}
    return Report("recon.version/1", f"recon {__version__} (Python {python}, {system})", body)
