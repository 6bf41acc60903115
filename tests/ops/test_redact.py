from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.ops import redact

PASSWORD = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=("Zs", "Cc")), min_size=4)


@given(PASSWORD)
def test_a_password_in_a_url_is_never_shown(password: str) -> None:
    assert redact.text(f"cannot reach ftp://me:{password}@host:21/x today") == (
        f"cannot reach ftp://me:{redact.HIDDEN}@host:21/x today"
    )


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("password=hunter2 user=me", "password=*** user=me"),
        ("token: 'a b c', x", "token: ***, x"),
        ('password_file = "/etc/pw"', 'password_file = "/etc/pw"'),
        ("postgresql://h/d?sslpassword=abc&x=1", "postgresql://h/d?sslpassword=***&x=1"),
        ("http://host:8080/path", "http://host:8080/path"),
    ],
)
def test_what_is_assigned_to_a_secret_sounding_name_is_hidden(shown: str, expected: str) -> None:
    assert redact.text(shown) == expected


def test_a_remembered_secret_is_hidden_wherever_it_turns_up() -> None:
    assert redact.remember("tr0ub4dor") == "tr0ub4dor"
    assert redact.text("530 Login tr0ub4dor incorrect") == "530 Login *** incorrect"


def test_settings_keep_their_shape_and_lose_their_secrets() -> None:
    settings = {"url": "ftp://a:b@h", "password": "x", "nested": {"api_key": "y", "n": 3}, "password_file": "/pw"}
    assert redact.mapping(settings) == {
        "url": "ftp://a:***@h",
        "password": "***",
        "nested": {"api_key": "***", "n": 3},
        "password_file": "/pw",
    }


@pytest.mark.parametrize("text", ["passwd" * 20_000, "a" * 100_000, "://:" * 20_000, "token " * 20_000, "x@" * 50_000])
def test_scrubbing_takes_time_that_grows_with_the_text(text: str) -> None:
    # the patterns of before took minutes for a hundredth of it: this would not end
    assert redact.text(text) == text


def test_a_secret_behind_an_ordinary_name_is_hidden() -> None:
    assert redact.text("cause: password=hunter2, my.api_key : 'x y' and 1http://u:p@q@host/") == (
        "cause: password=***, my.api_key : *** and 1http://u:***@host/"
    )
