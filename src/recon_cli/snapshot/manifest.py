"""Manifest: what a snapshot holds, and how to know that it is whole. docs/design/snapshot-format.md specifies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.snapshot.cut import Cut

FORMAT = "recon.snapshot/1"
NAME = "manifest.json"


class Compression(StrEnum):
    """How each data file is compressed; the value is what its name ends in after `.jsonl`."""

    NONE = ""
    ZSTD = ".zst"
    GZIP = ".gz"


@dataclass(frozen=True, slots=True)
class Shard:
    """One data file. `size_bytes` and `sha256` (hex) are of the file as stored, `plain_bytes` before compression."""

    name: str
    rows: int
    size_bytes: int
    sha256: str
    plain_bytes: int


@dataclass(frozen=True, slots=True)
class TableFiles:
    """One table's part. `content` is the sum of the SHA-256 of its lines modulo 2**256 (hex): independent of order.

    `folder` is a safe folder name for the table; `tagged` names the columns in which a cell may be an object.
    """

    declared: DeclaredTable
    folder: str
    cut: Cut
    rows: int
    content: str
    tagged: tuple[str, ...]
    shards: tuple[Shard, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A snapshot's table of contents. It holds no time: an unchanged database gives the same bytes.

    `catalog` declares everything, `source` is the URL without secrets, `tool` who wrote it (`recon 0.1.0`),
    `consistency` what the source promised while it was read.
    """

    catalog: Catalog
    source: str
    tool: str
    consistency: str
    compression: Compression
    tables: tuple[TableFiles, ...]
    format: str = FORMAT

    def table(self, name: str) -> TableFiles | None:
        """The part of the table of that name."""
        return next((table for table in self.tables if table.declared.name == name), None)

    def paths(self) -> Mapping[str, Shard]:
        """Every data file by its path in the snapshot."""
        return {
            f"data/{table.folder}/{shard.name}.jsonl{self.compression.value}": shard
            for table in self.tables
            for shard in table.shards
        }
