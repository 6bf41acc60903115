"""Copy: what was read from a database copy or backup; made by `stores`, used by `systems`, which never meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recon_cli.core.canonical import Value
from recon_cli.core.report import Problem


@dataclass(frozen=True, slots=True)
class Copy:
    """A database copy or JSON backup that was read: rows by table and column name, as stored.

    `source` is its path; `origin` tells whether it lay on the scanned store (`store`) or was given by the operator
    (`also`). `problems` names what could not be read (a corrupt page, an unknown table); the rest is still here.
    `zone` is the IANA name its naive times are in where the operator said so, else the empty string.
    """

    source: str
    origin: str
    tables: Mapping[str, Sequence[Mapping[str, Value]]]
    problems: tuple[Problem, ...] = ()
    zone: str = ""
