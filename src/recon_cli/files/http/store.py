"""HttpStore: files that a web server shows through index pages. For reading only."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from http import HTTPStatus

from recon_cli.core.entry import Entry, EntryType, Listing
from recon_cli.core.errors import DataError, NotFoundError, UnreachableError, UsageError
from recon_cli.core.place import Place
from recon_cli.files.base import FileRef, ScanOptions
from recon_cli.files.cut import Cut
from recon_cli.files.encoding import NameCodec, raw_unless_utf8
from recon_cli.files.http.replies import refusal
from recon_cli.files.http.scan import LISTED_BY, RETRY, Scan, path_below, true_name, with_headers
from recon_cli.files.http.wire import Answer, Connection, Origin, Request
from recon_cli.files.walk import Directory, Frontier, raw_path, shown


class HttpStore:
    """Files below one URL."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._origin = Origin(place)
        self._codec = NameCodec(place.text("encoding", "auto"))
        self._connection = Connection(self._origin)
        self.url = self._origin.url

    def scan(self, under: FileRef = "", options: ScanOptions = ScanOptions()) -> Iterator[Listing]:  # noqa: B008  frozen
        """List `under` and everything below it; see `FileStore.scan`."""
        if options.encoding != "auto":
            self._codec = NameCodec(options.encoding)
        raw = raw_path(under)
        frontier = Frontier(options, Directory(self._codec.decode(true_name(raw)), raw))
        return Scan(self._origin, self._codec, self._place, options).listings(frontier)

    def stat(self, ref: FileRef) -> Entry:
        """One entry, from its own headers."""
        raw = raw_path(ref)
        path = self._codec.decode(true_name(raw))
        entry = Entry(path, EntryType.FILE, raw_path=raw_unless_utf8(path, raw), listed_by=LISTED_BY)
        answer = self.ask(Request("HEAD", path_below(self._origin.root, raw, folder=not raw)))
        if not raw or answer.headers.get("Location", "").endswith("/"):
            return Entry(path, EntryType.DIR, raw_path=entry.raw_path, listed_by=LISTED_BY)
        if answer.status != HTTPStatus.OK:
            raise refusal(answer.status, answer.reason, self._label(raw))
        return with_headers(entry, answer)

    def read(self, ref: FileRef, *, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset`, at most `size_bytes`; goes on after a lost connection where it stopped."""
        for place, raw in enumerate(spellings := self._spellings(ref)):
            try:
                yield from self._resumed(raw, offset, size_bytes)
            except NotFoundError:
                if place + 1 == len(spellings):
                    raise
            else:
                return

    def _resumed(self, raw: bytes, offset: int, size_bytes: int | None) -> Iterator[bytes]:
        done, failures, first = 0, 0, ""
        while size_bytes is None or done < size_bytes:
            try:
                version, blocks = self._ranged(raw, offset + done, None if size_bytes is None else size_bytes - done)
                if first not in {"", version}:
                    raise DataError(f"{self._label(raw)} changed while it was read", hint="run again")
                first = version
                for block in blocks:
                    done, failures = done + len(block), 0
                    yield block
            except Cut as exc:
                failures = self._recover(failures, exc)
            else:
                return

    def _ranged(self, raw: bytes, offset: int, size_bytes: int | None) -> tuple[str, Iterator[bytes]]:
        """What tells the file's version, and its bytes; from a server that knows no ranges we take what we need."""
        last = "" if size_bytes is None else str(offset + size_bytes - 1)
        wanted = (("Range", f"bytes={offset}-{last}"),) if offset or last else ()
        request = Request("GET", path_below(self._origin.root, raw), wanted)
        self._connection.send([request])
        answer = self._connection.response("GET")
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "unknown"
        blocks = self._connection.blocks(answer)
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            blocks.close()
            return version, iter(())
        if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            b"".join(blocks)
            raise refusal(answer.status, answer.reason, self._label(raw))
        return version, _part(blocks, offset if answer.status == HTTPStatus.OK else 0, size_bytes)

    def tail(self, ref: FileRef, size_bytes: int) -> bytes:
        """The last bytes, at most `size_bytes`."""
        for place, raw in enumerate(spellings := self._spellings(ref)):
            request = Request("GET", path_below(self._origin.root, raw), (("Range", f"bytes=-{size_bytes}"),))
            answer = self.ask(request)
            if answer.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
                return answer.body[max(0, len(answer.body) - size_bytes) :]
            if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return b""
            if answer.status != HTTPStatus.NOT_FOUND or place + 1 == len(spellings):
                raise refusal(answer.status, answer.reason, self._label(raw))
        raise AssertionError("there is always a spelling")

    def ask(self, request: Request) -> Answer:
        """One whole answer; after a lost connection it is asked for again, a few times."""
        failures = 0
        while True:
            try:
                self._connection.send([request])
                return self._connection.answer(request)
            except Cut as exc:
                failures = self._recover(failures, exc)

    def _recover(self, failures: int, exc: Cut) -> int:
        self._connection.close()
        if failures >= RETRY.retries:
            raise UnreachableError(f"lost {self.url}", cause=str(exc), hint="run again when it is back") from exc
        if failures:  # the first time, an idle connection was closed by the server, as servers do
            time.sleep(RETRY.delay_s(failures))
        return failures + 1

    def write(self, ref: FileRef, chunks: Iterable[bytes]) -> None:  # noqa: ARG002  nothing is consumed
        """Refuse.

        Raises:
            UsageError: always.
        """
        raise self._read_only("write", ref)

    def remove(self, ref: FileRef) -> None:
        """Refuse.

        Raises:
            UsageError: always.
        """
        raise self._read_only("remove", ref)

    def _read_only(self, verb: str, ref: FileRef) -> UsageError:
        hint = "write through `ftp://`, `sftp://` or a local path of the same tree"
        return UsageError(f"cannot {verb} {shown(ref)}: {self.url} is for reading only", hint=hint)

    def probe(self) -> dict[str, str]:
        """Which server it is, and whether parts of files can be read."""
        answer = self.ask(Request("HEAD", path_below(self._origin.root, b"", folder=True)))
        ranges = answer.headers.get("Accept-Ranges", "")
        return {
            "server": answer.headers.get("Server", "unknown"),
            "answer": f"{answer.status} {answer.reason}",
            "listing": "index pages, pipelined",
            "ranges": "files are read in part" if ranges == "bytes" else "not announced",
            "times": "exact with --mtime exact, else to the minute",
            "writing": "never over HTTP",
        }

    def close(self) -> None:
        """End the connection; the next use makes a new one."""
        self._connection.close()

    def _spellings(self, ref: FileRef) -> tuple[bytes, ...]:
        return tuple(map(raw_path, (ref,) if isinstance(ref, bytes) else self._codec.candidates(ref)))

    def _label(self, raw: bytes) -> str:
        return f"{shown(raw)} in {self.url}"


def _part(blocks: Generator[bytes, None, None], skip: int, size_bytes: int | None) -> Iterator[bytes]:
    """Without the first `skip` bytes, and no more than `size_bytes`."""
    left = size_bytes
    with closing(blocks):
        for block in blocks:
            part, skip = block[skip:], max(0, skip - len(block))
            part = part if left is None else part[:left]
            left = None if left is None else left - len(part)
            if part:
                yield part
            if left == 0 and block != part:
                return  # the server sends more than was asked for
