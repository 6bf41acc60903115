from __future__ import annotations

from pathlib import Path

import pytest

from recon_cli.ui.catalogue import NOUN, Catalogue, Entry, read

ENTRIES = (
    Entry("cannot read {0}", "{0}을(를) 읽을 수 없습니다"),
    Entry("cannot read {0} of the snapshot", "스냅샷의 {0}을(를) 읽을 수 없습니다"),
    Entry("{0} is damaged", "{0}이(가) 손상되었습니다"),
    Entry("no {0}", "{0}이(가) 없습니다"),
    Entry("the root", "최상위 폴더"),
    Entry("{0} in {1}", "{1}의 {0}"),
    Entry("the store looks empty, so {0} would be marked missing", "저장소가 비어 보여 {0}이(가) 누락될 것입니다"),
    Entry("{0} failed", "{0}이(가) 실패했습니다"),
    Entry("run again", "다시 실행하십시오"),
    Entry("row", "행 {0}개", plural="rows", context=NOUN),
    Entry("not looked over", "아직", fuzzy=True),
    Entry("not done"),
)


@pytest.fixture(scope="module")
def korean() -> Catalogue:
    return Catalogue.of(ENTRIES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run again", "다시 실행하십시오"),
        ("cannot read a.json", "a.json을 읽을 수 없습니다"),
        ("cannot read a.json of the snapshot", "스냅샷의 a.json을 읽을 수 없습니다"),
        ("the root in ftp://h/ is damaged", "ftp://h/의 최상위 폴더가 손상되었습니다"),
        (
            "the store looks empty, so 1 234 rows would be marked missing",
            "저장소가 비어 보여 행 1 234개가 누락될 것입니다",
        ),
        ("cannot read a.json; run again", "a.json을 읽을 수 없습니다; 다시 실행하십시오"),
        ("`git gc` failed", "`git gc`가 실패했습니다"),
        ("x.db is damaged: disk I/O error", "x.db가 손상되었습니다: disk I/O error"),
    ],
)
def test_a_text_is_led_back_to_the_template_with_the_most_words(korean: Catalogue, text: str, expected: str) -> None:
    assert korean.said(text) == expected


@pytest.mark.parametrize("text", ["nothing knows this", "not looked over", "not done", "", "{0}", "cannot"])
def test_what_has_no_translation_stays_as_it_is(korean: Catalogue, text: str) -> None:
    assert korean.said(text) == text


@pytest.mark.parametrize(
    "text", ["connection failed", "no pg_hba.conf entry for host here", 'relation "x" in schema "y"']
)
def test_the_words_of_another_program_are_left_alone(korean: Catalogue, text: str) -> None:
    assert korean.said(text, ours=False) == text


def test_a_place_keeps_what_an_operator_wrote_also_where_it_looks_like_a_template(korean: Catalogue) -> None:
    assert korean.said("cannot read {0}\\1(.+)[") == "{0}\\1(.+)[을 읽을 수 없습니다"
    assert korean.said("cannot read a\nb") == "a\nb를 읽을 수 없습니다"


def test_a_po_file_of_any_other_tool_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ko.po"
    path.write_text(
        'msgid ""\nmsgstr "Language: ko\\n"\n\n'
        "# a translator's remark\n#. {0}: path\n#: src/a.py src/b.py\n#, fuzzy, python-format\n"
        'msgid "cannot "\n"read {0}"\nmsgstr ""\n"{0} \\"못\\""\n\n'
        'msgctxt "noun"\nmsgid "row"\nmsgid_plural "rows"\nmsgstr[0] "행 {0}개"\n',
        "utf-8",
    )
    first, second = read(path)
    assert first == Entry(
        "cannot read {0}", '{0} "못"', fuzzy=True, notes=["{0}: path"], files=["src/a.py", "src/b.py"]
    )
    assert second == Entry("row", "행 {0}개", plural="rows", context="noun")
