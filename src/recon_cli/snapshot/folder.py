"""A snapshot in a folder: every shard is compared with the manifest before a row of it is given out."""

from __future__ import annotations

import hashlib
import os
import stat
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from functools import partial
from itertools import accumulate, chain
from pathlib import Path
from typing import BinaryIO, TypeVar

from recon_cli.core.errors import DataError, NotFoundError, ReconError
from recon_cli.core.lines import Block
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.cut import Row
from recon_cli.snapshot.manifest import LARGEST_BYTES, NAME, Compression, Manifest, Shard, TableFiles, decode
from recon_cli.snapshot.packed import Unpacked

Chunk = TypeVar("Chunk", bound=Sized)

_STEP = 1 << 18
_WHOLE_BYTES = 1 << 19
"""Up to here a file is read once, and its digest taken from what was read."""


class FolderSnapshot:
    """A snapshot whose files lie in `folder`. Several threads may read from it; see `reader.Snapshot`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Manifest = decode(read_manifest(folder))

    def rows(self, table: str) -> Iterator[list[Row]]:
        """The rows of a table in key order, shard by shard."""
        for shard in self._files(table).shards:
            yield from self.shard(table, shard)

    def shard(self, table: str, shard: Shard) -> Iterator[list[Row]]:
        """The rows of one shard."""
        with self._plain(table, shard) as (files, plain):
            yield from _counted(_rows(plain, files), shard)

    def blocks(self, table: str, shards: Iterable[Shard]) -> Iterator[Block | list[Row]]:
        """The rows of these shards as lines, large ones as rows: their text is not held any longer than it must be.

        Each shard is compared with the manifest before a line is given out.
        """
        for shard in shards:
            with self._plain(table, shard) as (files, plain):
                yield from _counted(_blocks(plain, files, partial(self._decoded, table, shard)), shard)

    def _decoded(self, table: str, shard: Shard, text: bytes) -> list[Row]:
        files = self._files(table)
        try:
            return list(chain.from_iterable(_rows((text,), files)))
        except DataError as exc:
            raise shard_error(files, shard, self.manifest.path(files, shard), exc.cause or exc.message) from exc

    @contextmanager
    def _plain(self, table: str, shard: Shard) -> Iterator[tuple[TableFiles, Iterable[bytes]]]:
        """The bytes of one shard, in a file that is the manifest's; what is wrong in them is told with its place."""
        files = self._files(table)
        path = self.manifest.path(files, shard)
        with opened(self.folder, path) as file:
            plain: Iterable[bytes]
            if shard.size_bytes <= _WHOLE_BYTES and self.manifest.compression is Compression.NONE:
                whole = file.read(_WHOLE_BYTES + 1)
                fault, plain = text_fault(whole, shard), (whole,)
            else:
                fault = stored_fault(file, shard)
                file.seek(0)
                plain = plain_chunks(Unpacked(file, self.manifest.compression, path), shard)
            if fault:
                raise shard_error(files, shard, path, fault)
            try:
                yield files, plain
            except DataError as exc:
                raise shard_error(files, shard, path, exc.cause or exc.message) from exc

    def parted(self, table: str) -> tuple[tuple[Shard, ...], tuple[Shard, ...]]:
        """The shards of a table in two runs of about as many bytes."""
        shards = self._files(table).shards
        reached = list(accumulate(shard.plain_bytes for shard in shards))
        cut = bisect_left(reached, reached[-1] / 2) + 1 if reached else 0
        return shards[:cut], shards[cut:]

    def close(self) -> None:
        """Nothing is held open."""

    def _files(self, table: str) -> TableFiles:
        files = self.manifest.table(table)
        if files is None:
            hint = f"it has {', '.join(one.declared.name for one in self.manifest.tables) or 'no table'}"
            raise NotFoundError(f"no table {table} in the snapshot", hint=hint)
        return files


def _rows(plain: Iterable[bytes], files: TableFiles) -> Iterator[list[Row]]:
    return lines.read(plain, columns=len(files.declared.stored), tagged=_tagged(files))


def _blocks(
    plain: Iterable[bytes], files: TableFiles, decoded: Callable[[bytes], list[Row]]
) -> Iterator[Block | list[Row]]:
    tagged = _tagged(files)
    for text in lines.blocks(plain):
        if len(text) < lines.LARGE:
            yield Block(text, text.count(b"\n"), tagged, decoded)
            continue
        rows = decoded(text)
        del text
        yield rows
        del rows


def _tagged(files: TableFiles) -> tuple[int, ...]:
    columns = [column.name for column in files.declared.stored]
    return tuple(columns.index(name) for name in files.tagged)


def _counted(chunks: Iterable[Chunk], shard: Shard) -> Iterator[Chunk]:
    found = 0
    for chunk in chunks:
        found += len(chunk)
        yield chunk
    if found != shard.rows:
        raise DataError("wrong number of rows", cause=f"{found} rows, {shard.rows} in the manifest")


def read_manifest(folder: Path) -> bytes:
    """The bytes of a folder's manifest.

    Raises:
        NotFoundError: there is none.
        DataError: it is not a plain file, or too large for one.
    """
    if not (folder / NAME).is_file():
        raise NotFoundError(
            f"no snapshot in {folder}", cause=f"it has no {NAME}", hint="`recon backup list` shows which are there"
        )
    with opened(folder, NAME) as file:
        return file.read(LARGEST_BYTES + 1)


@contextmanager
def opened(folder: Path, path: str) -> Iterator[BinaryIO]:
    """A plain file below `folder`: no link, no pipe, no device. `path` is one that the manifest's rules give."""
    try:
        number = os.open(folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as exc:
        raise DataError(f"{path} is missing from the snapshot", hint="take another snapshot") from exc
    except OSError as exc:
        raise DataError(f"cannot open {path} of the snapshot", cause=exc.strerror, hint=f"look at {folder}") from exc
    with os.fdopen(number, "rb", 0) as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise DataError(f"{path} of the snapshot is not a plain file", hint="take another snapshot")
        try:
            yield file
        except OSError as exc:
            raise ReconError(f"cannot read {path} of the snapshot", cause=exc.strerror, hint=_FAILING) from exc


_FAILING = "look at `dmesg`: the disk may be failing"


def stored_fault(file: BinaryIO, shard: Shard) -> str:
    """What is wrong with a file as stored; empty if it is the manifest's byte for byte."""
    size_bytes = os.fstat(file.fileno()).st_size
    if size_bytes != shard.size_bytes:
        return _other_size(size_bytes, shard)
    found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # a FileIO
    return "" if found == shard.sha256 else _OTHER_DIGEST


def text_fault(text: bytes, shard: Shard) -> str:
    """The same of a small file that was read whole, and a byte more if there is one."""
    if len(text) != shard.size_bytes:
        return _other_size(len(text), shard)
    return "" if hashlib.sha256(text).hexdigest() == shard.sha256 else _OTHER_DIGEST


def _other_size(size_bytes: int, shard: Shard) -> str:
    return f"{size_bytes} bytes, {shard.size_bytes} in the manifest"


_OTHER_DIGEST = "its SHA-256 is not the manifest's"


def plain_chunks(plain: Unpacked, shard: Shard) -> Iterator[bytes]:
    """The plain bytes of a shard, as many as the manifest says.

    Raises:
        DataError: there are more or fewer, or they cannot be decompressed.
    """
    left = shard.plain_bytes
    while chunk := plain.read(min(_STEP, left + 1)):
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left:
        cause = f"{'more' if left < 0 else 'fewer'} than the {shard.plain_bytes} bytes of the manifest"
        raise DataError("wrong number of bytes", cause=cause)


def row_range(files: TableFiles, shard: Shard) -> tuple[int, int]:
    """Which rows of the table a shard holds: the first and the last, counted from 1."""
    before = 0
    for one in files.shards:
        if one.name == shard.name:
            break
        before += one.rows
    return before + 1, before + shard.rows


def shard_error(files: TableFiles, shard: Shard, path: str, fault: str) -> DataError:
    """The error of one damaged file: which, what it holds, what is wrong."""
    first, last = row_range(files, shard)
    return DataError(
        f"{path} is damaged: rows {first} to {last} of table {files.declared.name}",
        cause=fault,
        hint="take another snapshot, or import the other tables with `--tables`",
    )
