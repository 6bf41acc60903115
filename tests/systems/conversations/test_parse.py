"""Logs as turns: every shape, every byte, and ids that stay."""

from __future__ import annotations

import random
import unicodedata
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from recon_cli.systems.conversations import layout, moments
from recon_cli.systems.conversations.parse import parse
from recon_cli.systems.conversations.shapes import Kind
from tests.systems.conversations import twin

SEOUL = ZoneInfo("Asia/Seoul")
PIECES = [
    "\n", "\r\n", "---", "---\n", "\n---\n\n", "*2025. 9. 21. 오후 9:59:41 - CLAUDE 모델 사용*\n", "*2025. 9", "```\n",
    "## 🗣️ **김하늘질문(2025년 09월 14일 토요일 오후 4:31:13)**\n", '🗣️ **이바다질문** : "뭐?"\n', "## 🗣️ **박구름님**",
    "**클로드** [Claude]: 네\n", "> 시스템: 들어옴\n", "가나다 ", "e\u0301\n", "\u1100\u1161", "\0", "\ufeff", "x" * 50,
]  # fmt: skip
BYTES = some.lists(
    some.one_of(some.sampled_from([one.encode() for one in PIECES]), some.binary(max_size=8)), max_size=30
).map(b"".join)
MORE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(BYTES)
@MORE
def test_turns_and_what_stands_between_them_are_the_file_byte_for_byte(raw: bytes) -> None:
    assert parse(raw).whole() == raw


@given(BYTES)
@MORE
def test_a_layout_and_the_stored_texts_give_the_file_back(raw: bytes) -> None:
    log = parse(raw)
    stored = {turn.id: turn.text for turn in log.turns}
    assert layout.whole(layout.of(log), stored) == raw
    assert layout.ids(layout.of(log)) == [turn.id for turn in log.turns]
    assert all("\0" not in text and text == text.encode().decode() for text in stored.values())


@given(some.integers(0, 10_000), some.integers(1, 12), some.integers(0, 11))
@MORE
def test_what_is_appended_changes_no_turn_before_it(seed: int, saves: int, cut: int) -> None:
    dice = random.Random(seed)
    parts = ["# 방\n", *(twin.save(dice, number)[0] for number in range(saves))]
    before = parse("".join(parts[: 1 + min(cut, saves)]).encode()).turns
    after = parse("".join(parts).encode()).turns
    assert [one.id for one in before] == [one.id for one in after[: len(before)]]


def test_the_twin_is_read_whole_and_each_turn_is_there_once() -> None:
    made = twin.made(saves=400)
    read = {name: parse(raw) for name, raw in made.files.items()}
    ids = {turn.id: turn for log in read.values() for turn in log.turns if turn.kind is not Kind.RAW}
    kinds = [turn.kind for turn in ids.values()]
    assert kinds.count(Kind.QUESTION) >= 0.95 * made.questions
    assert kinds.count(Kind.ANSWER) == 400
    assert len(ids) == made.turns
    rooms = {turn.id for name, log in read.items() if name != "전체.md" for turn in log.turns}
    assert {turn.id for turn in read["전체.md"].turns if turn.kind is not Kind.RAW} <= rooms


@pytest.mark.parametrize("shape", twin.SHAPES)
def test_every_shape_of_question_tells_who_asks(shape: str) -> None:
    line = shape.format(name="김하늘", day="2025년 09월 13일 토요일 16시 31분", text="왜 그럴까?")
    for text in (line, unicodedata.normalize("NFD", line), line.replace("\ufe0f", "")):
        (turn,) = parse(text.encode()).turns
        assert (turn.kind, turn.speaker) == (Kind.QUESTION, "김하늘")
        if "{day}" in shape:
            assert moments.local(turn.said_at) == datetime(2025, 9, 13, 16, 31)  # noqa: DTZ001  a wall clock


def test_an_answer_of_many_lines_is_one_turn_with_its_rules_and_its_code() -> None:
    body = "**클로드** [Claude]: 하나\n\n---\n\n둘\n```\n> 시스템: 아니다\n**x** [y]: z\n```\n\n**중요**: 셋"
    raw = f'🗣️ **김하늘질문** : "?"\n\n{body}\n\n---\n\n*2025. 9. 21. 오후 9:59:41 - CLAUDE 모델 사용*\n\n> 시스템: 끝\n'
    first, second, third = parse(raw.encode()).turns
    assert second.raw == body
    assert (first.kind, second.model, third.kind, third.model) == (Kind.QUESTION, "Claude", Kind.SYSTEM, "CLAUDE")


def test_what_has_no_known_shape_is_a_raw_turn() -> None:
    turns = parse("머리말\n그리고 더\n\n## 🗣️ 김하늘질문\n왜?\n".encode()).turns
    assert [(one.kind, one.raw) for one in turns] == [
        (Kind.RAW, "머리말\n그리고 더"),
        (Kind.QUESTION, "## 🗣️ 김하늘질문\n왜?"),
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2025. 9. 21. 오후 9:59:41", datetime(2025, 9, 21, 12, 59, 41, tzinfo=UTC)),
        ("2025년 09월 14일 오후 4:31:13", datetime(2025, 9, 14, 7, 31, 13, tzinfo=UTC)),
        ("2025. 9. 21. 오전 12:00:01", datetime(2025, 9, 20, 15, 0, 1, tzinfo=UTC)),
        ("2025년 9월 13일 토요일 오후 12시 05분", datetime(2025, 9, 13, 3, 5, tzinfo=UTC)),
        ("2025년 09월 13일 토요일 16시 31분 20초", datetime(2025, 9, 13, 7, 31, 20, tzinfo=UTC)),
        ("2025년 00월 00일 00요일 00시 00분", None),
        ("2025. 2. 30. 오후 1:00:00", None),
        ("어제", None),
    ],
)
def test_a_local_time_is_read_in_its_zone_and_a_placeholder_is_no_time(text: str, wanted: datetime | None) -> None:
    assert moments.instant(text, SEOUL) == wanted


def test_the_same_turn_by_a_mac_is_the_same_turn() -> None:
    raw = twin.save(random.Random(1), 3)[0]
    decomposed = unicodedata.normalize("NFD", raw)
    assert decomposed != raw
    assert [one.id for one in parse(raw.encode()).turns] == [one.id for one in parse(decomposed.encode()).turns]
    assert parse(decomposed.encode()).whole() == decomposed.encode()


@pytest.mark.parametrize("tail", ["\n---\n", "\n---\n\n*2025. 9. 21. 오", "\n\n---"])
def test_the_beginning_of_a_save_that_is_still_being_written_changes_no_turn(tail: str) -> None:
    whole = twin.save(random.Random(2), 1)[0]
    assert [one.id for one in parse(whole.encode()).turns] == [one.id for one in parse((whole + tail).encode()).turns]
