"""Snapshots that a stranger made: every digest is right, and the content is not what it should be."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from recon_cli.core.errors import DataError, ReconError
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.check import verify
from recon_cli.snapshot.cut import Row
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import Compression, Shard, encode
from tests.support.snapshots import snapshot, table

GOOD: Row = (1, "a", 1.5, None, None)
LINE = lines.encode([GOOD], ())


def forged(
    folder: Path, stored: bytes, compression: Compression = Compression.NONE, *, rows: int = 1, plain_bytes: int = 0
) -> FolderSnapshot:
    """A snapshot of one shard that holds these bytes, with all digests made to fit."""
    manifest = snapshot(folder, [(table(), [GOOD])], compression=compression)
    (path,) = manifest.paths()
    (folder / path).write_bytes(stored)
    size = plain_bytes or (len(stored) if compression is Compression.NONE else len(LINE))
    shard = Shard("00000000000000000000", rows, len(stored), hashlib.sha256(stored).hexdigest(), size)
    tables = (replace(manifest.tables[0], rows=rows, shards=(shard,)),)
    (folder / "manifest.json").write_bytes(encode(replace(manifest, tables=tables)))
    return FolderSnapshot(folder)


def read(found: FolderSnapshot) -> list[Row]:
    return [row for rows in found.rows("models") for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        LINE + LINE,
        LINE[:-1],
        LINE.replace(b"1.5", b"[1]"),
        LINE.replace(b"1.5", b'{"$b":"AA=="}'),
        LINE.replace(b"1.5", b'{"x":1}'),
        LINE.replace(b"1.5,", b""),
        LINE.replace(b"[1", b"[1,1"),
        b"\xff" * 20 + b"\n",
    ],
)
def test_lines_that_are_not_the_rows_of_the_manifest_are_refused(tmp_path: Path, text: bytes) -> None:
    found = forged(tmp_path, text)
    with pytest.raises(DataError, match="rows 1 to 1 of table models"):
        read(found)
    assert [fault.table for fault in verify(found)] == ["models"]


ZSTD = zstandard.ZstdCompressor()


@pytest.mark.parametrize(
    ("stored", "compression"),
    [
        (ZSTD.compress(LINE + bytes(1 << 28)), Compression.ZSTD),
        (ZSTD.compress(LINE) * 2, Compression.ZSTD),
        (ZSTD.compress(LINE)[:-2], Compression.ZSTD),
        (ZSTD.compress(LINE) + b"more", Compression.ZSTD),
        (b"no zstd at all", Compression.ZSTD),
        (gzip.compress(LINE + bytes(1 << 26), mtime=0), Compression.GZIP),
        (gzip.compress(LINE, mtime=0)[:-9], Compression.GZIP),
        (gzip.compress(LINE, mtime=0) + b"more", Compression.GZIP),
        (b"no gzip at all", Compression.GZIP),
    ],
)
def test_a_file_that_unpacks_to_anything_else_is_refused_in_little_memory(
    tmp_path: Path, stored: bytes, compression: Compression
) -> None:
    found = forged(tmp_path, stored, compression)
    tracemalloc.start()
    with pytest.raises(DataError):
        read(found)
    assert len(list(verify(found))) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_bomb_whose_manifest_owns_up_to_it_is_stopped_at_the_longest_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines.blocks, "__kwdefaults__", {"size_bytes": 1 << 18, "longest_bytes": 1 << 22})
    found = forged(tmp_path, ZSTD.compress(b'["' + b"x" * (1 << 26)), Compression.ZSTD, plain_bytes=(1 << 26) + 2)
    tracemalloc.start()
    with pytest.raises(DataError) as caught:
        read(found)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "over" in str(caught.value.cause)
    assert peak < 16 << 20


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_a_signed_shard_holds_only_recon_errors_come_out(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(lines.encode([GOOD, (2, "b", float("inf"), b"x", None)], range(5)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    compression = data.draw(st.sampled_from(Compression))
    stored = {"": bytes, ".zst": ZSTD.compress, ".gz": gzip.compress}[compression.value](bytes(raw))
    found = forged(tmp_path_factory.mktemp("any"), stored, compression, rows=2, plain_bytes=max(len(raw), 6))
    try:
        rows = read(found)
    except ReconError:
        return
    assert all(cell is None or isinstance(cell, int | float | str | bytes) for row in rows for cell in row)


def test_a_value_that_no_snapshot_can_hold_is_refused_when_written() -> None:
    for cell in (2**70, object(), [1], {"$b": ""}):
        with pytest.raises(DataError):
            lines.encode([(1, cell)], ())  # type: ignore[list-item]
