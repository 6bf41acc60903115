"""The ladder of mappers: which rung is believed, and what is told about it."""

from __future__ import annotations

from pathlib import Path

from recon_cli.reconstruction.solving import mapping
from recon_cli.reconstruction.solving.base import LADDER, Model
from recon_cli.reconstruction.solving.mapping import Tried


def tried(rung: int, registered: int, points: int = 1000, error: float = 0.6, track: float = 4.0) -> Tried:
    model = Model(Path("x"), registered, points, error, track) if registered else None
    return Tried(LADDER[rung], model, 1)


def chosen(*rungs: Tried) -> str:
    best = mapping.best(rungs)
    assert best is not None
    return best.rung.name


def test_a_model_of_all_photos_beats_a_part_with_a_smaller_error() -> None:
    assert chosen(tried(0, 2, 30, 0.2), tried(1, 29, 1400)) == "relaxed"
    assert chosen(tried(0, 10, 900, 0.1), tried(1, 21), tried(2, 29, 800, 0.9)) == "global"


def test_among_equals_points_seen_more_often_win() -> None:
    assert chosen(tried(1, 29, 1400, 0.7, 3.9), tried(2, 29, 900, 0.9, 3.5)) == "relaxed"


def test_no_rung_gives_no_model() -> None:
    assert mapping.best([tried(0, 0), tried(1, 0)]) is None


def test_scores_that_disagree_are_told_of() -> None:
    rungs = [tried(0, 8, 700, 0.3, 6.0), tried(1, 29, 1400, 0.8, 3.0)]
    told = list(mapping.remarks(rungs[1], rungs, 29))
    assert any("the scores disagree" in text and "`default` 8 at 0.30 px" in text for text in told)
    agreeing = [tried(0, 2, 30, 0.1), tried(1, 29, 1400, 0.6, 3.9)]
    assert not any("disagree" in text for text in mapping.remarks(agreeing[1], agreeing, 29))


def test_what_the_server_warned_of_is_warned_of() -> None:
    few = tried(0, 4, 60, 0.5, 2.1)
    told = " / ".join(mapping.remarks(few, [few], 20))
    assert all(
        words in told for words in ("only 4 photos", "4 of 20 photos", "only 60 points", "2.1 photos on average")
    )
