"""Snapshot: a snapshot open for reading, wherever its files lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from recon_cli.snapshot.cut import Row
from recon_cli.snapshot.manifest import Manifest, Shard


class Snapshot(Protocol):
    """All methods raise `ReconError`s only. Nothing that the files say is trusted before it was checked."""

    manifest: Manifest

    def rows(self, table: str) -> Iterator[list[Row]]:
        """The rows of a table in key order, shard by shard.

        Each shard's size and SHA-256 are compared as it is read: a difference is a DataError that names file, table and
        row range, raised before the rows of the wrong shard are given out.
        """

    def shard(self, table: str, shard: Shard) -> Iterator[list[Row]]:
        """The rows of one shard, likewise."""

    def close(self) -> None:
        """Let go of files. Safe to call twice."""
