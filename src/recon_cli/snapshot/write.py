"""Writing a snapshot's files: shard by shard, each flushed to disk and read back before it counts.

A worker writes one span of a table with a `TableWriter`; `table_files` puts the parts of all workers together, and
`finish` writes the manifest, last. Until then there is no snapshot.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import Self

from recon_cli.core.catalog import DeclaredTable
from recon_cli.core.errors import DataError, ReconError
from recon_cli.ops.atomic import write_file
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.cut import Cut, Cutter, Row
from recon_cli.snapshot.manifest import LARGEST_BYTES, NAME, Compression, Manifest, Shard, TableFiles, encode
from recon_cli.snapshot.naming import folder_name, shards_fault
from recon_cli.snapshot.packed import STEP, Packer

MODULUS = 1 << 256
_AHEAD = 8
_digest = methodcaller("digest")


@dataclass(frozen=True, slots=True)
class Part:
    """What one worker wrote of a table. `content` is the sum of its rows' SHA-256, `tagged` are places in a row."""

    shards: tuple[Shard, ...] = ()
    rows: int = 0
    content: int = 0
    tagged: frozenset[int] = frozenset()


def content_sum(text: bytes) -> int:
    """The sum of the SHA-256 of each line of `text`, without its newline; not yet modulo 2**256."""
    return sum(map(int.from_bytes, map(_digest, map(hashlib.sha256, text[:-1].split(b"\n")))))


class TableWriter:
    """Writes the rows of one span of a table into shard files below `folder`, as they come in key order.

    A span begins where a shard begins. Compressing, writing and reading back happen in a thread of its own, a few
    chunks behind. Leave it as a context manager, or call `close`, also after an error.
    """

    def __init__(self, folder: Path, table: DeclaredTable, cut: Cut, compression: Compression) -> None:
        self._folder = folder / "data" / folder_name(table.name)
        self._table = table
        self._compression = compression
        self._floats = lines.floats(table)
        self._cutter = Cutter(cut, table.key_positions)
        self._thread = ThreadPoolExecutor(1, f"write {table.name}"[:80])
        self._ahead: deque[Future[None]] = deque()
        self._shards: list[Shard] = []
        self._file: _ShardFile | None = None
        self._rows = self._content = 0
        self._tagged: frozenset[int] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, rows: Sequence[Row]) -> None:
        """Take the next rows.

        Raises:
            DataError: a row is too long, no row of a snapshot, or does not come in key order.
            ReconError: the file system refuses, or gave other bytes back than were written.
        """
        for piece in self._cutter.pieces(rows):
            if self._file is None or piece.name != self._file.name:
                self._turn(piece.name)
            self._take(piece.rows)

    def finish(self) -> Part:
        """Complete the last shard; what was written."""
        self._turn(None)
        while self._ahead:
            self._ahead.popleft().result()
        self.close()
        return Part(tuple(self._shards), self._rows, self._content % MODULUS, self._tagged)

    def close(self) -> None:
        """Stop. Shards that are not complete stay behind as they are. Safe to call twice."""
        self._thread.shutdown(cancel_futures=True)
        if self._file is not None:
            self._file.drop()

    def _turn(self, name: str | None) -> None:
        """Complete the shard that is open and open the next."""
        if self._file is not None:
            self._later(self._complete(self._file))
        self._file = None
        if name is not None:
            with told(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
            self._file = _ShardFile(self._folder, name, self._compression)

    def _complete(self, file: _ShardFile) -> Callable[[], None]:
        return lambda: self._shards.append(file.complete())

    def _take(self, rows: Sequence[Row]) -> None:
        if lines.is_large(rows[0]) or lines.is_large(rows[-1]):
            for row in rows:
                self._large(row)
            return
        text = lines.encode(rows, self._floats)
        if len(text) > lines.LONGEST_LINE and max(map(len, text.split(b"\n"))) > lines.LONGEST_LINE:
            raise _too_long(self._table)
        self._tagged = lines.tagged(rows, text, self._tagged)
        self._count(len(rows), content_sum(text))
        self._write(text)

    def _large(self, row: Row) -> None:
        """A row that is written piece by piece, so that no copy of it is held."""
        digest, size_bytes = hashlib.sha256(), 0
        for piece in lines.parts(row):
            digest.update(piece.removesuffix(b"\n"))
            size_bytes += len(piece)
            if size_bytes > lines.LONGEST_LINE:
                raise _too_long(self._table)
            self._write(piece)
        self._tagged |= lines.odd_places(row)
        self._count(1, int.from_bytes(digest.digest()))

    def _count(self, rows: int, content: int) -> None:
        assert self._file is not None
        self._file.rows += rows
        self._rows += rows
        self._content += content

    def _write(self, text: bytes) -> None:
        assert self._file is not None
        file = self._file
        self._later(lambda: file.write(text))

    def _later(self, step: Callable[[], None]) -> None:
        self._ahead.append(self._thread.submit(step))
        while len(self._ahead) > _AHEAD:
            self._ahead.popleft().result()


def _too_long(table: DeclaredTable) -> DataError:
    return DataError(
        f"a row of {table.name} is too large for a snapshot",
        cause=f"its line is longer than {lines.LONGEST_LINE >> 20} MiB",
        hint=f"leave the table out with `--exclude {table.name}` and copy it by other means",
    )


class _ShardFile:
    """One data file being written. `rows` is counted by the writer, the rest is used by its thread alone."""

    def __init__(self, folder: Path, name: str, compression: Compression) -> None:
        self.name = name
        self.rows = 0
        self._path = folder / f"{name}.jsonl{compression.value}"
        self._packer = Packer(compression)
        self._digest = hashlib.sha256()
        self._size_bytes = self._plain_bytes = 0
        with told(self._path):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._file = os.fdopen(os.open(self._path, flags, 0o600), "w+b", STEP)

    def write(self, text: bytes) -> None:
        self._plain_bytes += len(text)
        with told(self._path):
            for packed in self._packer.add(text):
                self._put(packed)

    def complete(self) -> Shard:
        """Flush to disk, read back, compare."""
        with told(self._path):
            self._put(self._packer.end())
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.seek(0)
            found = hashlib.file_digest(self._file, "sha256").hexdigest()  # type: ignore[arg-type]  # a buffered file
            self._file.close()
        if found != self._digest.hexdigest():
            hint = "the disk or the memory of this machine is failing: look at `dmesg`"
            raise ReconError(f"{self._path} reads back as other bytes than were written", hint=hint)
        return Shard(self.name, self.rows, self._size_bytes, found, self._plain_bytes)

    def drop(self) -> None:
        with suppress(OSError):
            self._file.close()

    def _put(self, packed: bytes) -> None:
        self._digest.update(packed)
        self._size_bytes += len(packed)
        self._file.write(packed)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What the file system refuses, in words."""
    try:
        yield
    except FileExistsError as exc:
        cause = f"{path} is there already"
        raise DataError("the rows of one shard did not come together", cause=cause, hint="report this bug") from exc
    except OSError as exc:
        full = exc.errno in {errno.ENOSPC, errno.EDQUOT}
        hint = f"make room: `df -h {path.parent}`" if full else f"look at `ls -ld {path.parent}`"
        raise ReconError(f"cannot write {path}", cause=exc.strerror or str(exc), hint=hint) from exc


def merge(parts: Sequence[Part]) -> Part:
    """The parts of one table, in the order of their spans, as one."""
    return Part(
        tuple(shard for part in parts for shard in part.shards),
        sum(part.rows for part in parts),
        sum(part.content for part in parts) % MODULUS,
        frozenset().union(*(part.tagged for part in parts)),
    )


def table_files(table: DeclaredTable, cut: Cut, parts: Sequence[Part]) -> TableFiles:
    """A table's entry in the manifest.

    Raises:
        DataError: the parts do not fit together: a shard stands in two of them, or they are not in order.
    """
    whole = merge(parts)
    if fault := shards_fault(cut, [shard.name for shard in whole.shards]):
        raise DataError(f"the parts of {table.name} do not fit together", cause=fault, hint="report this bug")
    tagged = tuple(column.name for place, column in enumerate(table.stored) if place in whole.tagged)
    content = f"{whole.content:064x}"
    return TableFiles(table, folder_name(table.name), cut, whole.rows, content, tagged, whole.shards)


def finish(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of complete data files, and flush every folder; from then on it is a snapshot.

    Raises:
        ReconError: the file system refuses.
    """
    text = encode(manifest)
    if len(text) > LARGEST_BYTES:
        raise DataError(
            "the snapshot has too many shards for one manifest",
            cause=f"{sum(len(table.shards) for table in manifest.tables)} shards",
            hint="cut larger shards with `--shard-rows`",
        )
    for inner in [*(folder / "data").glob("*"), folder / "data"]:
        sync_folder(inner)
    write_file(folder / NAME, text, mode=0o600)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder, if it is there."""
    if not folder.is_dir():
        return
    with told(folder / "."):
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
