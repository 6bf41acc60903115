"""Packing a repository of snapshots: nothing is lost, and each day lies beside the day before."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from recon_cli.ops.gitrepo import Repo
from recon_cli.snapshot import gitpack
from tests.support.system import require

DAYS, ROWS, FILES = 12, 400, 4
AUTHOR = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


def git(root: Path, *words: str) -> str:
    env = {**os.environ, **AUTHOR, "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(["git", "-C", root, *words], check=True, capture_output=True, text=True, env=env).stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Some files of which one row in twenty changes a day, to another length."""
    require("git", "git")
    git(tmp_path, "init", "-q")
    dice = random.Random(7)
    rows = {
        f"{file}000.jsonl": [f"{number} {dice.randbytes(40).hex()}" for number in range(ROWS)] for file in range(FILES)
    }
    for _ in range(DAYS):
        for name, lines in rows.items():
            for place in dice.sample(range(ROWS), ROWS // 20):
                lines[place] = f"{place} {dice.randbytes(dice.randint(30, 50)).hex()}"
            (tmp_path / name).write_text("\n".join(lines))
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", "a day")
    return tmp_path


def packed_bytes(root: Path) -> int:
    return sum(path.stat().st_size for path in (root / ".git/objects/pack").glob("*.pack"))


def test_everything_is_there_in_one_pack_and_stays_so_small_when_git_packs_again(root: Path) -> None:
    before = {day: git(root, "show", f"HEAD~{day}:1000.jsonl") for day in range(DAYS)}
    repo = Repo(root / ".git", root)
    assert gitpack.loose(repo) > DAYS * FILES
    gitpack.pack(repo)
    assert gitpack.loose(repo) == 0
    assert len(list((root / ".git/objects/pack").glob("*.pack"))) == 1
    git(root, "fsck", "--strict")
    assert {day: git(root, "show", f"HEAD~{day}:1000.jsonl") for day in range(DAYS)} == before
    ours = packed_bytes(root)
    git(root, "gc", "-q", "--prune=now")
    assert packed_bytes(root) <= ours * 1.01
    git(root, "-c", "pack.threads=1", "repack", "-q", "-a", "-d", "-f")
    assert packed_bytes(root) > ours * 1.05


def test_what_is_changed_later_is_packed_beside_what_was_packed_before(root: Path) -> None:
    repo = Repo(root / ".git", root)
    gitpack.pack(repo)
    before = packed_bytes(root)
    (root / "1000.jsonl").write_text((root / "1000.jsonl").read_text() + "\none more")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "the next day")
    gitpack.pack(repo)
    assert packed_bytes(root) - before < 2000
    assert git(root, "show", "HEAD:1000.jsonl").endswith("one more")


def test_a_repository_without_a_commit_is_left_as_it_is(tmp_path: Path) -> None:
    require("git", "git")
    git(tmp_path, "init", "-q")
    repo = Repo(tmp_path / ".git", tmp_path)
    gitpack.pack(repo)
    assert (gitpack.loose(repo), gitpack.is_small(repo)) == (0, True)
