"""Each claim of SECURITY.md names code and tests, and they are there."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT

TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
NAMED = re.compile(r"`(?P<path>(?:src|tests)/[\w/.]+\.py)(?:::(?P<name>\w+))?`")


def test_every_file_and_test_that_is_named_is_there() -> None:
    found = [(one["path"], one["name"]) for one in NAMED.finditer(TEXT)]
    assert len(found) > 40
    for path, name in found:
        assert (ROOT / path).is_file(), path
        assert name is None or re.search(
            rf"^ *(async )?def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE
        ), f"{path} has no {name}"


def test_every_input_names_what_holds_it() -> None:
    _, _, inputs = TEXT.partition("## Input by input")
    for part in re.split(r"^### ", inputs.partition("## Out of scope")[0], flags=re.MULTILINE)[1:]:
        assert "`tests/" in part, part.partition("\n")[0]
