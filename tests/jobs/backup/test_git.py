"""What only a git repository has: other people's files, other writers, and a history that stays."""

from __future__ import annotations

import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest

from recon_cli.core.errors import GuardError, ReconError, UsageError
from recon_cli.jobs.backup.destination import Destination, Run
from recon_cli.snapshot.check import verify_path
from tests.jobs.backup.made import content, day, publish, rows
from tests.jobs.backup.recipes import opened, recipe
from tests.support.system import require


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No user's settings: a cron job may have none."""
    require("git", "git")
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def git(repo: Path, *words: str) -> str:
    who = ["-c", "user.name=Kim", "-c", "user.email=kim@example.org"]
    return subprocess.run(["git", "-C", str(repo), *who, *words], check=True, capture_output=True, text=True).stdout


def keeper(repo: Path, folder: str = "backups", **more: str) -> Destination:
    return opened(recipe(f"git:{repo}#{folder}" if folder else f"git:{repo}", **more))


def project(path: Path) -> Path:
    """A repository of Kim's with two files."""
    git(path.parent, "init", "-q", "-b", "main", str(path))
    (path / "README.md").write_text("hello\n")
    (path / "code.py").write_text("print()\n")
    git(path, "add", ".")
    git(path, "commit", "-q", "-m", "Begin")
    return path


def test_a_commit_says_what_changed_and_how_it_was_made(tmp_path: Path) -> None:
    there = keeper(tmp_path / "repo")
    publish(there, rows(), day(0))
    publish(there, rows(300, "x"), day(1), Run(4.12, "box", ("items: 12 added, 3 changed, 1 removed",)))
    publish(there, rows(250, "x"), day(2))
    assert git(tmp_path / "repo", "log", "--format=%s").splitlines() == [
        "files: 2 changed",
        "items: 12 added, 3 changed, 1 removed",
        "first snapshot: 1 table",
    ]
    told = git(tmp_path / "repo", "log", "-1", "--skip=1", "--format=%(trailers)")
    assert f"Recon-Snapshot: {day(1)}" in told
    assert "Recon-Rows: 300" in told
    assert "Recon-Host: box" in told
    assert "Recon-Took: 4.1 s" in told


def test_other_files_and_what_is_staged_or_changed_there_stay_as_they_are(tmp_path: Path) -> None:
    repo = project(tmp_path / "repo")
    (repo / "README.md").write_text("staged\n")
    git(repo, "add", "README.md")
    (repo / "README.md").write_text("and changed again\n")
    (repo / "code.py").unlink()
    (repo / "new.txt").write_text("untracked\n")
    before = git(repo, "status", "--porcelain")
    there = keeper(repo)
    for number in range(3):
        publish(there, rows(300 - number), day(number))
    assert git(repo, "status", "--porcelain") == before
    assert git(repo, "diff", "--cached", "--", "README.md").endswith("-hello\n+staged\n")
    assert (repo / "README.md").read_text() == "and changed again\n"
    assert git(repo, "show", "HEAD:README.md") == "hello\n"
    assert list(verify_path(repo / "backups")) == []


def test_only_changed_files_are_touched_and_vanished_ones_go(tmp_path: Path) -> None:
    there = keeper(tmp_path / "repo")
    publish(there, rows(300), day(0))
    data = tmp_path / "repo" / "backups" / "data" / "items"
    before = {path.name: path.stat().st_mtime_ns for path in data.iterdir()}
    publish(there, [*rows(100), *rows(200, "x")[100:]], day(1))
    after = {path.name: path.stat().st_mtime_ns for path in data.iterdir()}
    first, second, third = sorted(before)
    assert after[first] == before[first]
    assert after[second] != before[second]
    assert third not in after


def test_hooks_signing_and_line_ends_of_the_user_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "gitconfig").write_text(
        "[core]\nautocrlf = true\nsafecrlf = true\n[commit]\ngpgsign = true\n[gpg]\nprogram = /bin/false\n"
        f"[core]\nhooksPath = {tmp_path}/hooks\n[user]\nuseConfigOnly = true\n[log]\nshowSignature = true\n"
    )
    (tmp_path / "hooks").mkdir()
    for name in ("pre-commit", "commit-msg", "post-commit", "pre-push", "reference-transaction"):
        (tmp_path / "hooks" / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "hooks" / name).chmod(0o755)
    there = keeper(tmp_path / "repo")
    publish(there, rows(), day(0))
    publish(there, rows(300, "x"), day(1))
    assert content(there) == rows(300, "x")
    assert list(verify_path(tmp_path / "repo" / "backups")) == []


def test_variables_of_a_surrounding_git_lead_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = project(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    publish(keeper(tmp_path / "repo"), rows(), day(0))
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert len(git(other, "log", "--oneline").splitlines()) == 1
    assert git(other, "status", "--porcelain") == ""


def test_a_bare_repository_will_do(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "bare.git")
    there = keeper(tmp_path / "bare.git")
    publish(there, rows(), day(0))
    assert content(there) == rows()


def test_any_commit_or_time_of_making_opens(tmp_path: Path) -> None:
    there = keeper(tmp_path / "repo")
    names = [publish(there, rows(300, str(number)), day(number)).name for number in range(3)]
    git(tmp_path / "repo", "tag", "good", names[1])
    for name in (names[1], names[1][:10], "good", "HEAD~1", day(1)):
        assert content(there, name) == rows(300, "1")


def test_a_folder_inside_another_repository_is_refused_with_the_way_to_write_it(tmp_path: Path) -> None:
    repo = project(tmp_path / "repo")
    (repo / "kept").mkdir()
    with pytest.raises(UsageError) as caught:
        keeper(repo / "kept", "")
    assert f"git:{repo}#kept" in (caught.value.hint or "")
    with pytest.raises(UsageError):
        keeper(repo, "../up")


def test_attributes_of_the_user_are_kept(tmp_path: Path) -> None:
    repo = project(tmp_path / "repo")
    (repo / ".gitattributes").write_text("*.png binary\n")
    git(repo, "add", ".gitattributes")
    git(repo, "commit", "-q", "-m", "Attributes")
    publish(keeper(repo, ""), rows(), day(0))
    assert (repo / ".gitattributes").read_text() == "*.png binary\n"
    assert git(repo, "status", "--porcelain") == ""


def test_a_work_tree_that_a_killed_run_left_behind_is_put_right(tmp_path: Path) -> None:
    there = keeper(tmp_path / "repo")
    publish(there, rows(300, "a"), day(0))
    publish(there, rows(300, "b"), day(1))
    git(tmp_path / "repo", "restore", "--source=HEAD~1", "--staged", "--worktree", "backups")
    publish(there, rows(300, "b"), day(2))
    assert git(tmp_path / "repo", "status", "--porcelain") == ""


def test_a_locked_index_costs_the_view_and_not_the_snapshot(tmp_path: Path) -> None:
    there = keeper(tmp_path / "repo")
    publish(there, rows(300, "a"), day(0))
    (tmp_path / "repo" / ".git" / "index.lock").touch()
    done = publish(there, rows(300, "b"), day(1))
    assert "not shown in the work tree" in done.note
    assert content(there) == rows(300, "b")
    (tmp_path / "repo" / ".git" / "index.lock").unlink()
    publish(there, rows(300, "b"), day(2))
    assert git(tmp_path / "repo", "status", "--porcelain") == ""


def two_clones(tmp_path: Path) -> tuple[Path, list[Path]]:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    seed = project(tmp_path / "seed")
    git(seed, "push", "-q", str(tmp_path / "origin.git"), "main")
    clones = [tmp_path / "left", tmp_path / "right"]
    for clone in clones:
        git(tmp_path, "clone", "-q", str(tmp_path / "origin.git"), str(clone))
    return tmp_path / "origin.git", clones


def test_two_clones_that_push_to_one_remote_lose_nothing(tmp_path: Path) -> None:
    origin, clones = two_clones(tmp_path)
    failed: list[BaseException] = []

    def run(clone: Path) -> None:
        try:
            for number in range(4):
                publish(keeper(clone, f"backups/{clone.name}", push="origin"), rows(300, str(number)), day(number))
        except BaseException as exc:  # noqa: BLE001  told by the test
            failed.append(exc)

    threads = [threading.Thread(target=run, args=(clone,)) for clone in clones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(git(origin, "log", "--format=%s", "main").splitlines()) == 9
    for clone in clones:
        with closing(keeper(origin, f"backups/{clone.name}")) as there:
            assert [content(there, one.name) for one in there.held()] == [rows(300, str(number)) for number in range(4)]
        assert git(clone, "status", "--porcelain") == ""


def test_two_clones_with_one_folder_keep_both_histories(tmp_path: Path) -> None:
    origin, (left, right) = two_clones(tmp_path)
    publish(keeper(left, push="origin"), rows(300, "left"), day(0))
    publish(keeper(right, push="origin"), rows(300, "right"), day(1))
    there = keeper(origin)
    assert [content(there, one.name) for one in there.held()] == [rows(300, "left"), rows(300, "right")]


def test_commits_of_the_user_that_are_not_pushed_stop_the_push_and_nothing_else(tmp_path: Path) -> None:
    _, (left, right) = two_clones(tmp_path)
    publish(keeper(left, push="origin"), rows(), day(0))
    (right / "mine.txt").write_text("work\n")
    git(right, "add", "mine.txt")
    git(right, "commit", "-q", "-m", "Work in progress")
    with pytest.raises(GuardError, match="different ways"):
        publish(keeper(right, push="origin"), rows(300, "right"), day(1))
    assert content(keeper(right)) == rows(300, "right")


def test_a_push_that_could_not_be_made_is_made_by_the_next_run(tmp_path: Path) -> None:
    origin, (left, _) = two_clones(tmp_path)
    moved = origin.rename(tmp_path / "away.git")
    with pytest.raises(ReconError) as caught:
        publish(keeper(left, push="origin"), rows(), day(0))
    assert "next run pushes" in (caught.value.hint or "")
    moved.rename(origin)
    assert publish(keeper(left, push="origin"), rows(), day(1)).changed is False
    assert content(keeper(origin)) == rows()


def test_a_repository_elsewhere_is_written_through_a_private_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program that git calls for `git+ssh` runs what the other side would, on this machine."""
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "far.git")
    door = tmp_path / "door"
    door.write_text('#!/bin/sh\nwhile [ "$1" != box ]; do shift; done\nshift\nexec sh -c "$*"\n')
    door.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(door))
    far = recipe(f"git+ssh://box{tmp_path}/far.git#kept")
    for number in range(3):
        publish(opened(far), rows(300, str(number)), day(number))
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "another"))
    there = opened(far)
    assert [content(there, one.name) for one in there.held()] == [rows(300, str(number)) for number in range(3)]
    assert len(git(tmp_path / "far.git", "log", "--oneline", "main").splitlines()) == 3
    assert publish(there, rows(300, "2"), day(9)).changed is False


def test_a_damaged_object_is_found_when_it_is_opened(tmp_path: Path) -> None:
    there = keeper(tmp_path / "repo")
    publish(there, rows(), day(0))
    blob = git(tmp_path / "repo", "rev-parse", "HEAD:backups/data/items/00000000000000000100.jsonl").strip()
    path = tmp_path / "repo" / ".git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ReconError):
        content(there)
