"""Names of files: what a table's folder and a table's shards are called, and nothing else is accepted.

A folder's name depends on its table's name alone, so a new table never moves an old one's files.
"""

from __future__ import annotations

import hashlib
import itertools
import re

from recon_cli.snapshot.cut import FIRST, Cut, Scheme, range_name

_PLAIN = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])")
_KEPT = 40
_HASHED = 12
_RANGE = re.compile(r"-?[0-9]{20,21}")
_HASH = re.compile(r"[0-9a-f]{16}")


def folder_name(table: str) -> str:
    """The folder of a table: its own name where every file system takes it and keeps it apart from all others.

    Any other name (capitals, Korean, spaces, slashes, dots, very long) becomes what is left of it, `~`, and the first
    digits of its SHA-256: capitals count as other, because some file systems do not tell `A` from `a`.
    """
    if _PLAIN.fullmatch(table) and not _RESERVED.fullmatch(table):
        return table
    left = re.sub(r"[^a-z0-9]+", "-", table.lower())[:_KEPT].strip("-")
    digits = hashlib.sha256(table.encode("utf-8", "surrogatepass")).hexdigest()[:_HASHED]
    return f"{left or 'table'}~{digits}"


def shards_fault(cut: Cut, names: list[str]) -> str:
    """What is wrong with the names of a table's shards, in order; empty if they are what its cut gives."""
    if cut.scheme is Scheme.HASH:
        return _hash_fault(names)
    if not all(map(_RANGE.fullmatch, names)):
        return "a shard has no name of a range"
    starts = list(map(int, names))
    if [range_name(start) for start in starts] != names or any(start % cut.size for start in starts):
        return "a shard begins where none can begin"
    if any(one >= after for one, after in itertools.pairwise(starts)):
        return "the shards are not in order"
    if cut.scheme is Scheme.COUNT and starts != list(range(0, len(starts) * cut.size, cut.size)):
        return "a shard is left out"
    return ""


def _hash_fault(names: list[str]) -> str:
    if not all(_HASH.fullmatch(name) or (name == FIRST and not place) for place, name in enumerate(names)):
        return "a shard has no name of a key"
    return "" if len(set(names)) == len(names) else "two shards have one name"
