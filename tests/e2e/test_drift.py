"""check: files and rows, both ways, for cron."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.e2e.conftest import Scene

pytestmark = pytest.mark.slow

Build = Callable[..., Scene]


def recovered(scene: Build) -> Scene:
    s = scene()
    s.recon("recover", "models", "--apply", expect=None)
    return s


def differences(s: Scene, *args: str, expect: int) -> list[tuple[str, str]]:
    document = s.recon("check", "models", "--json", *args, expect=expect).document
    return [(one["drift"], one["key"]) for one in document["differences"]]


def test_after_a_recovery_files_and_rows_agree_and_cron_hears_nothing(scene: Build) -> None:
    s = recovered(scene)
    done = s.recon("check", "models", "-q")
    assert (done.out, done.err) == ("", "")


def test_a_folder_without_a_row_is_an_orphan_and_repair_plans_its_row(scene: Build) -> None:
    s = recovered(scene)
    key = s.twin.models[0].id
    with sqlite3.connect(s.database) as db:
        db.execute("DELETE FROM models WHERE id = ?", (key,))
    assert differences(s, expect=4) == [("orphan", key)]
    s.recon("check", "models", "--repair", "--apply", expect=None)
    assert differences(s, expect=0) == []


def test_a_row_without_its_folder_is_missing_until_it_is_marked(scene: Build) -> None:
    s = recovered(scene)
    key = s.twin.models[0].id
    shutil.rmtree(s.data / "files" / key)
    assert differences(s, expect=4) == [("missing", key)]
    s.recon("recover", "models", "--apply", expect=None)
    document = s.recon("check", "models", "--json").document
    assert (document["missing"], document["marked_missing"]) == (0, 1)


def test_a_file_of_another_size_is_reported_until_it_is_accepted(scene: Build) -> None:
    s = recovered(scene)
    s.recon("check", "models")
    key = s.twin.models[0].id
    model = next((s.data / "files" / key).glob("*.obj"))
    model.write_bytes(model.read_bytes() + b"# more\n")
    assert differences(s, expect=4) == [("changed", key)]
    assert differences(s, expect=4) == [("changed", key)]
    s.recon("check", "models", "--accept")
    assert differences(s, expect=0) == []


def test_a_dry_run_accepts_nothing(scene: Build) -> None:
    s = recovered(scene)
    s.recon("check", "models")
    model = next((s.data / "files" / s.twin.models[0].id).glob("*.obj"))
    model.write_bytes(model.read_bytes() + b"# more\n")
    s.recon("check", "models", "--accept", "--dry-run")
    s.recon("check", "models", expect=4)


def test_a_file_changed_without_changing_its_size_is_found_by_hash(scene: Build) -> None:
    s = recovered(scene)
    s.recon("check", "models", "--hash")
    key = s.twin.models[0].id
    model = next((s.data / "files" / key).glob("*.obj"))
    model.write_bytes(model.read_bytes().replace(b"v ", b"V ", 1))
    assert differences(s, expect=0) == []
    assert differences(s, "--hash", expect=4) == [("changed", key)]


def test_a_store_that_suddenly_lists_nothing_is_offline_not_drift(scene: Build) -> None:
    s = recovered(scene)
    shutil.rmtree(s.data / "files")
    (s.data / "files").mkdir()
    refused = s.recon("check", "models", expect=5)
    assert "offline" in refused.err


def test_a_count_that_drops_too_far_alarms_every_night_until_accepted(scene: Build) -> None:
    s = recovered(scene)
    s.recon("check", "models", "--max-drop", "10%")
    with sqlite3.connect(s.database) as db:
        db.execute("DELETE FROM models WHERE rowid <= 2")
    for _night in range(2):
        document = s.recon("check", "models", "--max-drop", "10%", "--json", expect=5).document
        assert "rows 6 → 4" in document["alarm"]
    s.recon("check", "models", "--max-drop", "10%", "--accept", expect=4)
    s.recon("check", "models", "--max-drop", "10%", expect=4)


def test_history_remembers_every_check(scene: Build) -> None:
    s = recovered(scene)
    s.recon("check", "models")
    with sqlite3.connect(s.database) as db:
        db.execute("DELETE FROM models WHERE rowid = 1")
    s.recon("check", "models", expect=4)
    checks = s.recon("check", "models", "--history", "--json").document["checks"]
    assert [(one["items"], one["orphans"]) for one in checks][-1] == (6, 1)


@contextmanager
def watcher() -> Iterator[tuple[str, list[str]]]:
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/abc", heard
        server.shutdown()


def test_a_heartbeat_tells_start_success_and_failure(scene: Build) -> None:
    s = recovered(scene)
    with watcher() as (url, heard):
        settings = s.folder / "recon.toml"
        settings.write_text(settings.read_text("utf-8") + f'\n[ping]\nurl = "{url}"\n', "utf-8")
        s.recon("check", "models")
        assert heard == ["/abc/start", "/abc"]
        with sqlite3.connect(s.database) as db:
            db.execute("DELETE FROM models")
        s.recon("check", "models", expect=4)
        assert heard[2:] == ["/abc/start", "/abc/fail"]


def test_a_heartbeat_that_cannot_be_told_never_changes_the_exit_code(scene: Build) -> None:
    s = recovered(scene)
    settings = s.folder / "recon.toml"
    settings.write_text(settings.read_text("utf-8") + '\n[ping]\nurl = "http://127.0.0.1:9/abc"\n', "utf-8")
    done = s.recon("check", "models")
    assert "heartbeat" in done.err


def test_prometheus_finds_the_last_success_and_the_counts(scene: Build) -> None:
    s = recovered(scene)
    s.recon("check", "models", "--textfile", "recon.prom")
    text = (s.folder / "recon.prom").read_text("utf-8")
    assert 'recon_items{job="check models"} 6' in text
    assert "recon_last_success_timestamp_seconds" in text


def test_json_errors_are_one_line_on_stderr(scene: Build) -> None:
    s = scene()
    failed = s.recon("check", "nothing", "--json", expect=None)
    assert failed.code != 0
    error = json.loads(failed.err)
    assert error.keys() >= {"code", "slug", "message", "cause", "hint", "retryable"}
    assert error["code"] == failed.code
