"""Writing a snapshot's files: shard by shard, each flushed to disk and read back before it counts.

A worker writes one span of a table with a `TableWriter`; `table_files` puts the parts of all workers together, and
`finish` writes the manifest, last. Until then there is no snapshot.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import xxhash

from recon_cli.core.catalog import DeclaredTable
from recon_cli.core.errors import DataError, ReconError
from recon_cli.core.lines import Lines
from recon_cli.ops.atomic import sync_folder, write_file
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.content import Summing
from recon_cli.snapshot.cut import Cut, Cutter, Row
from recon_cli.snapshot.manifest import LARGEST_BYTES, NAME, Compression, Manifest, Shard, TableFiles, encode
from recon_cli.snapshot.naming import folder_name, shards_fault
from recon_cli.snapshot.packed import STEP, Packer

_AHEAD = 8
_SUMMING = Summing.XXH3


@dataclass(frozen=True, slots=True)
class Part:
    """What one worker wrote of a table. `content` is the sum over its rows, `tagged` are places in a row."""

    shards: tuple[Shard, ...] = ()
    rows: int = 0
    content: int = 0
    tagged: frozenset[int] = frozenset()


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
        self._files: list[_ShardFile] = []
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._file: _ShardFile | None = None
        self._rows = self._content = 0
        self._tagged: frozenset[int] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, rows: Sequence[Row] | Lines) -> None:
        """Take the next rows, or lines of one shard.

        Raises:
            DataError: a row is too long, no row of a snapshot, or does not come in key order.
            ReconError: the file system refuses, or gave other bytes back than were written.
        """
        if isinstance(rows, Lines):
            self._to(self._cutter.name_of(rows.last))
            self._written(rows)
            return
        for piece in self._cutter.pieces(rows):
            self._to(piece.name)
            self._take(piece.rows)

    def finish(self) -> Part:
        """Complete the last shard; what was written."""
        self._turn(None)
        while self._ahead:
            self._ahead.popleft().result()
        self.close()
        shards = tuple(file.shard() for file in self._files)
        return Part(shards, self._rows, self._content, self._tagged)

    def close(self) -> None:
        """Stop. Shards that are not complete stay behind as they are. Safe to call twice."""
        self._thread.shutdown(cancel_futures=True)
        for file in (*self._files, self._file):
            if file is not None:
                file.drop()

    def _to(self, name: str) -> None:
        if self._file is None or name != self._file.name:
            self._turn(name)

    def _turn(self, name: str | None) -> None:
        """Complete the shard that is open and open the next."""
        if self._file is not None:
            self._flush(self._file, last=True)
        self._file = None if name is None else _ShardFile(self._folder, name, self._compression)

    def _written(self, found: Lines) -> None:
        self._tagged |= found.tagged
        self._count(found.rows, _SUMMING.of_text(found.text))
        self._write(found.text)

    def _take(self, rows: Sequence[Row]) -> None:
        if lines.is_large(rows[0]) or lines.is_large(rows[-1]):
            for row in rows:
                self._large(row)
            return
        found, tags = lines.encode_lines(rows, self._floats)
        text = lines.joined(found)
        if len(text) > lines.LONGEST_LINE and max(map(len, found)) > lines.LONGEST_LINE:
            raise _too_long(self._table)
        self._tagged = lines.tagged(rows, tags, self._tagged)
        self._count(len(rows), _SUMMING.of_lines(found))
        self._write(text)

    def _large(self, row: Row) -> None:
        """A row that is written piece by piece, so that no copy of it is held."""
        digest, size_bytes = xxhash.xxh3_128(), 0
        for piece in lines.parts(row):
            digest.update(piece.removesuffix(b"\n"))
            size_bytes += len(piece)
            if size_bytes > lines.LONGEST_LINE:
                raise _too_long(self._table)
            self._write(piece)
        self._tagged |= lines.odd_places(row)
        self._count(1, digest.intdigest())

    def _count(self, rows: int, content: int) -> None:
        assert self._file is not None
        self._file.rows += rows
        self._rows += rows
        self._content += content

    def _write(self, text: bytes) -> None:
        assert self._file is not None
        self._waiting.append(text)
        self._waiting_bytes += len(text)
        if self._waiting_bytes >= STEP:
            self._flush(self._file, last=False)

    def _flush(self, file: _ShardFile, *, last: bool) -> None:
        """Give what waits to the thread, and wait for the thread if it is far behind."""
        texts, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._ahead.append(self._thread.submit(file.put, texts, last=last))
        if last:
            self._files.append(file)
        while len(self._ahead) > _AHEAD:
            self._ahead.popleft().result()


def _too_long(table: DeclaredTable) -> DataError:
    return DataError(
        f"a row of {table.name} is too large for a snapshot",
        cause=f"its line is longer than {lines.LONGEST_LINE >> 20} MiB",
        hint=f"leave the table out with `--exclude {table.name}` and copy it by other means",
    )


class _ShardFile:
    """One data file being written. `rows` is counted by the writer, the rest belongs to its thread."""

    def __init__(self, folder: Path, name: str, compression: Compression) -> None:
        self.name = name
        self.rows = 0
        self._path = folder / f"{name}.jsonl{compression.value}"
        self._packer = Packer(compression)
        self._digest = hashlib.sha256()
        self._size_bytes = self._plain_bytes = 0
        self._number = -1

    def put(self, texts: list[bytes], *, last: bool) -> None:
        """Write more of it; with the last, flush to disk, read back, compare."""
        text = b"".join(texts)
        packed = self._packer.whole(text) if last and not self._plain_bytes else self._packer.more(text, last=last)
        self._plain_bytes += len(text)
        with told(self._path):
            self._write(packed)
            if not last:
                return
            os.fsync(self._number)
            whole = len(packed) == self._size_bytes
            same = os.pread(self._number, len(packed) + 1, 0) == packed if whole else self._reads_back()
            self.drop()
        if not same:
            hint = "the disk or the memory of this machine is failing: look at `dmesg`"
            raise ReconError(f"{self._path} reads back as other bytes than were written", hint=hint)

    def shard(self) -> Shard:
        """Its line in the manifest."""
        return Shard(self.name, self.rows, self._size_bytes, self._digest.hexdigest(), self._plain_bytes)

    def drop(self) -> None:
        """Close the file."""
        number, self._number = self._number, -1
        if number >= 0:
            with suppress(OSError):
                os.close(number)

    def _write(self, packed: bytes) -> None:
        if self._number < 0:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._number = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._digest.update(packed)
        self._size_bytes += len(packed)
        left = memoryview(packed)
        while left:
            left = left[os.write(self._number, left) :]

    def _reads_back(self) -> bool:
        os.lseek(self._number, 0, os.SEEK_SET)
        with os.fdopen(self._number, "rb", closefd=False) as file:
            return hashlib.file_digest(file, "sha256").digest() == self._digest.digest()


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
        sum(part.content for part in parts),
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
    content = _SUMMING.word(whole.content)
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
    with told(folder / "."):
        for inner in filter(Path.is_dir, [*(folder / "data").glob("*"), folder / "data"]):
            sync_folder(inner)
    write_file(folder / NAME, text, mode=0o600)
