"""Wavefront MTL: the texture files its statements name, whatever stands between the statement and the name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from recon_cli.systems import text

_STATEMENTS = frozenset({"bump", "disp", "decal", "norm", "refl"})
_NUMBERS = {"-s": 3, "-o": 3, "-t": 3, "-mm": 2, "-bm": 1, "-boost": 1, "-texres": 1}
"""Options followed by numbers, and by how many at most."""
_WORDS = frozenset({"-blendu", "-blendv", "-clamp", "-cc", "-imfchan", "-type"})
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Map:
    """One texture statement: `statement` in lower case, `path` as written, `name` its last part."""

    statement: str
    path: str

    @property
    def name(self) -> str:
        """The file name, without the folders of the machine it was exported on."""
        return text.base_name(self.path)


def parse(raw: bytes) -> tuple[Map, ...]:
    """Every texture statement, in order, each path once per statement; lines that name nothing are skipped."""
    found = (_map(line.strip()) for line in text.decode(raw).splitlines())
    return tuple(dict.fromkeys(one for one in found if one is not None))


def _map(line: str) -> Map | None:
    statement, *rest = line.split(None, 1)[:2] or [""]
    statement = statement.lower()
    if not rest or not (statement.startswith("map_") or statement in _STATEMENTS):
        return None
    path = _unquoted(_without_options(rest[0]))
    return Map(statement, path) if text.base_name(path) else None


def _without_options(rest: str) -> str:
    """What is left after the options: the file name, spaces and all."""
    while rest.startswith("-"):
        option, *after = rest.split(None, 1)
        if option not in _NUMBERS and option not in _WORDS:
            break
        rest = after[0] if after else ""
        rest = _without_numbers(rest, _NUMBERS[option]) if option in _NUMBERS else rest.partition(" ")[2].strip()
    return rest


def _without_numbers(rest: str, most: int) -> str:
    for _ in range(most):
        word, *after = rest.split(None, 1) or [""]
        if not after or not _NUMBER.fullmatch(word):
            break
        rest = after[0]
    return rest


def _unquoted(path: str) -> str:
    return path.strip().strip("\"'").strip()
