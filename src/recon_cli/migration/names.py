"""Names that Postgres can hold: 63 bytes, and one of a kind in a schema. Pure, and the same every time."""

from __future__ import annotations

import hashlib

LONGEST_BYTES = 63
_MARK = 8
SYSTEM_COLUMNS = frozenset({"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"})
"""Names that every table of Postgres has taken already."""


def shortened(name: str) -> str:
    """A name of at most 63 bytes: the beginning, and a mark of the whole."""
    raw = name.encode()
    if len(raw) <= LONGEST_BYTES:
        return name
    mark = hashlib.sha256(raw).hexdigest()[:_MARK]
    return f"{raw[: LONGEST_BYTES - _MARK - 1].decode(errors='ignore')}_{mark}"


class Names:
    """Names of one kind in one place. `renamed` says which could not stay."""

    def __init__(self, taken: frozenset[str] = frozenset()) -> None:
        self._taken = set(taken)
        self.renamed: dict[str, str] = {}

    def take(self, name: str) -> str:
        """The name, shortened or numbered where it must be."""
        chosen, number = shortened(name or "unnamed"), 1
        while chosen in self._taken:
            number += 1
            chosen = shortened(f"{name or 'unnamed'}_{number}")
        self._taken.add(chosen)
        if chosen != name:
            self.renamed[name] = chosen
        return chosen
