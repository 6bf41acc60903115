"""Patterns as operators type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.core.errors import UsageError
from recon_cli.core.globs import PathFilter, compile_glob


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.obj", "files/a/model.obj", True),
        ("*.obj", "files/a/model.obj.bak", False),
        ("files/*.obj", "files/a/model.obj", False),
        ("files/*/model.obj", "files/a/model.obj", True),
        ("files/**/model.obj", "files/model.obj", True),
        ("files/**/model.obj", "files/a/b/model.obj", True),
        ("files/**", "files/a/b", True),
        ("backup_*", "backup_2026/x.db", True),
        ("?.txt", "a.txt", True),
        ("?.txt", "로.txt", True),
        ("[!a].txt", "b.txt", True),
        ("[!a].txt", "a.txt", False),
        ("[ab].txt", "x/b.txt", True),
        ("/top", "top", True),
        ("a+b(1).jpg", "a+b(1).jpg", True),
    ],
)
def test_a_pattern_reads_as_in_gitignore(pattern: str, path: str, *, matches: bool) -> None:
    assert bool(compile_glob(pattern).fullmatch(path)) is matches


def test_an_exclude_wins_over_an_include_and_covers_what_is_below() -> None:
    wanted = PathFilter.of(includes=["*.obj"], excludes=["old"])
    assert wanted.wants("files/a.obj")
    assert not wanted.wants("old/a.obj")
    assert not wanted.wants("files/a.mtl")
    assert wanted.excluded("old")


@given(st.text(), st.text())
def test_no_pattern_is_an_error(pattern: str, path: str) -> None:
    compile_glob(pattern).fullmatch(path)


@pytest.mark.parametrize("pattern", ["[z-a]", "a" * 1001, "*a" * 11])
def test_what_is_no_pattern_is_a_wrong_command_line(pattern: str) -> None:
    with pytest.raises(UsageError):
        compile_glob(pattern)
