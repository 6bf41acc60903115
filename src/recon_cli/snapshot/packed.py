"""Compression of files and archives: the same bytes every time, and never more out than was asked for.

Nothing here depends on time, threads or how the input came in pieces: a file up to `STEP` bytes is compressed at once,
a longer one in steps of exactly that. Another version of the compressor may give other bytes for the same content.
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import Protocol

import zstandard

from recon_cli.core.errors import DataError
from recon_cli.snapshot.manifest import Compression

STEP = 1 << 20
_ZSTD_LEVEL = 1
_GZIP_LEVEL = 6
_GZIP_HEADER = 31
WIDEST_WINDOW = 8 << 20
"""A zstd frame may ask its reader for this much memory and no more; ours ask for half a megabyte."""


class Source(Protocol):
    """Anything to read bytes from."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; none at the end."""


class Packer:
    """Compresses one file. Call `add` as often as needed, then `end`."""

    def __init__(self, compression: Compression) -> None:
        self._compression = compression
        self._kept = bytearray()
        self._stream: zstandard.ZstdCompressionObj | zlib._Compress | None = None

    def add(self, plain: bytes) -> Iterator[bytes]:
        """More of the file; what can be written already."""
        if self._compression is Compression.NONE:
            yield plain
            return
        self._kept += plain
        while len(self._kept) > STEP:
            step = bytes(memoryview(self._kept)[:STEP])
            del self._kept[:STEP]
            yield self._started().compress(step)

    def end(self) -> bytes:
        """The rest."""
        if self._compression is Compression.NONE:
            return b""
        if self._stream is None and self._compression is Compression.ZSTD:
            return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(bytes(self._kept))
        stream = self._started()
        return stream.compress(bytes(self._kept)) + stream.flush()

    def more(self, plain: bytes, *, last: bool) -> bytes:
        """`add`, and after the last also `end`, as one piece."""
        if self._compression is Compression.NONE:
            return plain
        packed = b"".join(self.add(plain))
        return packed + self.end() if last else packed

    def whole(self, plain: bytes) -> bytes:
        """A whole file at once."""
        if self._compression is Compression.ZSTD and len(plain) <= STEP:
            return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(plain)
        return self.more(plain, last=True)

    def _started(self) -> zstandard.ZstdCompressionObj | zlib._Compress:
        if self._stream is None and self._compression is Compression.ZSTD:
            self._stream = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
        elif self._stream is None:
            self._stream = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_HEADER)  # its header holds no time
        return self._stream


class Unpacked:
    """The plain bytes of a compressed stream. `read` gives no more than it is asked for, whatever the stream holds."""

    def __init__(self, source: Source, compression: Compression, where: str) -> None:
        self._where = where
        self._plain: Source = source
        if compression is Compression.ZSTD:
            opener = zstandard.ZstdDecompressor(max_window_size=WIDEST_WINDOW)
            self._plain = opener.stream_reader(source, read_across_frames=True, closefd=False)  # type: ignore[arg-type]  # it only reads
        elif compression is Compression.GZIP:
            self._plain = gzip.GzipFile(fileobj=source, mode="rb")  # type: ignore[call-overload]  # it only reads

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; none at the end.

        Raises:
            DataError: the stream is damaged, cut short, or wants too much memory.
        """
        try:
            return self._plain.read(size)
        except (zstandard.ZstdError, zlib.error, gzip.BadGzipFile, EOFError) as exc:
            raise DataError(f"{self._where} cannot be decompressed", cause=str(exc), hint=_DAMAGED) from exc


_DAMAGED = "the file is damaged: take another snapshot"


def seal(compression: Compression, digest: bytes) -> bytes:
    """What ends a compressed archive: the SHA-256 of all bytes before it, where a decompressor passes over it.

    Compressed bytes can change without changing what they decompress to; the seal tells that, too. In zstd it is a
    skippable frame (RFC 8878, 3.1.2), in gzip the comment of an empty member (RFC 1952). A bare tar needs none.
    """
    if compression is Compression.ZSTD:
        return struct.pack("<II", _SKIPPABLE, len(digest)) + digest
    if compression is Compression.GZIP:
        return _COMMENTED + b"sha256:" + digest.hex().encode() + b"\0" + _EMPTY
    return b""


_SKIPPABLE = 0x184D2A5C
_COMMENTED = b"\x1f\x8b\x08\x10" + bytes(4) + b"\x00\xff"
_EMPTY = b"\x03\x00" + bytes(8)


class Sealed:
    """A source that ends in a seal. Read it to its end, then ask `whole`."""

    def __init__(self, source: Source, compression: Compression) -> None:
        self._source = source
        self._compression = compression
        self._length = len(seal(compression, bytes(32)))
        self._digest = hashlib.sha256()
        self._kept = b""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; none at the end."""
        chunk = self._source.read(size)
        kept = self._kept + chunk
        cut = max(0, len(kept) - self._length)
        self._digest.update(memoryview(kept)[:cut])
        self._kept = kept[cut:]
        return chunk

    def whole(self) -> bool:
        """Whether the seal is that of the bytes before it."""
        return self._kept == seal(self._compression, self._digest.digest())
