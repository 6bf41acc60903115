"""States of a job: both vocabularies are read, and only legal steps are taken."""

from __future__ import annotations

import pytest

from recon_cli.core import states
from recon_cli.core.states import BEFORE, State, Vocabulary


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("PENDING", State.PENDING),
        ("QUEUED", State.PENDING),
        ("RUNNING", State.RUNNING),
        ("PROCESSING", State.RUNNING),
        ("DONE", State.DONE),
        ("COMPLETED", State.DONE),
        ("completed", State.DONE),
        ("FAILED", State.FAILED),
        ("ERROR", State.FAILED),
        ("CANCELLED", State.CANCELLED),
        ("SLEEPING", None),
        (None, None),
    ],
)
def test_words_of_both_vocabularies_are_read(word: object, state: State | None) -> None:
    assert states.read(word) is state


@pytest.mark.parametrize(
    ("in_use", "written"),
    [
        ([], Vocabulary()),
        (["DONE", "ERROR"], Vocabulary(failed="ERROR")),
        (["COMPLETED", "FAILED"], Vocabulary("PROCESSING", "COMPLETED")),
        (["PROCESSING"], Vocabulary("PROCESSING", "COMPLETED")),
        (["DONE", "COMPLETED"], Vocabulary()),
    ],
)
def test_a_table_keeps_its_own_words(in_use: list[str], written: Vocabulary) -> None:
    assert states.vocabulary(in_use) == written


def test_what_is_done_stays_done_and_only_what_ran_can_be_done() -> None:
    assert not any(State.DONE in before for before in BEFORE.values())
    assert BEFORE[State.DONE] == {State.RUNNING}
    assert BEFORE[State.RUNNING] == {State.PENDING}
