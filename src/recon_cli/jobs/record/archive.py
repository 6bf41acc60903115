"""Archives: old records as JSON lines in one file, written whole, synced, and read back before anything is deleted.

The first line says what it is, the last how many rows of each table stand before it and the SHA-256 of all lines
before. `recon record add -` takes such lines again.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import zstandard

from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError
from recon_cli.core.json_text import loads
from recon_cli.ops import atomic
from recon_cli.stores.records.keeper import Cells, Group, Kept

SCHEMA = "recon.record-archive/1"
_BLOCK_BYTES = 1 << 18
_LINE_BYTES = 64 << 20


class Packing(StrEnum):
    """How an archive is compressed, by the ending of its name."""

    NONE = "none"
    GZIP = "gz"
    ZSTD = "zst"


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def write(path: Path, kept: Kept, groups: Iterable[Group], said: Mapping[str, Json]) -> int:
    """Write an archive beside its place, sync it, and put it there; how many records it holds.

    Args:
        path: where; its ending says how it is compressed.
        kept: the tables.
        groups: what is archived.
        said: what the first line says besides.

    Raises:
        ReconError: the file system refuses; nothing stays behind.
    """
    counts: dict[str, int] = {}
    atomic.write_file(path, _packed(path, _lines(kept, groups, said, counts)), mode=0o600)
    return counts.get(kept.book.table, 0)


def read(path: Path, kept: Kept) -> Iterator[Group]:
    """The groups of an archive, in its order; it is whole, or that is said at the end at the latest.

    Raises:
        DataError: it is cut, changed, or something else.
    """
    seen, counts = hashlib.sha256(), dict[str, int]()
    group: Group | None = None
    ended = False
    for line in _unpacked(path):
        told = _object(line, path)
        if "archive" in told and "sha256" in told:
            if told["sha256"] != seen.hexdigest() or told.get("rows") != counts:
                raise DataError(f"{path} is not what was written", cause="its rows do not come to what its end says")
            ended = True
        elif "archive" not in told:
            table, cells = str(told.get("table")), cast("Cells", told.get("row"))
            counts[table] = counts.get(table, 0) + 1
            if table == kept.book.table:
                if group is not None:
                    yield group
                group = Group(cells)
            elif group is not None:
                group.hanging.append(cells)
        seen.update(line)
    if not ended:
        raise DataError(f"{path} is cut", cause="its last line is missing")
    if group is not None:
        yield group


def _lines(kept: Kept, groups: Iterable[Group], said: Mapping[str, Json], counts: dict[str, int]) -> Iterator[bytes]:
    seen = hashlib.sha256()

    def line(told: Mapping[str, Json]) -> bytes:
        raw = json.dumps(told, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        seen.update(raw)
        return raw

    yield line({"archive": SCHEMA, **said})
    for group in groups:
        for table, cells in ((kept.book.table, group.record), *((kept.sightings, one) for one in group.hanging)):
            counts[table] = counts.get(table, 0) + 1
            yield line({"table": table, "row": cells})
    digest = seen.hexdigest()
    yield line({"archive": SCHEMA, "rows": dict(counts), "sha256": digest})


def _packed(path: Path, lines: Iterable[bytes]) -> Iterator[bytes]:
    packer = _packer(path)
    block = bytearray()
    for line in lines:
        block += line
        if len(block) >= _BLOCK_BYTES:
            yield packer(bytes(block))
            block.clear()
    yield packer(bytes(block))
    yield packer(None)


def _packer(path: Path) -> Callable[[bytes | None], bytes]:
    if path.suffix == ".zst":
        one: _Packer = cast("_Packer", zstandard.ZstdCompressor(write_checksum=True).compressobj())
        return lambda data: one.flush() if data is None else one.compress(data)
    if path.suffix == ".gz":
        held = io.BytesIO()
        file = gzip.GzipFile(fileobj=held, mode="wb", mtime=0)
        return lambda data: _through(file, held, data)
    return lambda data: data or b""


def _through(file: gzip.GzipFile, held: io.BytesIO, data: bytes | None) -> bytes:
    if data is None:
        file.close()
    else:
        file.write(data)
    found = held.getvalue()
    held.seek(0)
    held.truncate()
    return found


def _unpacked(path: Path) -> Iterator[bytes]:
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(path.open("rb"))
            file: BinaryIO = raw
            if path.suffix == ".zst":
                file = cast("BinaryIO", io.BufferedReader(cast("Any", zstandard.ZstdDecompressor().stream_reader(raw))))
            elif path.suffix == ".gz":
                file = cast("BinaryIO", gzip.GzipFile(fileobj=raw))
            while line := file.readline(_LINE_BYTES):
                yield line
    except (OSError, EOFError, zstandard.ZstdError) as exc:
        raise DataError(f"{path} cannot be read back", cause=str(exc)) from exc


def _object(line: bytes, path: Path) -> dict[str, Any]:
    try:
        told = loads(line)
    except ValueError as exc:
        raise DataError(f"{path} is cut or changed", cause=str(exc)) from exc
    if not isinstance(told, dict):
        raise DataError(f"{path} is not an archive", cause="a line is not an object")
    return told
