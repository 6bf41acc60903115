from __future__ import annotations

import pytest

from recon_cli.ui.catalogue import filled
from recon_cli.ui.particles import PAIRS, particle


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("저장소", "저장소를"),
        ("파일", "파일을"),
        ("스냅샷", "스냅샷을"),
        ("`models`", "`models`를"),
        ("table", "table을"),
        ("models.db", "models.db를"),
        ("recon.toml", "recon.toml을"),
        ("FTP", "FTP를"),
        ("URL", "URL을"),
        ("NAME", "NAME을"),
        ("JOB", "JOB을"),
        ("check", "check를"),
        ("server", "server를"),
        ("git", "git을"),
        ("snapshot", "snapshot을"),
        ("name", "name을"),
        ("/srv/files/", "/srv/files/를"),
        ("7", "7을"),
        ("12", "12를"),
        ("100", "100을"),
        ("50%", "50%를"),
    ],
)
def test_the_object_particle_follows_the_last_sound(word: str, expected: str) -> None:
    assert word + particle(word, "을(를)") == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("서버", "로"), ("파일", "로"), ("폴더", "로"), ("스냅샷", "으로"), ("`table`", "로"), ("3", "으로"), ("7", "로")],
)
def test_a_closing_rieul_takes_the_short_form_of_ro(word: str, expected: str) -> None:
    assert particle(word, "(으)로") == expected
    assert particle(word, "으로(로)") == expected


def test_a_word_of_unknown_sound_keeps_both_forms() -> None:
    assert particle("漢字", "을(를)") == "을(를)"
    assert particle("…", "이(가)") == "이(가)"


def test_every_pair_tells_a_vowel_from_a_consonant() -> None:
    assert {particle("문", marker) for marker in PAIRS} == {closed for closed, _open in PAIRS.values()}
    assert {particle("나무", marker) for marker in PAIRS} == {opened for _closed, opened in PAIRS.values()}


def test_the_particle_is_found_behind_the_mark_that_closes_a_quotation() -> None:
    assert filled("열 `{1}`이(가) `{0}`에 없습니다", {0: "models", 1: "name"}) == "열 `name`이 `models`에 없습니다"


def test_places_may_touch_one_another() -> None:
    assert filled("`{0}.{1}`이(가) {2}{3}", {0: "files", 1: "a", 2: "x", 3: "y"}) == "`files.a`가 xy"


def test_what_an_operator_named_so_is_no_particle() -> None:
    assert filled("{0}을(를) 읽을 수 없습니다", {0: "을(를).txt"}) == "을(를).txt를 읽을 수 없습니다"
