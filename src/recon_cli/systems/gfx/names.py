"""Names of exports: which session one names, and whether it is an export at all."""

from __future__ import annotations

import re
from collections.abc import Callable

from recon_cli.systems.text import base_name, compose
from recon_cli.systems.wanted import wanted

REGISTRY = "config/pc_registry.json"
"""Where the list of PCs lies, below the root of the NAS."""
PATTERN = "*.json"
_GAME_ID = re.compile(r"GameID\s*[=_-]?\s*([0-9]{1,19})(?![0-9])", re.IGNORECASE)


def game_id(path: str) -> int | None:
    """The session id in an export's name: `PGFX_live_data_export GameID=638961224831992165.json`."""
    name = base_name(path)
    found = _GAME_ID.search(name if name.isascii() else compose(name))
    return int(found[1]) if found else None


def is_export(pattern: str = PATTERN) -> Callable[[str], bool]:
    """Whether a path may be an export: it is wanted by the pattern, and is not the registry."""
    fits, registry = wanted(pattern), base_name(REGISTRY)
    return lambda path: fits(path) and base_name(path) != registry
