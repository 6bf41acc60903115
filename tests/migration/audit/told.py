"""What the command itself said: a loss that it names is no loss without a word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SPOKEN = ("note", "problem", "reject", "warning", "reported", "refused", "left_out", "skipped", "renamed", "orphan",
          "not_carried", "cannot", "lost", "shorten")  # fmt: skip
"""Keys of a report under which things are named that did not come over as they were."""


@dataclass(frozen=True, slots=True)
class Told:
    """`statements`: each a thing said of something. `rejects`: the entries of the rejects file."""

    statements: tuple[str, ...] = ()
    rejects: tuple[dict[str, Any], ...] = ()
    rules: tuple[str, ...] = ()
    """What the plan says of how a column is read: a moment of an epoch needs no more than that."""

    def states(self, *words: str) -> bool:
        """Whether the plan says by which rule it reads the column, or a statement names it."""
        wanted = [re.compile(rf"(?<!\w){re.escape(word)}(?!\w)") for word in words if word]
        return any(all(word.search(said) for word in wanted) for said in (*self.statements, *self.rules))

    def names(self, *words: str, about: str = "") -> bool:
        """Whether one statement names all of them (empty words do not count), and is `about` that, in whatever case."""
        wanted = [re.compile(rf"(?<!\w){re.escape(word)}(?!\w)") for word in words if word]
        wanted += [re.compile(re.escape(about), re.IGNORECASE)] if about else []
        return any(all(word.search(said) for word in wanted) for said in self.statements)


@dataclass(slots=True)
class _Gathered:
    statements: list[str] = field(default_factory=list)
    rejects: list[Path] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)


def of_report(document: Any, extra: str = "", folder: Path | None = None) -> Told:
    """Read a JSON report (and what was printed beside it); rejects files that it names are read too."""
    found = _Gathered()
    _gather(document, found, spoken=False, context="", folder=folder)
    lines = (line for path in dict.fromkeys(found.rejects) for line in path.read_text("utf-8").splitlines())
    rejects = tuple(entry for entry in map(json.loads, lines) if "table" in entry)
    statements = (*found.statements, *extra.splitlines())
    return Told(statements, rejects, tuple(found.rules))


def _gather(value: Any, found: _Gathered, *, spoken: bool, context: str, folder: Path | None) -> None:
    if isinstance(value, dict):
        named = " ".join(str(one) for one in value.values() if isinstance(one, (str, int)))
        if spoken:
            found.statements.append(f"{context} {named}")
        if value.get("why"):
            found.rules.append(f"{context} {named}")
        inner = f"{context} " + " ".join(str(value[key]) for key in ("table", "name", "item", "column") if key in value)
        for key, one in value.items():
            _gather(one, found, spoken=spoken or _speaks(key), context=f"{inner} {key}", folder=folder)
    elif isinstance(value, list):
        for one in value:
            _gather(one, found, spoken=spoken, context=context, folder=folder)
    elif isinstance(value, str):
        if spoken:
            found.statements.append(f"{context} {value}")
        if "reject" in context and value.endswith((".jsonl", ".json", ".ndjson")):
            path = (folder or Path()) / value
            found.rejects.extend([path] if path.exists() else [])


def _speaks(key: str) -> bool:
    return any(word in key.lower() for word in SPOKEN)


def each_reject(told: Told, table: str) -> Iterator[dict[str, Any]]:
    """The refused cells of a table."""
    return (one for one in told.rejects if one.get("table") == table)
