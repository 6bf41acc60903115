"""Bad input: the right exit code, message, cause and hint; never a traceback, nothing lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Scene
from tests.support.recon import Done, as_a_mortal, in_folder

Build = Callable[..., Scene]


def explained(done: Done) -> bool:
    return "error:" in done.err and "hint:" in done.err


def test_a_wrong_password_is_12(scene: Build) -> None:
    s = scene()
    (s.folder / "host.pw").write_text("wrong", "utf-8")
    for command in (["scan", "host"], ["recover", "models"], ["check", "models"]):
        assert explained(s.recon(*command, expect=12))
    assert not s.database.exists()


def test_a_host_that_does_not_answer_is_13(tmp_path: Path) -> None:
    assert explained(in_folder(tmp_path)("scan", "ftp://127.0.0.1:9/x", expect=13))
    assert explained(in_folder(tmp_path)("scan", "sftp://me@127.0.0.1:9/x", expect=13))
    assert explained(in_folder(tmp_path)("scan", "http://127.0.0.1:9/x", expect=13))


def test_a_path_that_is_not_there_is_17(scene: Build) -> None:
    s = scene()
    env = {"RECON_FILES_PASSWORD": s.host.password}
    assert explained(s.recon("scan", s.host.url("html/nowhere"), expect=17, env=env))
    assert explained(s.recon("scan", str(s.folder / "nowhere"), expect=17))


def test_an_unknown_key_is_10_and_the_right_one_is_suggested(scene: Build) -> None:
    s = scene()
    settings = s.folder / "recon.toml"
    settings.write_text(settings.read_text("utf-8").replace("password_file", "pasword_file"), "utf-8")
    done = s.recon("recover", "models", expect=10)
    assert explained(done)
    assert "`password_file`" in done.err


def test_a_password_in_a_url_is_refused_and_not_repeated(tmp_path: Path) -> None:
    done = in_folder(tmp_path)("scan", "ftp://me:s3cret@127.0.0.1:9/x", expect=2)
    assert explained(done)
    assert "s3cret" not in done.err + done.out


def test_a_folder_that_cannot_be_written_is_said_so(scene: Build) -> None:
    s = scene()
    (s.folder / "locked").mkdir(mode=0o555)
    command = ("recover", "models", "--to", "sqlite:///locked/models.db", "--apply")
    done = as_a_mortal(s.recon)(*command, expect=None)
    assert done.code not in (0, 3)
    assert explained(done)
    assert not any((s.folder / "locked").iterdir())


def test_a_target_that_is_no_database_is_14_and_left_as_it_was(scene: Build) -> None:
    s = scene()
    s.database.write_bytes(b"this is a letter, not a database" * 100)
    before = s.database.read_bytes()
    assert explained(s.recon("recover", "models", "--apply", expect=14))
    assert s.database.read_bytes() == before


def test_a_target_locked_by_another_program_is_11(scene: Build) -> None:
    s = scene()
    settings = s.folder / "recon.toml"
    settings.write_text(settings.read_text("utf-8").replace('models.db"', 'models.db"\ntimeout_s = 0.5'), "utf-8")
    with sqlite3.connect(s.database, isolation_level=None) as db:
        db.execute("CREATE TABLE other (a)")
        db.execute("BEGIN EXCLUSIVE")
        assert explained(s.recon("recover", "models", "--apply", expect=11))


def test_a_damaged_plan_is_14_and_no_plan_is_17(scene: Build) -> None:
    s = scene()
    s.recon("recover", "models", "--plan-out", "plan.json", expect=None)
    plan = s.folder / "plan.json"
    plan.write_bytes(plan.read_bytes()[:-100])
    assert explained(s.recon("apply", "plan.json", expect=14))
    assert explained(s.recon("apply", "nothing.json", expect=17))
    assert not s.database.exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["recover"], 2),
        (["recover", "modles"], 2),
        (["recover", "--system", "viewr", "--from", ".", "--to", "x.db"], 2),
        (["recover", "models", "--max-missing", "lots"], 2),
        (["check", "models", "--max-drop", "-3"], 2),
        (["undo", "20200101T000000Z-nobody"], 17),
        (["recover", "models", "--also", "nowhere.db"], 17),
        (["recover", "models", "--zone", "Mars/Base", "--also", "host.pw"], 2),
        (["scan", "gopher://127.0.0.1/"], 2),
        (["scan", "ftp://[::1/x"], 2),
        (["scan", "host", "--include", "[z-a]"], 2),
        (["scan", "host", "--encoding", "klingon"], 2),
        (["recover", "models", "--to", "oracle://127.0.0.1/x"], 2),
        (["recover", "models", "--shape", "round"], 2),
        (["scan", "host", "--mtime", "sometimes"], 2),
    ],
)
def test_an_impossible_command_line_says_what_is_possible(scene: Build, words: list[str], code: int) -> None:
    s = scene(models=1)
    done = s.recon(*words, expect=None)
    assert (done.code, explained(done)) == (code, True), done.err
