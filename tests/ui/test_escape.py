from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.ui import escape


@given(st.text())
def test_no_text_can_leave_its_line_or_command_the_terminal(text: str) -> None:
    shown = escape.line(text)
    assert not any(unicodedata.category(letter) == "Cc" for letter in shown)
    assert len(shown.splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("모델/앞면 (1).jpg", "모델/앞면 (1).jpg"),
        ("back\\slash", "back\\slash"),
        ("tab\there\nand\rthere", "tab\\there\\nand\\rthere"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("exe.\u202egpj", "exe.\\u202egpj"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_names_stay_readable_and_tricks_become_visible(text: str, shown: str) -> None:
    assert escape.line(text) == shown


def test_a_cell_is_text_whatever_the_value() -> None:
    values = (None, True, 3, 0.5, "a\tb", ["x", 1], {"k": "한"})
    assert [escape.cell(value) for value in values] == [
        "",
        "true",
        "3",
        "0.5",
        "a\\tb",
        '["x",1]',
        '{"k":"한"}',
    ]


@given(st.text(), st.integers(1, 40))
def test_a_fitted_text_never_takes_more_columns(text: str, columns: int) -> None:
    assert escape.width(escape.fit(escape.line(text), columns)) <= columns
    assert escape.width("한글") == 4
