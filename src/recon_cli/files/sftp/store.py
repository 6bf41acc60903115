"""SftpStore: files over SSH. Listing and reading are pipelined here; single commands and writes go through paramiko."""

from __future__ import annotations

import errno
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

import paramiko

from recon_cli.core.entry import Entry, Listing
from recon_cli.core.errors import AuthError, DataError, NotFoundError, ReconError, UnreachableError
from recon_cli.core.place import Place
from recon_cli.files.base import FileRef, ScanOptions
from recon_cli.files.cut import Cut
from recon_cli.files.encoding import NameCodec
from recon_cli.files.sftp.lister import RETRY, Lister, described, join_raw_root
from recon_cli.files.sftp.reading import LET_IN, OpenFile, open_file
from recon_cli.files.sftp.session import Pipe, Session, breaking
from recon_cli.files.sftp.wire import Attrs, Name
from recon_cli.files.walk import LOOK_ABOVE, Directory, Frontier, raw_path, shown

T = TypeVar("T")


class SftpStore:
    """Files below one folder of an SSH server. One connection; listing, reading and commands have a channel each."""

    def __init__(self, place: Place) -> None:
        self._session = Session(place)
        self._codec = NameCodec(place.text("encoding", "auto"))
        self._reading: Pipe | None = None
        self.url = self._session.url

    def scan(self, under: FileRef = "", options: ScanOptions = ScanOptions()) -> Iterator[Listing]:  # noqa: B008  frozen
        """List `under` and everything below it; see `FileStore.scan`."""
        if options.encoding != "auto":
            self._codec = NameCodec(options.encoding)
        raw = self._find(under) if under else b""
        frontier = Frontier(options, Directory(self._codec.decode(raw), raw))
        return Lister(self._session, self._codec, frontier).listings()

    def stat(self, ref: FileRef) -> Entry:
        """One entry."""
        raw = self._find(ref)
        seen = self._try(raw, lambda: self._session.client().lstat(self._full(raw)))
        mtime_s = None if seen.st_mtime is None else int(seen.st_mtime)
        parent, _, name = raw.rpartition(b"/")
        self._codec.see(raw.split(b"/"))
        here = Directory(self._codec.decode(parent), parent)
        return described(self._codec, here, Name(name, b"", Attrs(seen.st_size, seen.st_mode, mtime_s)))

    def read(self, ref: FileRef, *, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset`, at most `size_bytes` of them; goes on after a lost connection where it stopped."""
        raw = self._find(ref)
        yield from self._resumed(raw, lambda _size: (offset, size_bytes))

    def tail(self, ref: FileRef, size_bytes: int) -> bytes:
        """The last bytes, at most `size_bytes`."""
        return b"".join(self._resumed(self._find(ref), lambda size: (max(0, size - size_bytes), size_bytes)))

    def _resumed(self, raw: bytes, where: Callable[[int], tuple[int, int | None]]) -> Iterator[bytes]:
        done, failures, first = 0, 0, None
        while True:
            try:
                file = self._open(raw)
                if first not in {None, file.attrs}:
                    raise DataError(f"{shown(raw)} in {self.url} changed while it was read", hint="run again")
                first = file.attrs
                start, size = where(file.attrs.size_bytes or 0)
                for block in _closing(file, start + done, None if size is None else size - done):
                    done, failures = done + len(block), 0
                    yield block
            except Cut as exc:
                failures = self._recover(failures, exc)
            else:
                return

    def _open(self, raw: bytes) -> OpenFile:
        if self._reading is None:
            self._reading = self._session.pipe()
        return open_file(self._reading, self._full(raw), f"{shown(raw)} in {self.url}")

    def _recover(self, failures: int, exc: Cut) -> int:
        """Wait for the next attempt, or raise when they are used up."""
        self.close()
        if failures >= RETRY.retries:
            raise UnreachableError(f"lost {self.url}", cause=str(exc), hint="run again when it is back") from exc
        time.sleep(RETRY.delay_s(failures + 1))
        return failures + 1

    def write(self, ref: FileRef, chunks: Iterable[bytes]) -> None:
        """Publish a file whole: a temporary file beside it, then a rename over it."""
        raw = self._find(ref)
        self._try(raw, lambda: self._write(self._full(raw), chunks), again=False)

    def _write(self, target: bytes, chunks: Iterable[bytes]) -> None:
        client = self._session.client()
        folder, _, name = target.rpartition(b"/")
        self._make_folders(folder)
        temporary = (folder + b"/" if folder or target.startswith(b"/") else b"") + b".%s.%s.tmp" % (
            name[:200],
            secrets.token_hex(6).encode(),
        )
        try:
            with client.open(temporary, "wx") as file:
                file.set_pipelined(True)
                for chunk in chunks:
                    file.write(chunk)
            self._rename(temporary, target)
        except BaseException:
            with suppress(OSError, EOFError, paramiko.SSHException):
                client.remove(temporary)
            raise

    def _rename(self, temporary: bytes, target: bytes) -> None:
        """Over the old file in one step where the server can; else the old one is moved aside first, never removed."""
        client = self._session.client()
        try:
            client.posix_rename(temporary, target)
        except OSError as exc:
            if exc.errno in {errno.EACCES, errno.ENOENT}:
                raise
            aside = temporary.removesuffix(b".tmp") + b".old"
            with suppress(FileNotFoundError):
                client.rename(target, aside)
            client.rename(temporary, target)
            with suppress(OSError):
                client.remove(aside)

    def _make_folders(self, folder: bytes) -> None:
        """Create what is missing above a file, from the first part that exists."""
        client = self._session.client()
        missing: list[bytes] = []
        while folder not in {b"", b".", b"/"}:
            try:
                client.stat(folder)
                break
            except FileNotFoundError:
                missing.append(folder)
                folder = folder.rpartition(b"/")[0]
        for one in reversed(missing):
            try:
                client.mkdir(one)
            except OSError:
                if not stat.S_ISDIR(client.stat(one).st_mode or 0):  # somebody else may have made it meanwhile
                    raise

    def remove(self, ref: FileRef) -> None:
        """Delete one file; a file that is not there is not an error."""
        try:
            raw = self._find(ref)
            self._try(raw, lambda: self._session.client().remove(self._full(raw)))
        except NotFoundError:
            return

    def probe(self) -> dict[str, str]:
        """What the server is and how it will be used."""
        banner = self._try(b"", self._session.banner)
        root = self._try(b"", lambda: self._session.client().normalize(self._session.root))
        return {
            "server": banner,
            "folder": root,
            "listing": "SFTP, pipelined",
            "times": "exact",
            "writing": "atomic rename",
        }

    def close(self) -> None:
        """Drop the connection; the next use makes a new one."""
        self._reading = None
        self._session.reset()

    def _full(self, raw: bytes) -> bytes:
        return join_raw_root(self._session.root, raw)

    def _find(self, ref: FileRef) -> bytes:
        """The bytes of a reference: of a text's possible spellings, the one that is there."""
        if isinstance(ref, bytes):
            return raw_path(ref)
        found = [raw_path(one) for one in self._codec.candidates(ref)]
        return found[0] if len(found) == 1 else next((one for one in found if self._exists(one)), found[0])

    def _exists(self, raw: bytes) -> bool:
        try:
            self._try(raw, lambda: self._session.client().lstat(self._full(raw)))
        except NotFoundError:
            return False
        return True

    def _try(self, raw: bytes, act: Callable[[], T], *, again: bool = True) -> T:
        """Do one thing; after a lost connection once more on a new one; the server's refusals become ours."""
        failures = 0 if again else RETRY.retries
        while True:
            try:
                with breaking():
                    return act()
            except Cut as exc:
                if (error := _refused(exc.__cause__, f"{shown(raw)} in {self.url}")) is not None:
                    raise error from exc.__cause__
                failures = self._recover(failures, exc)


def _closing(file: OpenFile, offset: int, size_bytes: int | None) -> Iterator[bytes]:
    """The blocks of a file, which is closed also when nobody takes the rest of them."""
    try:
        yield from file.blocks(offset, size_bytes)
    finally:
        with suppress(Cut):
            file.close()


def _refused(exc: BaseException | None, label: str) -> ReconError | None:
    """What the server said no to, or None where the connection is the trouble."""
    if isinstance(exc, FileNotFoundError):
        return NotFoundError(f"no {label}", cause=exc.strerror, hint=LOOK_ABOVE)
    if isinstance(exc, PermissionError):
        return AuthError(f"not allowed to use {label}", cause=exc.strerror, hint=LET_IN)
    if type(exc) is OSError and exc.errno is None and "closed" not in str(exc):  # a status; lost sockets look alike
        return DataError(f"cannot use {label}", cause=str(exc))
    return None
