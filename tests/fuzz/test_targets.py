"""Every target on its seeds, on what is odd for any parser, and on every input that once did harm.

Mutation, guided by coverage, is `nox -s fuzz`: here is what must hold each time the tests run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.harness import REGRESSIONS, TARGETS, attempt, every, inputs, watched

every()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_strangers_bytes_are_read_or_refused_and_nothing_else(name: str, tmp_path: Path) -> None:
    for number, data in enumerate(inputs(TARGETS[name])):
        folder = tmp_path / str(number)
        folder.mkdir()
        attempt(TARGETS[name], data, folder)


def test_every_kept_input_belongs_to_a_target_and_is_small() -> None:
    for path in REGRESSIONS.glob("*/*"):
        assert path.parent.name in TARGETS
        assert path.stat().st_size <= 1 << 16, path


def test_a_target_that_writes_elsewhere_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    with watched(tmp_path / "own") as strays:
        Path("inside").write_text("fine")
        Path("../outside").write_text("not fine")
    assert len(strays) == 1
    assert strays[0].endswith("../outside")
