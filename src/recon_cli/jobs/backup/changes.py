"""What is new in a snapshot, table by table in words: `items: 12 added, 3 changed, 1 removed`.

Told in commit messages and beside snapshots, so it may cost little: only data files that differ are read, only where
they are few, and only where the destination gives them one by one. Elsewhere the counts must do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from recon_cli.core import words
from recon_cli.core.errors import ReconError
from recon_cli.jobs.backup import staging
from recon_cli.jobs.backup.destination import ByFile, Destination
from recon_cli.ops.atomic import write_file
from recon_cli.snapshot import compare
from recon_cli.snapshot import manifest as manifests
from recon_cli.snapshot.compare import Change
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import Manifest, Shard, TableFiles

_FEW_BYTES = 16 << 20
"""So much is read of all tables together, of both snapshots."""


def changes(destination: Destination, previous: Manifest | None, folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """A line for every table that is not as it was in the latest snapshot; none where there is no such snapshot.

    `folder` is the staged snapshot, with its manifest. What cannot be read is told by counts: no error comes of this.
    """
    if previous is None or previous == manifest:
        return ()
    counted = _counted(destination, previous, folder, manifest)
    told = tuple(_lines(previous, manifest, counted))
    if not told and replace(previous, source=manifest.source, tool=manifest.tool) == manifest:
        return (f"the same rows, now of {manifest.source}",)
    return told or ("what is declared has changed",)


def _lines(previous: Manifest, manifest: Manifest, counted: Mapping[str, Counter[Change]]) -> Iterator[str]:
    for now in manifest.tables:
        name = now.declared.name
        before = previous.table(name)
        if before is None:
            yield f"{name}: new, {words.count(now.rows, 'row')}"
        elif not before.same_rows(now):
            yield f"{name}: {_tally(counted[name]) if counted.get(name) else _counts(before, now)}"
        elif before.declared != now.declared:
            yield f"{name}: declared otherwise"
    for gone in previous.tables:
        if manifest.table(gone.declared.name) is None:
            yield f"{gone.declared.name}: gone, {words.count(gone.rows, 'row')}"


def _tally(counted: Counter[Change]) -> str:
    shown = (Change.ADDED, Change.CHANGED, Change.REMOVED)
    return ", ".join(f"{words.grouped(counted[change])} {change}" for change in shown if counted[change])


def _counts(before: TableFiles, now: TableFiles) -> str:
    if before.rows == now.rows:
        return f"{words.count(now.rows, 'row')}, not all as they were"
    return f"{words.grouped(before.rows)} → {words.count(now.rows, 'row')}"


def _counted(
    destination: Destination, previous: Manifest, folder: Path, manifest: Manifest
) -> Mapping[str, Counter[Change]]:
    """How many rows were added, changed and removed, of the tables of which few files differ."""
    few = dict(_few(previous, manifest))
    if not few or not isinstance(destination, ByFile):
        return {}
    try:
        with staging.folder(staging.home(), "previous") as fetched:
            write_file(fetched / manifests.NAME, manifests.encode(previous))
            destination.fetch({path: size for sizes in few.values() for path, size in sizes.items()}, fetched)
            before, after = FolderSnapshot(fetched), FolderSnapshot(folder)
            return {name: _rows(before, after, name) for name in few}
    except ReconError:  # another writer was faster, or the latest snapshot is damaged: `verify` says so
        return {}


def _few(previous: Manifest, manifest: Manifest) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Tables that changed in few files, and those files of the previous snapshot with their sizes in bytes."""
    left = _FEW_BYTES
    for now in manifest.tables:
        before = previous.table(now.declared.name)
        if before is None or before.same_rows(now):
            continue
        old, new = _unlike(before, now), _unlike(now, before)
        to_read = sum(shard.plain_bytes for shard in (*old, *new))
        if to_read <= left:
            left -= to_read
            yield now.declared.name, {previous.path(before, shard): shard.size_bytes for shard in old}


def _unlike(files: TableFiles, others: TableFiles) -> list[Shard]:
    """The data files of a table that are not among the others."""
    sums = {shard.sha256 for shard in others.shards}
    return [shard for shard in files.shards if shard.sha256 not in sums]


def _rows(before: FolderSnapshot, after: FolderSnapshot, table: str) -> Counter[Change]:
    counts: Counter[Change] = Counter()
    for found in compare.rows(compare.side(before, table), compare.side(after, table)):
        counts[found.change] += found.times
    return counts
