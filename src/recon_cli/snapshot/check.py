"""Whether a snapshot is whole: every file, every row, and nothing else beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.content import summing
from recon_cli.snapshot.folder import FolderSnapshot, opened, plain_chunks, row_range, stored_fault
from recon_cli.snapshot.manifest import NAME, Shard, TableFiles
from recon_cli.snapshot.opened import open_snapshot
from recon_cli.snapshot.packed import Unpacked


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written: where, and what. `first` and `last` count the table's rows from 1."""

    path: str
    reason: str
    table: str = ""
    first: int = 0
    last: int = 0

    def document(self) -> dict[str, Json]:
        """JSON-ready form."""
        rows: dict[str, Json] = {"first_row": self.first, "last_row": self.last} if self.last else {}
        return {"path": self.path, "table": self.table, **rows, "reason": self.reason}


def verify_path(path: Path, identity: Path | None = None) -> Iterator[Fault]:
    """All faults of the snapshot at `path`, whatever it is kept in; one that cannot be opened has that fault.

    Raises:
        NotFoundError, AuthError, ToolMissingError: whether it is whole cannot be told.
    """
    try:
        snapshot = open_snapshot(path, identity)
    except NotFoundError:
        raise
    except DataError as exc:
        yield Fault(path.name if path.is_file() else NAME, f"{exc.message}: {exc.cause}" if exc.cause else exc.message)
        return
    try:
        yield from verify(snapshot)
    finally:
        snapshot.close()


def verify(snapshot: FolderSnapshot) -> Iterator[Fault]:
    """Read everything and name each fault: the file, its table, its rows. None means whole. Memory stays flat."""
    yield from _strangers(snapshot)
    for files in snapshot.manifest.tables:
        yield from _table(snapshot, files)


def _table(snapshot: FolderSnapshot, files: TableFiles) -> Iterator[Fault]:
    content, faults = 0, 0
    for shard in files.shards:
        try:
            content += _shard(snapshot, files, shard)
        except DataError as exc:
            faults += 1
            path = snapshot.manifest.path(files, shard)
            yield Fault(path, exc.cause or exc.message, files.declared.name, *row_range(files, shard))
    if not faults and summing(files.content).word(content) != files.content:
        yield Fault(NAME, "the sum of the rows is not the manifest's", files.declared.name)


def _shard(snapshot: FolderSnapshot, files: TableFiles, shard: Shard) -> int:
    """The sum over a shard's lines, after everything about it was found right."""
    path = snapshot.manifest.path(files, shard)
    columns = [column.name for column in files.declared.stored]
    sums: list[int] = []
    way = summing(files.content)
    with opened(snapshot.folder, path) as file:
        if fault := stored_fault(file, shard):
            raise DataError(f"{path} is damaged", cause=fault)
        file.seek(0)
        plain = plain_chunks(Unpacked(file, snapshot.manifest.compression, path), shard)
        tagged = [columns.index(name) for name in files.tagged]
        chunks = lines.read(
            plain, columns=len(columns), tagged=tagged, opened=lambda block: sums.append(way.of_text(block))
        )
        found = sum(map(len, chunks))
    if found != shard.rows:
        raise DataError(f"{path} is damaged", cause=f"{found} rows, {shard.rows} in the manifest")
    return sum(sums)


def _strangers(snapshot: FolderSnapshot) -> Iterator[Fault]:
    """Files and folders in the snapshot that the manifest does not name. `.git` and the like beside it are left out."""
    named = set(snapshot.manifest.paths())
    folders = {f"data/{files.folder}" for files in snapshot.manifest.tables}
    for found in sorted(_below(snapshot.folder, "data")):
        if found not in named and found not in folders:
            yield Fault(found, "the manifest does not name it")


def _below(folder: Path, path: str) -> Iterator[str]:
    """Everything below a folder; links are not followed."""
    if not (folder / path).is_dir():
        return
    with os.scandir(folder / path) as entries:
        for entry in entries:
            inner = f"{path}/{entry.name}"
            yield inner
            if entry.is_dir(follow_symlinks=False):
                yield from _below(folder, inner)
