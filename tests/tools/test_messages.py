"""The catalogue is complete: every text of the code has a translation, and every translation its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon_cli.ui.catalogue import NOUN, Entry, read
from tools import messages, templates

CODE = """
from gate.words import HINT, told

class FullError(ReconError):
    def __init__(self, name):
        super().__init__(f"the queue {name} is full", hint="make room for it")

def refuse(path, count, known, deep):
    state = "gone" if deep else "locked away"
    raise DataError(f"{path} is {state}", cause=f"found {words.count(count, 'row')}", hint=HINT)

def other(path, deep):
    hint = suggest(path, [], "see the list") if deep else told(path)
    raise _wrong("cannot go there", hint)

def _wrong(message, hint):
    return UsageError(f"{message}", hint=hint)
"""
WORDS = """
HINT = "try " "once more"

def told(path):
    if path:
        return f"look at `{path}` first"
    return "look around"
"""


@pytest.fixture(scope="module")
def needed() -> list[Entry]:
    return messages.wanted()


def test_every_text_has_a_translation_and_every_translation_its_text(needed: list[Entry]) -> None:
    found = sorted(messages.problems(list(read(messages.PATH)), needed))
    assert not found, "run `python -m tools.messages --write`, then translate:\n" + "\n".join(found)


def test_the_file_is_as_the_tool_writes_it(needed: list[Entry]) -> None:
    entries = messages.refreshed(list(read(messages.PATH)), needed)
    assert messages.PATH.read_text("utf-8") == messages.written(entries)


def test_texts_are_followed_to_where_their_words_are(tmp_path: Path) -> None:
    package = tmp_path / "gate"
    package.mkdir()
    (package / "door.py").write_text(CODE)
    (package / "words.py").write_text(WORDS)
    found = templates.find(package)
    assert {one.text for one in found.templates} == {
        "the queue {0} is full",
        "make room for it",
        "{0} is gone",
        "{0} is locked away",
        "found {0}",
        "try once more",
        "did you mean `{0}`?",
        "did you mean `{0}` or `{1}`?",
        "known here: {0}",
        "see the list",
        "look at `{0}` first",
        "look around",
        "cannot go there",
    }
    assert set(found.nouns) == {("row", "rows")}


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (Entry("cannot read {0}", ""), "missing: a.py: cannot read {0}"),
        (Entry("cannot read {0}", "못 읽음", fuzzy=True), "fuzzy: a.py: cannot read {0}"),
        (Entry("cannot read {0}", "못 읽음"), "places differ: cannot read {0} → 못 읽음"),
        (
            Entry("cannot read {0}", "`{0}` 못 읽음"),
            "what stands in backticks differs: cannot read {0} → `{0}` 못 읽음",
        ),
        (
            Entry("cannot read {0}", "{0} 파일을(를)"),
            "`일을(를)` can be decided here: cannot read {0} → {0} 파일을(를)",
        ),
        (Entry("cannot read {0}", "{0}을(를) 못 읽음"), None),
    ],
)
def test_the_check_names_what_is_to_be_done(entry: Entry, problem: str | None) -> None:
    found = list(messages.problems([entry], [Entry("cannot read {0}", files=["a.py"])]))
    assert found == ([problem] if problem else [])


def test_a_reworded_text_keeps_its_translation_as_fuzzy_and_a_dropped_one_goes() -> None:
    old = [Entry("cannot read {0} now", "{0}을(를) 못 읽음"), Entry("gone for good", "없어짐"), Entry("same", "같음")]
    new = messages.refreshed(old, [Entry("cannot read {0} today"), Entry("same"), Entry("wholly other")])
    assert [(one.text, one.translation, one.fuzzy) for one in new] == [
        ("cannot read {0} today", "{0}을(를) 못 읽음", True),
        ("same", "같음", False),
        ("wholly other", "", False),
    ]


def test_a_missing_and_a_stale_entry_are_both_named() -> None:
    found = messages.problems([Entry("old words", "옛말", files=["a.py"])], [Entry("new words", files=["b.py"])])
    assert sorted(found) == ["missing: b.py: new words", "stale: a.py: old words"]


def test_a_noun_has_its_number_in_the_translation() -> None:
    noun = Entry("row", "행", plural="rows", context=NOUN)
    assert list(messages.problems([noun], [noun])) == ["places differ: row → 행"]
