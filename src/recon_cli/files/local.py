"""LocalStore: a folder of this machine, or a share that is mounted here."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_to_bytes

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing, Precision
from recon_cli.core.errors import AuthError, DataError, NotFoundError, ReconError, UnreachableError
from recon_cli.core.place import Place
from recon_cli.files.base import FileRef, ScanOptions
from recon_cli.files.encoding import NameCodec, raw_unless_utf8
from recon_cli.files.walk import LOOK_ABOVE, Directory, Frontier, failed, join, join_raw, raw_path, shown
from recon_cli.ops.atomic import write_file

LISTED_BY = "scandir"
CHUNK_BYTES = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REASONS = {
    errno.EACCES: Incomplete.DENIED,
    errno.EPERM: Incomplete.DENIED,
    errno.ENOENT: Incomplete.MISSING,
    errno.ENOTDIR: Incomplete.MISSING,
    errno.ELOOP: Incomplete.LOOP,
    errno.ETIMEDOUT: Incomplete.TIMEOUT,
}


class LocalStore:
    """Files below one folder. Names are bytes; composed and decomposed spellings stay as they are on disk."""

    def __init__(self, place: Place) -> None:
        self._root = _root(place.url)
        self._codec = NameCodec(place.text("encoding", "auto"))
        self.url = "file://" + quote(self._root)

    def scan(self, under: FileRef = "", options: ScanOptions = ScanOptions()) -> Iterator[Listing]:  # noqa: B008  frozen
        """List `under` and everything below it; see `FileStore.scan`."""
        if options.encoding != "auto":
            self._codec = NameCodec(options.encoding)
        raw = self._find(under)
        if not os.path.isdir(self._full(raw)):  # noqa: PTH112  bytes
            raise NotFoundError(f"no folder {shown(raw)} in {self.url}", hint="check the path, and that it is mounted")
        frontier = Frontier(options, Directory(self._codec.decode(raw), raw))
        while (here := frontier.next()) is not None:
            yield here if isinstance(here, Listing) else frontier.grow(here, self._list(here))

    def _list(self, here: Directory) -> Listing:
        try:
            with os.scandir(self._full(here.raw)) as found:
                names = list(found)
        except OSError as exc:
            reason = _REASONS.get(exc.errno or 0, Incomplete.CUT)
            return failed(here, reason, exc.strerror or str(exc), LISTED_BY)
        self._codec.see(one.name for one in names)
        entries = tuple(entry for one in names if (entry := self._entry(here, one)) is not None)
        return Listing(here.path, entries, LISTED_BY, raw_path=raw_unless_utf8(here.path, here.raw))

    def _entry(self, here: Directory, found: os.DirEntry[bytes]) -> Entry | None:
        path = join(here.path, self._codec.decode(found.name))
        raw = raw_unless_utf8(path, join_raw(here.raw, found.name))
        try:
            return _described(path, raw, found.stat(follow_symlinks=False))
        except FileNotFoundError:
            return None  # it went between the listing and the look
        except OSError as exc:
            kind = EntryType.DIR if found.is_dir(follow_symlinks=False) else EntryType.OTHER
            return Entry(path, kind, raw_path=raw, listed_by=LISTED_BY, note=exc.strerror or str(exc))

    def stat(self, ref: FileRef) -> Entry:
        """One entry."""
        raw = self._find(ref)
        with _translated(self.url, raw):
            path = self._codec.decode(raw)
            return _described(path, raw_unless_utf8(path, raw), os.lstat(self._full(raw)))

    def read(self, ref: FileRef, *, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset`, at most `size_bytes` of them."""
        raw = self._find(ref)
        left = size_bytes
        with _translated(self.url, raw), open(self._full(raw), "rb") as file:  # noqa: PTH123  bytes
            file.seek(offset)
            while left is None or left > 0:
                chunk = file.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk

    def tail(self, ref: FileRef, size_bytes: int) -> bytes:
        """The last bytes, at most `size_bytes`."""
        size = self.stat(ref).size_bytes or 0
        return b"".join(self.read(ref, offset=max(0, size - size_bytes), size_bytes=size_bytes))

    def write(self, ref: FileRef, chunks: Iterable[bytes]) -> None:
        """Publish a file whole: temporary file beside, fsync, rename."""
        raw = self._find(ref)
        target = self._full(raw)
        with _translated(self.url, raw):
            os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120  bytes
            write_file(os.fsdecode(target), chunks)

    def remove(self, ref: FileRef) -> None:
        """Delete one file; a file that is not there is not an error."""
        raw = self._find(ref)
        try:
            with _translated(self.url, raw):
                os.unlink(self._full(raw))  # noqa: PTH108  bytes
        except NotFoundError:
            return

    def probe(self) -> dict[str, str]:
        """Whether the folder is there, and whether files can be put into it."""
        there = os.path.isdir(self._root)  # noqa: PTH112  bytes
        writable = there and os.access(self._root, os.W_OK | os.X_OK)
        return {
            "folder": "there" if there else "missing",
            "listing": LISTED_BY,
            "times": "exact",
            "writing": "allowed" if writable else "not allowed",
        }

    def close(self) -> None:
        """Nothing is held open."""

    def _full(self, raw: bytes) -> bytes:
        return os.path.join(self._root, raw) if raw else self._root  # noqa: PTH118  bytes

    def _find(self, ref: FileRef) -> bytes:
        """The bytes of a reference: of a text's possible spellings, the one that is there."""
        if isinstance(ref, bytes):
            return raw_path(ref)
        found = [raw_path(one) for one in self._codec.candidates(ref)]
        return next((one for one in found if os.path.lexists(self._full(one))), found[0])


def _root(url: str) -> bytes:
    if url.startswith("file:"):
        path = unquote_to_bytes(url.removeprefix("file:"))
        path = path[2:] if path.startswith(b"//") else path
        path = path.removeprefix(b"localhost") if path.startswith(b"localhost/") else path
    else:
        path = os.fsencode(url)
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111  bytes


def _described(path: str, raw: bytes | None, seen: os.stat_result) -> Entry:
    kind = entry_type(seen.st_mode)
    size = seen.st_size if kind is EntryType.FILE else None
    moment = _EPOCH + timedelta(microseconds=seen.st_mtime_ns // 1000)
    return Entry(path, kind, size, moment, Precision.EXACT, raw, LISTED_BY)


def entry_type(mode: int) -> EntryType:
    """What POSIX mode bits say a name is."""
    kinds = {stat.S_IFREG: EntryType.FILE, stat.S_IFDIR: EntryType.DIR, stat.S_IFLNK: EntryType.LINK}
    return kinds.get(stat.S_IFMT(mode), EntryType.OTHER)


@contextmanager
def _translated(url: str, raw: bytes) -> Iterator[None]:
    try:
        yield
    except ReconError:
        raise
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise NotFoundError(f"no {shown(raw)} in {url}", cause=exc.strerror, hint=LOOK_ABOVE) from exc
    except PermissionError as exc:
        hint = f"look at `ls -ld` of {shown(raw)}"
        raise AuthError(f"not allowed to use {shown(raw)} in {url}", cause=exc.strerror, hint=hint) from exc
    except IsADirectoryError as exc:
        raise DataError(f"{shown(raw)} in {url} is a folder", cause=exc.strerror, hint="name a file in it") from exc
    except OSError as exc:
        raise UnreachableError(f"cannot use {shown(raw)} in {url}", cause=exc.strerror or str(exc)) from exc
