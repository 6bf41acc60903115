"""What the five systems' files say: exports, logs, lists, models, and the trees that they lie in."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recon_cli.core.entry import Entry, EntryType
from recon_cli.demo import pieces
from recon_cli.demo import twin_sessions as sessions
from recon_cli.systems import mtl, naming, obj, ply
from recon_cli.systems.base import Item
from recon_cli.systems.containers import feed as containers
from recon_cli.systems.containers import lists, number, reading
from recon_cli.systems.conversations import feed as conversations
from recon_cli.systems.conversations import layout
from recon_cli.systems.conversations import parse as conversation
from recon_cli.systems.feed import Sending, Spot
from recon_cli.systems.gfx import feed as gfx
from recon_cli.systems.gfx import registry
from recon_cli.systems.reconstruction import runlog, sparse
from recon_cli.systems.records import Hints
from recon_cli.systems.sidecar import SCHEMA, read
from recon_cli.systems.viewer import paths
from tests.fuzz.harness import target
from tests.systems.conversations import twin as chat

EXPORT = sessions.dumped(sessions.document(638961224831992165, 2, events=2))
LOG = "".join(chat.save(random.Random(7), number)[0] for number in range(3)).encode()
CSV = "시간,owner,number\n0:00:09,TCNU,8971796\n0:01:00,ABCD,123456\n,UNKNOWN,\n".encode()
CAMERA = json.dumps([{"id": "TCNU 897179", "time": "0:00:09", "frame": 9, "bbox": [1, 2, 3, 4], "confidence": 0.9}])
ROWS = b'{"captured_at":"2026-02-14T01:02:03Z","container_owner":"TCNU","container_number":"897179","number":"TCNU8971796"}\n'
SPOT = Spot("", "Gate_In_Upper-20250214-100249-1739552569200-7_log.json")
GFX, TALK, GATE = gfx.make(), conversations.make(), containers.make()


def _sheet() -> bytes:
    import openpyxl  # noqa: PLC0415  heavy

    book = openpyxl.Workbook()
    for row in (["시간", "owner", "number"], ["0:00:09", "TCNU", "8971796"], [timedelta(seconds=60), "ABCD", 123456]):
        book.active.append(row)
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def _bomb() -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/worksheets/sheet1.xml", bytes(8 << 20))
    return kept.getvalue()


@target(EXPORT, EXPORT[:-9], b"\xef\xbb\xbf" + EXPORT, b'{"ID":9223372036854775808,"Hands":[{"Players":["a"]}]}')
def gfx_export(data: bytes, _folder: Path) -> None:
    """What is taken goes through the outbox to rows, and the row holds the very bytes."""
    spot = Spot("PC01", f"PC01/hands/{sessions.name_of(638961224831992165)}")
    found = GFX.sending(data, spot)
    if isinstance(found, Sending):
        GFX.parcels(found.table, data, {"source": "PC01", "path": spot.path})


@target(b'{"pcs":[{"id":"PC01","watch_path":"PC01/hands","enabled":true},{"id":"PC02","path":"../x"}],"version":"1"}')
def gfx_registry(data: bytes, _folder: Path) -> None:
    for pc in registry.parse(data).pcs:
        assert ".." not in pc.folder.split("/")


@target(
    LOG,
    unicode := '🗣️ **김하늘질문** : "안녕"\n\n**클로드** [Claude]: 네\n> 시스템: 끝\n'.encode(),
    unicode.replace(b"\n", b"\r\n"),
)
def conversation_log(data: bytes, _folder: Path) -> None:
    """Every byte comes back, whatever was understood."""
    log = conversation.parse(data)
    assert log.whole() == data
    assert layout.whole(layout.of(log), {turn.id: turn.raw for turn in log.turns}) == data
    found = TALK.sending(data, Spot("host", "대화:일상.md"))
    if isinstance(found, Sending):
        TALK.parcels(found.table, data, {"source": "host", "path": "대화:일상.md"})


@target(b'[["turn","abc"],"text"]', layout.of(conversation.parse(LOG)).encode(), refuses=(ValueError, KeyError))
def conversation_layout(data: bytes, _folder: Path) -> None:
    """A stored layout that is none is told by `rebuild`, which answers for ValueError and KeyError."""
    text = data.decode("utf-8", "surrogateescape")
    layout.ids(text)
    layout.whole(text, {})


@target(CSV, CSV.replace(b",", b"\t"), CAMERA.encode(), ROWS, _sheet(), _bomb())
def container_list(data: bytes, _folder: Path) -> None:
    for ending in ("csv", "json", "jsonl", *(("xlsx",) if data.startswith(b"PK") else ())):
        name = f"Gate_In_Upper-20250214-100249-1739552569200-7.{ending}"
        lists.read(name, data, UTC)
        given = GATE.listed(name, data, Hints(zone=UTC))
        for one in given if hasattr(given, "__iter__") else ():
            assert one is not None


@target(ROWS, CAMERA.encode())
def container_lines(data: bytes, _folder: Path) -> None:
    hints = Hints(zone=UTC, at=datetime(2026, 2, 14, tzinfo=UTC))
    for one in GATE.lines(data.decode("utf-8", "replace").splitlines(), hints):
        assert one is not None
    reading.of_payload(data)


@target(b"TCNU 897179", b"TCNU-897179-6", b"abcd1234567", b"UNKNOWN")
def container_number(data: bytes, _folder: Path) -> None:
    text = data.decode("utf-8", "replace")
    number.parse(text)
    number.search_parts(text)


@target(pieces.obj(random.Random(1), 180, library="a b.mtl", name="로봇"), b"v 0 1e999 0\nv 0 \\\n1 0\n")
def obj_model(data: bytes, _folder: Path) -> None:
    obj.library_names(obj.parse_head(data, whole=True).mtllib)
    obj.y_extent([data[:7], data[7:]])


@target(
    pieces.mtl(["로고.png", "t 1.png"], encoding="cp949"), b"map_Kd -s 1 1 1 -o 0 0 C:\\t\\a.png\nmap_Bump -bm 1 x\n"
)
def mtl_maps(data: bytes, _folder: Path) -> None:
    mtl.parse(data)


@target("250812_고객_로봇_2.3m".encode(), b"model_1.8m.obj", b"251332_x")
def model_name(data: bytes, _folder: Path) -> None:
    text = data.decode("utf-8", "surrogateescape")
    naming.parse(text)
    naming.sanitised(text)
    paths.parse({"file_paths": text, "backup_paths": text, "storage_type": "web"})
    paths.parse({"obj_path": text, "mtl_path": text, "texture_paths": text})


@target(pieces.gaussians(3), pieces.gaussians(3)[:200])
def ply_header(data: bytes, _folder: Path) -> None:
    found = ply.parse_header(data)
    if found is not None:
        found.truncated(len(data))


@target(struct.pack("<Q", 12), b"# Number of images: 3, mean observations per image: 9\n1 0 0 0 1 0 0 0 1 a.jpg\n\n")
def sparse_model(data: bytes, _folder: Path) -> None:
    for name in ("images.bin", "points3D.bin", "images.txt", "points3D.txt"):
        sparse.count(Entry(name, EntryType.FILE, len(data)), _Bytes(data))


@target(
    b">> [1/6] features\n>> [STEP] train\n[Exception] out of memory\n>> [ERROR] no\nTraceback (most recent call last):\n  x\n"
)
def run_log(data: bytes, _folder: Path) -> None:
    runlog.parse(data)


@target(
    json.dumps(
        {"schema": SCHEMA, "system": "viewer", "row": {"id": "a", "n": {"$int": "9"}}, "files": {"x": 1}}
    ).encode(),
)
def sidecar(data: bytes, _folder: Path) -> None:
    entry = Entry("files/a/recon.json", EntryType.FILE, len(data))
    read(entry, Item(("a",), "files/a", (entry,)), _Bytes(data), system="viewer", key="id")


class _Bytes:
    """A reader of one file that is there."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def head(self, _entry: Entry, size_bytes: int = 4096) -> bytes:
        return self.raw[:size_bytes]

    def tail(self, _entry: Entry, size_bytes: int = 4096) -> bytes:
        return self.raw[-size_bytes:]

    def stream(self, _entry: Entry) -> Iterator[bytes]:
        yield self.raw
