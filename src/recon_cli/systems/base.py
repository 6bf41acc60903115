"""System: the rules of one application, from files to records. Pure: bytes come through a Reader, rows as Copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from recon_cli.core.canonical import Json, Value
from recon_cli.core.copies import Copy
from recon_cli.core.entry import Entry
from recon_cli.core.evidence import Finding
from recon_cli.core.ports import Reader, Tree
from recon_cli.core.record import Record
from recon_cli.core.report import Problem
from recon_cli.core.schema import Schema

__all__ = ["Copy", "Derived", "Item", "System"]


@dataclass(frozen=True, slots=True)
class Item:
    """What one record of the main table is made of: its key, its folder and the files in it.

    `complete` is False when the folder, or anything above or below it, was not listed completely.
    """

    key: tuple[Value, ...]
    folder: str
    files: tuple[Entry, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Derived:
    """What a system makes of a store: findings for each table (parents first) and what could not be taken."""

    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


class System(Protocol):
    """One application's rules. `shape` names one of the table layouts its readers expect."""

    name: str
    shapes: tuple[str, ...]
    """The first is the default for a target without the table."""

    def schemas(self, shape: str) -> tuple[Schema, ...]:
        """The tables of a shape, parents before children; the first is the main table."""

    def shape_for(self, columns: Mapping[str, Sequence[str]]) -> str | None:
        """The shape a target already has, by the column names of its tables; None when the main table is absent."""

    def copies(self, tree: Tree) -> tuple[Entry, ...]:
        """Database copies lying on the store itself, the most trusted first."""

    def items(self, tree: Tree) -> Iterator[Item]:
        """The folders that stand for records of the main table, by key order."""

    def derive(self, tree: Tree, read: Reader, copies: Sequence[Copy], *, shape: str) -> Derived:
        """Rebuild the records from the copies and the files, with evidence for every field.

        A record known only from a copy, whose folder is gone, is a Finding with `missing` set.
        """

    def paths(self, record: Record, tree: Tree | None = None) -> tuple[str, ...]:
        """The files a main-table record points at, relative to the scanned root.

        `tree` tells where in the root the system's folders lie; without it the usual place is taken.
        """

    def sidecar(self, finding: Finding, item: Item) -> tuple[str, Mapping[str, Json]] | None:
        """Path and JSON body of the sidecar to write beside the item, or None if the system has no place for one."""
