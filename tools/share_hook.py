"""Hatchling's hook: man pages and completions go into the wheel where `nox -s build` has made them.

An installation from the sources alone goes without: making them needs recon itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHARE = "build/share"


class ShareHook(BuildHookInterface[Any]):
    """Adds `build/share` as the wheel's `share`, beside its `bin`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is made."""
        made = Path(self.root) / SHARE
        if version == "standard" and made.is_dir():
            build_data["shared_data"] = {str(made): "share"}
