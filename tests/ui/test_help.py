from __future__ import annotations

import pytest
from rich.cells import cell_len

from recon_cli.ui.help import TranslatedFormatter, brief, meaning, paragraphs, wrapped

WIDTH = 60


@pytest.fixture(autouse=True)
def korean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_LANG", "ko")


def test_no_line_is_wider_than_the_terminal_and_columns_stand_under_one_another() -> None:
    formatter = TranslatedFormatter(width=WIDTH)
    rows = [
        ("--json", "Write one JSON document; errors become one JSON line."),
        ("-q, --quiet", "Say nothing on success."),
    ]
    with formatter.section("Everywhere"):
        formatter.write_dl(rows)
    title, *lines = formatter.getvalue().splitlines()
    assert title == "공통 옵션:"
    assert all(cell_len(line) <= WIDTH for line in lines)
    column = lines[0].index("JSON 문서")
    assert column == len("  -q, --quiet  ")
    assert lines[1].startswith(" " * column)
    assert not lines[1][column].isspace()


def test_a_long_option_has_its_meaning_on_the_next_line() -> None:
    formatter = TranslatedFormatter(width=WIDTH)
    formatter.write_dl([("--an-option-longer-than-its-column TEXT", "Say nothing on success.")])
    assert formatter.getvalue() == (
        "--an-option-longer-than-its-column TEXT\n"
        + " " * 32
        + "성공하면 아무것도 출력하지\n"
        + " " * 32
        + "않습니다.\n"
    )


def test_what_click_says_of_an_option_is_translated_and_its_values_are_not() -> None:
    assert meaning("Say nothing on success.  [default: 3; 0<=x<=3]") == (
        "성공하면 아무것도 출력하지 않습니다.  [기본값: 3; 0<=x<=3]"
    )
    assert meaning("[required]") == "[필수]"


def test_a_group_lists_the_first_sentence() -> None:
    assert (
        brief("Prove that a snapshot is whole and comes back.\n\nMore.")
        == "스냅샷이 온전하고 되살아난다는 것을 증명합니다"
    )


def test_paragraphs_are_joined_but_for_those_that_click_keeps() -> None:
    assert list(paragraphs("One\ntwo.\n\n\b\n  recon a  # remark\n  recon b\n\nLast.\fhidden")) == [
        "One two.",
        "\b\n  recon a  # remark\n  recon b",
        "Last.",
    ]


def test_a_kept_paragraph_keeps_its_lines() -> None:
    formatter = TranslatedFormatter(width=WIDTH)
    formatter.write_text("\b\n  recon check models  # Say nothing on success.\n  recon check")
    assert formatter.getvalue() == "  recon check models  # 성공하면 아무것도 출력하지 않습니다.\n  recon check\n"


def test_a_word_wider_than_the_line_stands_alone() -> None:
    assert wrapped("가나다라마바사 아 자", 6) == ["가나다라마바사", "아 자"]
