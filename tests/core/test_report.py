"""Words, errors and documents that people and programs read."""

from __future__ import annotations

import pytest

from recon_cli.core import errors, words
from recon_cli.core.place import Place, redact
from recon_cli.core.report import Problem, Report


def tree(root: type[errors.ReconError]) -> list[type[errors.ReconError]]:
    """An error and what core derives from it; adapters may have finer ones of their own."""
    own = (child for child in root.__subclasses__() if child.__module__ == errors.__name__)
    return [root, *(one for child in own for one in tree(child))]


def test_every_error_has_its_own_exit_code_and_slug() -> None:
    every = tree(errors.ReconError)
    assert len({one.code for one in every}) == len({one.slug for one in every}) == len(every)


def test_only_errors_that_waiting_can_mend_are_retryable() -> None:
    assert {one.slug for one in tree(errors.ReconError) if one.retryable} == {"locked", "unreachable"}


def test_an_error_as_a_document_says_message_cause_and_hint() -> None:
    error = errors.AuthError("cannot log in", cause="530 no", hint="run `recon doctor x`")
    assert error.document() == {
        "code": 12, "slug": "auth", "message": "cannot log in", "cause": "530 no", "hint": "run `recon doctor x`",
        "retryable": False,
    }  # fmt: skip


def test_a_report_document_starts_with_its_schema_and_ends_with_its_problems() -> None:
    document = Report("recon.x/1", "done", {"n": 1}, problems=(Problem("a", "b"),)).document()
    assert list(document) == ["schema", "summary", "exit_code", "n", "problems"]
    assert document["problems"] == [{"item": "a", "reason": "b"}]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://me:pw@h/x", "ftp://me@h/x"),
        ("ftp://me:p@w@h/x", "ftp://me@h/x"),
        ("ftp://h/x", "ftp://h/x"),
        ("postgresql://u:pw@h:1/db?sslmode=require", "postgresql://u@h:1/db?sslmode=require"),
    ],
)
def test_a_shown_url_has_no_password(url: str, shown: str) -> None:
    assert redact(url) == shown


def test_a_place_does_not_show_its_secret() -> None:
    assert "hidden" not in repr(Place("ftp://h", secret=lambda: "hidden"))


def test_numbers_read_as_people_write_them() -> None:
    assert words.count(1, "file") == "1 file"
    assert words.count(1234, "directory", "directories") == "1 234 directories"
    assert [words.size(n) for n in (0, 999, 1000, 12_345_678, 999_600)] == ["0 B", "999 B", "1 kB", "12.3 MB", "1 MB"]
    assert [words.seconds(s) for s in (0.421, 4.06, 200)] == ["0.42 s", "4.1 s", "3 min 20 s"]
