"""What callers send to `recon serve`, and what workers, depots and helpers tell one another."""

from __future__ import annotations

import asyncio
import io
import re
import tarfile
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import ClientDisconnect
from starlette.types import Message

from recon_cli.core import search
from recon_cli.core.place import Place
from recon_cli.files.registry import open_files
from recon_cli.jobs.record import archive
from recon_cli.jobs.worker.depot import Depot
from recon_cli.ops.lock import _locked
from recon_cli.reconstruction.work import Work
from recon_cli.systems.containers import feed as containers
from recon_cli.systems.records import Hints
from recon_cli.web import guard, records, upload
from recon_cli.web.answers import RefusedError
from recon_cli.web.serving import Access, Limits, host_of
from tests.fuzz.harness import target
from tests.fuzz.pictures import JPEG

NOW = datetime(2026, 2, 28, tzinfo=UTC)
GATE = containers.make()
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="iterations"\r\n\r\n700\r\n--b\r\nContent-Disposition: form-data; name="images";'
    b' filename="../../a b.jpg"\r\nContent-Type: image/jpeg\r\n\r\n' + JPEG + b"\r\n--b--\r\n"
)
_LIMITS = Limits(most_photos=3, photo_bytes=1 << 16, upload_bytes=1 << 17, side_px=2, patience_s=5)


@target(
    b'{"number":"TCNU8971796"}', b'[{"number":"TCNU8971796","at":"2026-02-28T00:00:00Z"},{}]', refuses=(RefusedError,)
)
def record_body(data: bytes, _folder: Path) -> None:
    """What a caller adds: refused, or lines of which each is a record or says why it is none."""
    lines = records._lines(data, NOW)
    assert len(list(GATE.lines(lines, Hints(zone=UTC, at=NOW)))) <= len(lines)


@target(b"2026-02-28T00:00:00Z|abc", b"|", b"2026-02-28")
def search_words(data: bytes, _folder: Path) -> None:
    text = data.decode("utf-8", "replace")
    search.place_of(text)
    records._moment(text, None)


@target(FORM, FORM[:200], FORM.replace(b"\r\n", b"\n"), refuses=(RefusedError, ClientDisconnect))
def upload_form(data: bytes, folder: Path) -> None:
    """Files have names of our own making, and lie in the folder of the upload."""
    pieces = [data[:97], data[97:]]

    async def receive() -> Message:
        return {"type": "http.request", "body": pieces.pop(0) if pieces else b"", "more_body": bool(pieces)}

    kept = folder / "upload"
    kept.mkdir()
    found = asyncio.run(upload.receive_form("multipart/form-data; boundary=b", len(data), receive, kept, _LIMITS))
    assert all(re.fullmatch(r"\d{5}\.(jpg|png)", one.stored) and "/" not in one.name for one in found.photos)


@target(b"host: localhost:8000\r\nauthorization: Bearer secret\r\norigin: http://localhost:8000", b"host: [::1]:8000\r\ncookie: recon=1",
        b"content-length: " + b"9" * 5000, refuses=(RefusedError,))  # fmt: skip
def request_head(data: bytes, _folder: Path) -> None:
    """Who does not know the token stays outside."""
    pairs = [line.partition(b": ")[::2] for line in data.split(b"\r\n")]
    headers = guard.read({"headers": pairs})
    access = Access.of("a long token", (), (), private=True)
    host_of(headers.get("host", ""))
    guard.cors(access, headers)
    guard.admit({"type": "http", "method": "POST", "path": "/jobs", "headers": pairs}, headers, access)
    assert guard.knows(headers, access)


def _tar(**members: bytes) -> bytes:
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w") as made:
        for name, body in members.items():
            one = tarfile.TarInfo(name.replace("__", "/"))
            one.size = len(body)
            made.addfile(one, io.BytesIO(body))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "../../etc"
        made.addfile(link)
    return kept.getvalue()


@target(_tar(job__json=b"{}"), _tar(a__b=b"x" * 600), _tar(**{"..__..__x": b"x"}))
def depot_archive(data: bytes, folder: Path) -> None:
    """What a worker left of a job: unpacked below the job's folder, or refused."""
    (folder / "depot").mkdir()
    (folder / "job").mkdir()
    (folder / "depot" / "kept.tar").write_bytes(data)
    files = open_files(Place(str(folder / "depot")))
    before = {one.name for one in folder.iterdir()}
    try:
        Depot(files, None, None, Work(folder / "job"))._unpack("kept.tar")  # type: ignore[arg-type]  # neither is asked
    finally:
        assert {one.name for one in folder.iterdir()} == before


@target(b'{"schema":"recon.records/1","table":"container_logs"}\n{"row":{"a":1}}\n')
def record_archive(data: bytes, folder: Path) -> None:
    for ending in (".jsonl", ".jsonl.gz", ".jsonl.zst"):
        path = folder / f"a{ending}"
        path.write_bytes(data)
        try:
            for line in archive._unpacked(path):
                archive._object(line, path)
        except archive.DataError:
            continue


@target(b'{"pid":1,"host":"h","command":"recon"}')
def lock_holder(data: bytes, folder: Path) -> None:
    assert _locked(folder / "a.lock", data).hint
