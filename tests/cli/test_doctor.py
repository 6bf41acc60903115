from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.nas import export
from tests.support.recon import Recon, in_folder


@pytest.fixture
def recon(tmp_path: Path) -> Recon:
    return in_folder(tmp_path)


def settings(recon: Recon, text: str) -> None:
    (recon.folder / "recon.toml").write_text(text)


def checks(recon: Recon, *words: str, expect: int = 0) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for one in recon("doctor", *words, "--json", expect=expect).document["checks"]:
        found.setdefault(one["check"], []).append(one)
    return found


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_sound_machine_is_told_so(recon: Recon) -> None:
    (recon.folder / "data").mkdir()
    with closing(sqlite3.connect(recon.folder / "m.db")) as connection:
        connection.execute("CREATE TABLE t (a)")
    settings(recon, "[files.disk]\nurl = 'data'\n[stores.local]\nurl = 'sqlite:///m.db'\n")
    found = checks(recon)
    assert {one["status"] for many in found.values() for one in many} == {"ok"}
    assert {"python", "state", "files disk", "stores local"} <= set(found)
    assert "Python 3." in found["python"][0]["detail"]


def test_a_server_that_does_not_answer_fails_with_its_exit_code_and_a_way_to_mend_it(recon: Recon) -> None:
    settings(recon, f"[files.web]\nurl = 'ftp://me@127.0.0.1:{closed_port()}/x'\n")
    (failed,) = checks(recon, expect=13)["files web"]
    assert (failed["status"], failed["code"]) == ("fail", 13)
    assert "does not answer: connection refused" in failed["detail"]
    assert failed["mend"]


def test_broken_settings_are_a_finding_and_the_rest_is_still_checked(recon: Recon) -> None:
    settings(recon, "nope = 1\n[files.disk]\nurl = 'missing-folder'\n")
    found = checks(recon, expect=10)
    assert "unknown key `nope`" in found["settings"][0]["detail"]
    assert (found["files disk"][-1]["status"], found["files disk"][-1]["code"]) == ("fail", 17)


def test_named_places_alone_are_looked_at(recon: Recon) -> None:
    (recon.folder / "data").mkdir()
    settings(recon, f"[files.disk]\nurl = 'data'\n[files.web]\nurl = 'ftp://127.0.0.1:{closed_port()}/x'\n")
    assert "files web" not in checks(recon, "disk")
    done = recon("doctor", "disc", expect=2)
    assert "did you mean `disk`?" in done.err


def test_a_password_file_that_others_can_read_is_a_warning_and_no_failure(recon: Recon) -> None:
    (recon.folder / "data").mkdir()
    (recon.folder / "pw").write_text("geheim12")
    (recon.folder / "pw").chmod(0o644)
    settings(recon, "[files.disk]\nurl = 'data'\npassword_file = 'pw'\n")
    warned = checks(recon)["files disk"][0]
    assert (warned["status"], warned["mend"]) == ("warn", f"run `chmod 600 {recon.folder / 'pw'}`")


def test_a_missing_password_file_is_told_before_anybody_connects(recon: Recon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings(recon, f"[files.web]\nurl = 'ftp://me@127.0.0.1:{server.getsockname()[1]}/'\npassword_file = 'gone'\n")
        found = checks(recon, expect=10)["files web"]
    assert "cannot read the password file" in found[-1]["detail"]


def test_the_summary_in_a_pipe_is_one_row_a_check(recon: Recon) -> None:
    done = recon("doctor")
    assert all(line.count("\t") == 3 for line in done.out.splitlines())
    assert done.err == "all is well\n"


def test_the_state_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    in_folder(tmp_path)("scan", "tree")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_what_reconstruct_needs_is_looked_at(recon: Recon, tmp_path: Path) -> None:
    found = checks(recon)
    assert (found["photos cameras"][0]["detail"], found["photos cameras"][0]["status"]) == ("solved by pycolmap", "ok")
    assert found["photos training"][0]["detail"].startswith("on the ")
    assert "photos jobs" not in found
    settings(recon, "[reconstruct]\nroot = 'jobs'\n")
    assert checks(recon)["photos jobs"][0]["detail"].startswith(str(tmp_path / "jobs"))
    (tmp_path / "jobs").write_text("a file")
    assert checks(recon, expect=1)["photos jobs"][0]["status"] == "fail"


def test_the_compiled_reader_is_told_and_can_be_switched_off(recon: Recon) -> None:
    (found,) = checks(recon)["compiled reader"]
    assert found["status"] == "ok"
    recon.env["RECON_NATIVE"] = "off"
    (found,) = checks(recon)["compiled reader"]
    assert found["status"] == "ok"
    assert "switched off" in found["detail"]


SYNC = """
version = 1
[stores.target]
url = 'sqlite:///t.db'
[syncs.gfx]
system = 'gfx'
from = './nas'
to = 'target'
settle_s = 0.01
"""


def test_a_sync_is_looked_at_from_its_source_to_its_target(recon: Recon) -> None:
    (recon.folder / "nas" / "PC01").mkdir(parents=True)
    with closing(sqlite3.connect(recon.folder / "t.db")) as connection:
        connection.execute("CREATE TABLE gfx_sessions (id TEXT PRIMARY KEY, session_id INTEGER NOT NULL UNIQUE)")
    settings(recon, SYNC)
    found = checks(recon, "gfx", expect=4)
    assert found["queue"][0]["status"] == "ok"
    assert [one["status"] for one in found["sync gfx"]][:2] == ["ok", "fail"]
    assert any("UNIQUE" in one["detail"] or "unique" in one["detail"] for one in found["sync gfx"])
    assert found["sync gfx"][1]["mend"] == "run `recon sync init gfx`"
    (recon.folder / "t.db").unlink()
    assert checks(recon, "gfx", expect=17)["sync gfx"][-1]["mend"] == "run `recon sync init gfx`"
    recon("sync", "init", "gfx")
    assert {one["status"] for one in checks(recon, "gfx")["sync gfx"]} == {"ok"}


def test_the_queue_is_looked_at_and_what_waits_is_dead_or_damaged_is_told(recon: Recon) -> None:
    folder = recon.folder / "nas" / "PC01"
    folder.mkdir(parents=True)
    (folder / "a.json").write_bytes(export(1))
    (folder / "b.json").write_bytes(b"[]")
    settings(recon, SYNC)
    recon("sync", "gfx", "--once", expect=None)
    found = checks(recon, expect=None)["queue"]
    assert "1 item waiting" in found[0]["detail"]
    assert any("1 dead letter" in one["detail"] and one["mend"] == "run `recon queue dead list`" for one in found)
    queue = recon.folder / "state" / "queue.db"
    queue.write_bytes(b"no database" * 1000)
    for log in queue.parent.glob("queue.db-*"):
        log.unlink()
    (damaged,) = checks(recon, expect=None)["queue"]
    assert (damaged["status"], damaged["code"]) == ("fail", 14)
