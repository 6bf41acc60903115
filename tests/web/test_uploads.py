"""Uploads: what is taken lies on the disk under names of our own; what is refused leaves nothing, and says why."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.reconstructions import reconstructing
from tests.support.served import Server, begin, form, left_in, serving
from tests.web.conftest import jpeg, three

EVIL = [
    "../../../etc/passwd.jpg",
    "..\\..\\windows\\win.jpg",
    "/etc/cron.d/x.jpg",
    "a\x00b.jpg",
    ".",
    "..",
    "con.jpg",
    "x" * 1500,
]


def test_an_upload_is_answered_as_the_old_server_answered(idle: Server) -> None:
    answer = idle.send(three(), query="?original_resolution=true")
    assert answer.status == 200
    made = answer.document
    assert {"job_id", "pub_key", "original_resolution"} <= set(made)
    assert made["original_resolution"] is True
    assert made["pub_key"].isdecimal()
    assert len(made["pub_key"]) == 10
    status = idle.status(made["job_id"])
    wanted = {
        "job_id": made["job_id"], "status": "PENDING", "step": None, "progress": 0, "log_tail": [], "started_at": None,
        "completed_at": None, "processing_time_seconds": None, "image_count": 3, "gaussian_count": None,
        "file_size_mb": None, "queue_position": made["queue_position"],
    }  # fmt: skip
    assert {name: status[name] for name in wanted} == wanted
    assert "T" in status["created_at"]


def test_photos_of_one_name_are_kept_beside_each_other(idle: Server) -> None:
    photos = [("same.jpg", jpeg(colour=(number * 50, 9, 9))) for number in range(4)]
    made = idle.send(photos).document
    assert made["image_count"] == 4
    kept = sorted((idle.root / made["job_id"] / "upload" / "photos").iterdir())
    assert [path.name for path in kept] == [f"0000{number}.jpg" for number in range(1, 5)]
    assert [path.read_bytes() == raw for path, (_, raw) in zip(kept, photos, strict=True)] == [True] * 4


def test_no_name_of_a_caller_becomes_a_path(idle: Server) -> None:
    before = set(left_in(idle.root))
    answer = idle.send([(name, jpeg()) for name in EVIL])
    assert answer.status == 200, answer.body
    assert set(left_in(idle.root)) - before == {answer.document["job_id"]}
    folder = idle.root / answer.document["job_id"]
    assert {path.name for path in folder.rglob("*.jpg")} == {f"{number:05d}.jpg" for number in range(1, len(EVIL) + 1)}


@pytest.mark.parametrize(
    ("photos", "status", "why"),
    [
        ([], 400, "0 photos are too few"),
        (three()[:2], 400, "2 photos are too few"),
        ([*three(), ("page.jpg", b"<html>not a photo at all")], 400, "page.jpg is neither"),
        ([*three(), ("gif.jpg", b"GIF89a" + bytes(100))], 400, "gif.jpg is neither"),
        ([*three(), ("cut.jpg", jpeg()[:60])], 400, "cut.jpg cannot be read"),
        ([*three(), ("tiny.jpg", jpeg(99, 200))], 400, "tiny.jpg is smaller than 100"),
        ([*three(), ("empty.jpg", b"")], 400, "empty.jpg is neither"),
        ([(f"{number}.jpg", jpeg()) for number in range(21)], 400, "more than 20"),
        ([*three(), ("huge.jpg", jpeg() + bytes(30 << 20))], 413, "huge.jpg is larger than 30 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_breaks_a_limit_is_refused_with_its_name(
    idle: Server, photos: list[tuple[str, bytes]], status: int, why: str
) -> None:
    before = left_in(idle.root)
    answer = idle.send(photos)
    assert answer.status == status
    assert why in answer.document["detail"]
    assert left_in(idle.root) == before


@pytest.mark.parametrize(
    "fields",
    [{"preset": "best"}, {"iterations": "-1"}, {"iterations": "9" * 40}, {"original_resolution": "maybe"}],
    ids=str,
)
def test_a_wish_that_is_none_is_refused(idle: Server, fields: dict[str, str]) -> None:
    before = left_in(idle.root)
    assert idle.send(three(), fields).status == 400
    assert left_in(idle.root) == before


def test_more_than_the_whole_may_have_is_refused_before_it_is_sent(idle: Server) -> None:
    with socket.create_connection(("127.0.0.1", idle.port)) as line:
        line.sendall(
            b"POST /recon/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 600000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert line.recv(100).startswith(b"HTTP/1.1 413")


def test_a_form_without_length_is_counted_on_its_way(tmp_path: Path) -> None:
    with serving(reconstructing(tmp_path, RECON_SERVE_MAX_UPLOAD_MB="2"), "--no-worker") as server:
        kind, body = form([*three(), ("long.jpg", jpeg() + bytes(3 << 20))], {})
        answer = server.ask("/recon/jobs", "POST", iter([body]), Content_Type=kind, Transfer_Encoding="chunked")
        assert answer.status == 413
        assert left_in(server.root) == []


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"x", 415),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"not a form", 400),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=files; filename=a\r\n\r\n\xff\xd8\xff",
            400,
        ),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"a: " + b"b" * 100_000 + b"\r\n\r\n", 400),
    ],
)
def test_what_is_no_form_is_refused(idle: Server, kind: str, body: bytes, status: int) -> None:
    before = left_in(idle.root)
    assert idle.ask("/recon/jobs", "POST", body, Content_Type=kind).status == status
    assert left_in(idle.root) == before


def test_a_caller_who_stops_sending_is_not_waited_for(tmp_path: Path) -> None:
    with serving(reconstructing(tmp_path, RECON_SERVE_PATIENCE_S="1"), "--no-worker") as server:
        kind, body = form(three(), {})
        with line_to(server) as line:
            line.sendall(half(kind, body))
            assert line.recv(100).startswith(b"HTTP/1.1 408")
        deadline = time.monotonic() + 30
        while left_in(server.root):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_heads_that_trickle_or_never_end_are_cut(tmp_path: Path) -> None:
    with serving(reconstructing(tmp_path, RECON_SERVE_PATIENCE_S="1"), "--no-worker") as server, ExitStack() as stack:
        lines = [stack.enter_context(line_to(server)) for _ in range(50)]
        for line in lines:
            line.sendall(b"GET / HTTP/1.1\r\nHost: local")
        assert server.ask("/health").status == 200
        assert all(line.recv(100) == b"" for line in lines)
        endless, before = stack.enter_context(line_to(server)), server.memory_mb()
        assert cut_while_sending(endless, b"X: " + b"y" * 65_000 + b"\r\n")
        assert server.memory_mb() - before < 30


def half(kind: str, body: bytes) -> bytes:
    """The first half of an upload."""
    said = f"Host: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
    return f"POST /recon/jobs HTTP/1.1\r\n{said}\r\n\r\n".encode() + body[: len(body) // 2]


def line_to(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port))


def cut_while_sending(line: socket.socket, raw: bytes) -> bool:
    """Whether the other side hangs up before very much was sent."""
    try:
        for _ in range(2000):
            line.sendall(raw)
    except OSError:
        return True
    return False


def test_a_server_killed_in_the_middle_of_an_upload_sweeps_it(tmp_path: Path) -> None:
    recon = reconstructing(tmp_path)
    server = begin(recon, "--no-worker")
    whole = server.send(three()).document["job_id"]
    kind, body = form(three(), {})
    head = (
        f"POST /recon/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(head.encode() + body[: len(body) // 2])
        deadline = time.monotonic() + 30
        while len(left_in(server.root)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.kill()
    unanswered = server.root / "0badc0de" / "upload" / "photos"
    unanswered.mkdir(parents=True)
    with serving(recon, "--no-worker") as again:
        assert left_in(again.root) == [whole]
        assert again.status(whole)["status"] == "PENDING"


def test_the_request_of_an_uploaded_job_is_its_own_folder(idle: Server) -> None:
    made = idle.send(three(), {"preset": "quick", "iterations": "77"}).document
    request = json.loads((idle.root / made["job_id"] / "job.json").read_text())
    assert request["photos"] == str(idle.root / made["job_id"] / "upload" / "photos")
    assert (request["preset"], request["iterations"]) == ("quick", 77)
