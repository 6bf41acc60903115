"""The web host's PHP listing looks like the tree that FTP shows, and its files are read from the static path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recon_cli.core.entry import EntryType, Incomplete, Precision
from recon_cli.core.errors import AuthError, DataError, NotFoundError, UnreachableError, UsageError
from recon_cli.core.place import Place
from recon_cli.files.base import FileStore, MtimeMode, read_all
from recon_cli.files.registry import open_files
from tests.files.conformance import entries, scanned
from tests.support.http_server import WebSite, python_server

MODEL = "0123456789abcdef0123456789abcdef"
PROGRAM = "/streamlit_data/delete.php"


def answer(*files: dict[str, Any], status: str = "success") -> bytes:
    return json.dumps({"status": status, "models": [{"model_id": MODEL, "files": list(files)}]}).encode()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebSite]:
    folder = tmp_path / "streamlit_data" / "files" / MODEL
    folder.mkdir(parents=True)
    (folder / "model.obj").write_bytes(b"v 0 0 0\n")
    with python_server(tmp_path) as site:
        site.answers[PROGRAM] = (
            200,
            answer(
                {"name": "model.obj", "size": 8, "modified": "2025-02-03 13:05:06"},
                {"name": "tex.png", "size": "1024", "modified": 1738555506},
                {"name": "odd.mtl", "size": "1.2 KB", "modified": "yesterday"},
            ),
        )
        yield site


_OPENED: list[FileStore] = []


def store(web: WebSite, **options: str) -> FileStore:
    _OPENED.append(open_files(Place(f"http://127.0.0.1:{web.port}{PROGRAM}", options=options)))
    return _OPENED[-1]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _OPENED:
        _OPENED.pop().close()


def test_the_answer_becomes_the_tree_that_ftp_shows(web: WebSite) -> None:
    found = scanned(store(web))
    assert set(found) == {"", "files", f"files/{MODEL}"}
    assert web.posted == [b"action=list"]
    assert found[""].incomplete is Incomplete.HIDDEN
    assert found["files"].complete
    assert found[f"files/{MODEL}"].complete
    assert {entry.name for entry in found[f"files/{MODEL}"].entries} == {"model.obj", "tex.png", "odd.mtl"}


def test_times_are_epochs_or_text_in_the_zone_of_the_host(web: WebSite) -> None:
    found = entries(scanned(store(web)))
    when = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)
    text, epoch, unknown = (found[f"files/{MODEL}/{name}"] for name in ("model.obj", "tex.png", "odd.mtl"))
    assert (text.mtime, text.precision, text.size_bytes) == (when, Precision.SECOND, 8)
    assert (epoch.mtime, epoch.precision, epoch.size_bytes) == (when, Precision.EXACT, 1024)
    assert (unknown.mtime, unknown.size_bytes, unknown.note) == (None, None, "about 1.2 KB")
    in_utc = entries(scanned(store(web, zone="UTC")))[f"files/{MODEL}/model.obj"]
    assert in_utc.mtime == when.replace(hour=13)


def test_files_are_read_from_the_static_path(web: WebSite) -> None:
    opened = store(web)
    assert read_all(opened, f"files/{MODEL}/model.obj") == b"v 0 0 0\n"
    assert opened.tail(f"files/{MODEL}/model.obj", 2) == b"0\n"
    assert opened.stat(f"files/{MODEL}/model.obj").type is EntryType.FILE


def test_exact_times_come_from_the_files_where_the_answer_has_text(web: WebSite) -> None:
    web.answers[PROGRAM] = (200, answer({"name": "model.obj", "size": 8, "modified": "2025-02-03 13:05:06"}))
    one = entries(scanned(store(web), mtime=MtimeMode.EXACT))[f"files/{MODEL}/model.obj"]
    assert one.precision is Precision.EXACT


def test_a_folder_of_the_answer_can_be_scanned_alone(web: WebSite) -> None:
    assert set(scanned(store(web), f"files/{MODEL}")) == {f"files/{MODEL}"}
    with pytest.raises(NotFoundError):
        scanned(store(web), "files/none")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>not json</html>", DataError),
        (200, b'{"status": "success"}', DataError),
        (200, b'["a list"]', DataError),
        (200, answer({"name": "../../etc/passwd"}), DataError),
        (200, b'{"status": "error", "message": "no", "models": []}', UnreachableError),
        (403, b"", AuthError),
        (404, b"", NotFoundError),
        (503, b"", UnreachableError),
    ],
)
def test_an_answer_that_is_no_list_is_an_error_and_no_empty_tree(
    web: WebSite, status: int, body: bytes, error: type[Exception]
) -> None:
    web.answers[PROGRAM] = (status, body)
    with pytest.raises(error):
        scanned(store(web))


def test_it_is_for_reading_only_although_the_program_could_delete(web: WebSite) -> None:
    with pytest.raises(UsageError):
        store(web).remove(f"files/{MODEL}/model.obj")
    assert web.posted == []
