"""A snapshot as one file: a tar whose bytes follow from the manifest, compressed and encrypted around it.

The manifest comes first, then exactly the files that it names, in its order. Every header is known before it is read:
a header that is any other byte string is refused, so that no link, device or path of a stranger's can come out.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from recon_cli.core.errors import AuthError, DataError, ReconError
from recon_cli.snapshot import crypt
from recon_cli.snapshot.folder import FolderSnapshot, opened
from recon_cli.snapshot.manifest import LARGEST_BYTES, NAME, Compression, Manifest, Shard, decode
from recon_cli.snapshot.packed import Packer, Sealed, Source, Unpacked, seal
from recon_cli.snapshot.write import told

ENDINGS = {Compression.NONE: ".tar", Compression.ZSTD: ".tar.zst", Compression.GZIP: ".tar.gz"}
_BLOCK = 512
_STEP = 1 << 18
_LARGEST_MEMBER = 1 << 33
_MAGIC = {b"\x28\xb5\x2f\xfd": Compression.ZSTD, b"\x1f\x8b": Compression.GZIP}
_HINT = "take another snapshot; this file was damaged, cut short, or not written by recon"


class Sink(Protocol):
    """Anything to write bytes to."""

    def write(self, piece: bytes, /) -> object:
        """Take them all."""


def write(
    folder: Path, stream: Sink, compression: Compression = Compression.ZSTD, recipients: Sequence[str] = ()
) -> None:
    """Write the snapshot in `folder` to a stream as one archive, encrypted if there are recipients.

    The same snapshot gives the same bytes, unless encrypted. Each file is compared with the manifest on the way.

    Raises:
        DataError: a file of the folder is damaged.
        UsageError, ToolMissingError: it cannot be encrypted so.
    """
    pieces = chunks(folder, compression)
    if recipients:
        crypt.encrypt(pieces, stream, recipients)
        return
    for piece in pieces:
        stream.write(piece)


def chunks(folder: Path, compression: Compression) -> Iterator[bytes]:
    """The archive of the snapshot in `folder`, piece by piece."""
    digest = hashlib.sha256()
    for piece in _compressed(folder, compression):
        digest.update(piece)
        yield piece
    yield seal(compression, digest.digest())


def _compressed(folder: Path, compression: Compression) -> Iterator[bytes]:
    packer = Packer(compression)
    for piece in _tar(folder):
        yield from packer.add(piece)
    yield packer.end()


def _tar(folder: Path) -> Iterator[bytes]:
    with opened(folder, NAME) as file:
        raw = file.read(LARGEST_BYTES + 1)
    manifest = decode(raw)
    yield _header(NAME, len(raw)) + raw + _padding(len(raw))
    for path, shard in manifest.paths().items():
        yield _header(path, shard.size_bytes)
        yield from _content(folder, path, shard)
        yield _padding(shard.size_bytes)
    yield bytes(2 * _BLOCK)


def _content(folder: Path, path: str, shard: Shard) -> Iterator[bytes]:
    digest, left = hashlib.sha256(), shard.size_bytes
    with opened(folder, path) as file:
        while chunk := file.read(min(_STEP, left)):
            digest.update(chunk)
            left -= len(chunk)
            yield chunk
    if left or digest.hexdigest() != shard.sha256:
        raise DataError(f"{path} is damaged", cause="it is not what the manifest says", hint="take another snapshot")


def _header(path: str, size_bytes: int) -> bytes:
    """The one header that a file of this name and size has: mode 0644, no owner, no time."""
    if size_bytes >= _LARGEST_MEMBER:
        hint = "cut smaller shards with `--shard-rows`, or keep the snapshot in a folder"
        raise DataError(f"{path} is too large for an archive", cause="over 8 GiB", hint=hint)
    member = tarfile.TarInfo(path)
    member.size, member.mode, member.mtime = size_bytes, 0o644, 0
    return member.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _padding(size_bytes: int) -> bytes:
    return bytes(-size_bytes % _BLOCK)


class ArchiveSnapshot(FolderSnapshot):
    """An archive, unpacked into a private folder that lives until `close`."""

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def unpack(stream: Source, where: str, identity: Path | None = None, scratch: Path | None = None) -> ArchiveSnapshot:
    """Unpack an archive from a stream, below `scratch` (the system's temporary folder). `where` names it in errors.

    Only the manifest's files are written, only as long as it says and as there is room for; the first byte that is
    not as it should be ends it, and what was written is removed.

    Raises:
        DataError: it is no archive of a snapshot, damaged, or longer than its manifest says.
        AuthError: it is encrypted, and the identity does not open it.
    """
    with told(scratch or Path(tempfile.gettempdir())):
        folder = Path(tempfile.mkdtemp(prefix="recon-", dir=scratch))
    try:
        _unpack(stream, where, identity, folder)
        return ArchiveSnapshot(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpack(stream: Source, where: str, identity: Path | None, folder: Path) -> None:
    source = _Peeked(stream)
    if not source.begins(crypt.MAGIC):
        _files(source, where, folder)
    elif identity is None:
        hint = "name the file of your key with `--identity FILE`"
        raise AuthError(f"{where} is encrypted", cause="no identity was given", hint=hint)
    else:
        with crypt.decrypted(source, identity, where) as inner:
            _files(_Peeked(inner), where, folder)


def _files(source: _Peeked, where: str, folder: Path) -> None:
    compression = next((one for magic, one in _MAGIC.items() if source.begins(magic)), Compression.NONE)
    sealed = Sealed(source, compression)
    reader = _Members(Unpacked(sealed, compression, where), where)
    raw = reader.manifest()
    manifest = decode(raw)
    _room(manifest, folder, where)
    with told(folder / NAME):
        (folder / NAME).write_bytes(raw)
    for path, shard in manifest.paths().items():
        reader.member(path, shard, folder)
    reader.end()
    if not sealed.whole():
        cause = "the SHA-256 at its end is not that of its bytes"
        raise DataError(f"{where} is not a whole snapshot", cause=cause, hint=_HINT)


def _room(manifest: Manifest, folder: Path, where: str) -> None:
    """Refuse what does not fit before the disk is full."""
    wanted, free = sum(shard.size_bytes for shard in manifest.paths().values()), shutil.disk_usage(folder).free
    if wanted > free * 9 // 10:
        raise ReconError(
            f"no room to unpack {where}",
            cause=f"its files take {wanted >> 20} MiB, {folder.parent} has {free >> 20} MiB left",
            hint="set `TMPDIR` to a folder with more room",
        )


class _Members:
    """The members of an archive, one after the other, each of them known beforehand."""

    def __init__(self, plain: Source, where: str) -> None:
        self._plain = plain
        self._where = where

    def manifest(self) -> bytes:
        block = self._exactly(_BLOCK)
        try:
            size_bytes = int(block[124:135], 8)
        except ValueError:
            size_bytes = -1
        if not 0 <= size_bytes <= LARGEST_BYTES or block != _header(NAME, size_bytes):
            raise self._fault(f"it does not begin with {NAME}")
        raw = self._exactly(size_bytes)
        self._zeros(-size_bytes % _BLOCK)
        return raw

    def member(self, path: str, shard: Shard, folder: Path) -> None:
        """Write one file, and hold it to its SHA-256."""
        if self._exactly(_BLOCK) != _header(path, shard.size_bytes):
            raise self._fault(f"{path} is not where it should be")
        digest = hashlib.sha256()
        with told(folder / path):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (folder / path).open("xb") as file:
                for chunk in self._pieces(shard.size_bytes):
                    digest.update(chunk)
                    file.write(chunk)
        if digest.hexdigest() != shard.sha256:
            raise self._fault(f"the SHA-256 of {path} is not the manifest's")
        self._zeros(-shard.size_bytes % _BLOCK)

    def end(self) -> None:
        """Two empty blocks, and nothing after them."""
        self._zeros(2 * _BLOCK)
        if self._plain.read(1):
            raise self._fault("there is more after its end")

    def _zeros(self, size: int) -> None:
        if any(self._exactly(size)):
            raise self._fault("a gap is not empty")

    def _exactly(self, size: int) -> bytes:
        return b"".join(self._pieces(size))

    def _pieces(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            chunk = self._plain.read(min(_STEP, left))
            if not chunk:
                raise self._fault("it is cut short")
            left -= len(chunk)
            yield chunk

    def _fault(self, cause: str) -> DataError:
        return DataError(f"{self._where} is not a whole snapshot", cause=cause, hint=_HINT)


class _Peeked:
    """A source whose first bytes were looked at."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ahead = b""

    def begins(self, magic: bytes) -> bool:
        while len(self._ahead) < len(magic) and (more := self._source.read(len(magic) - len(self._ahead))):
            self._ahead += more
        return self._ahead.startswith(magic)

    def read(self, size: int = -1, /) -> bytes:
        if not self._ahead:
            return self._source.read(size)
        found, self._ahead = (self._ahead, b"") if size < 0 else (self._ahead[:size], self._ahead[size:])
        return found
