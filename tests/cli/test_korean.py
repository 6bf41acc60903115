from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from recon_cli.cli.app import COMMANDS
from tests.support.recon import Recon, in_folder

HANGUL = re.compile(r"[가-힣]")
KOREAN = {"LANG": "ko_KR.UTF-8", "LC_ALL": ""}


@pytest.fixture
def recon(tmp_path: Path) -> Recon:
    return in_folder(tmp_path)


def test_the_help_is_korean_where_the_locale_is(recon: Recon) -> None:
    shown = recon("--help", env=KOREAN).out
    assert shown.startswith("사용법: recon ")
    assert "Usage" not in shown
    table = shown.partition("명령:\n")[2].partition("\n\n")[0]
    assert len(re.findall(r"^  \w", table, re.MULTILINE)) == len(COMMANDS)
    assert all(HANGUL.search(line) for line in table.splitlines())


@pytest.mark.parametrize("words", [("--lang", "ko", "check", "-h"), ("check", "-h", "--lang=ko")], ids=" ".join)
def test_the_option_works_in_every_position(recon: Recon, words: tuple[str, ...]) -> None:
    assert "\n공통 옵션:\n" in recon(*words).out


def test_every_help_page_is_korean_and_fits_its_terminal(recon: Recon) -> None:
    program = "from recon_cli.cli import main\nfor name in sys.argv[1:]:\n main.main([name, '-h'])"
    env = {**recon.env, **KOREAN, "COLUMNS": "80"}
    argv = [sys.executable, "-c", f"import sys\n{program}", *COMMANDS]
    shown = subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout.splitlines()
    assert sum(line.startswith("사용법: ") for line in shown) == len(COMMANDS)
    english = [line for line in shown if re.search(r"[a-z]{3,} [a-z]{3,} [a-z]{3,}", line) and not HANGUL.search(line)]
    assert not [line for line in english if "recon " not in line]
    assert all(cell_len(line) <= 80 for line in shown if not line.startswith("  recon "))  # examples are to be copied


def test_an_error_its_cause_and_its_hint_are_korean(recon: Recon) -> None:
    (recon.folder / "recon.toml").write_text(
        'version = 1\n[tables.models]\nsystem = "viewer"\nfrom = "host"\nto = "x.db"\n'
    )
    assert recon("recover", "models", env=KOREAN, expect=10).err == (
        "오류: `tables.models.from`이 알려진 위치를 가리키지 않습니다\n"
        f"원인: project ({recon.folder}/recon.toml:4)에 `host`가 적혀 있습니다\n"
        "힌트: 폴더라면 `./host`처럼 적으십시오\n"
    )


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("chek",), "`chek`이라는 명령은 없습니다", "`check`를 뜻하셨습니까?"),
        (("check", "--hsh"), "`--hsh`라는 옵션은 없습니다", "`--hash`를 뜻하셨습니까?"),
        (("scan",), "인자 `URL|NAME`이 없습니다", "`recon scan -h`를 보십시오"),
        (("undo", "1", "more"), "예상하지 못한 인자가 있습니다 (more)", "`recon undo -h`를 보십시오"),
        (
            ("scan", ".", "--max-depth", "x"),
            "`--max-depth`의 값이 올바르지 않습니다: `x`는 올바른 정수 범위가 아닙니다",
            "`recon scan -h`를 보십시오",
        ),
        (("scan", ".", "--max-depth"), "옵션 `--max-depth`에는 값이 필요합니다", "`recon -h`를 보십시오"),
        (("scan", ".", "--resume=1"), "옵션 `--resume`은 값을 받지 않습니다", "`recon -h`를 보십시오"),
        (
            ("--lang", "fr", "scan"),
            "`--lang`의 값이 올바르지 않습니다: `fr`은 다음 중 하나가 아닙니다: `en`, `ko`",
            "`recon -h`를 보십시오",
        ),
    ],
)
def test_clicks_own_errors_are_korean(recon: Recon, words: tuple[str, ...], message: str, hint: str) -> None:
    told = recon(*words, env={"RECON_LANG": "ko"}, expect=2).err
    assert told == f"오류: {message}\n힌트: {hint}\n"


def test_english_is_english_whatever_the_locale(recon: Recon) -> None:
    english = recon("chek", expect=2).err
    assert english == recon("--lang", "en", "chek", env=KOREAN, expect=2).err
    assert recon("--help", "--lang", "en", env=KOREAN).out == recon("--help").out


def test_json_stays_english(recon: Recon) -> None:
    english, korean = (recon("chek", "--json", env=env, expect=2) for env in ({}, KOREAN))
    assert korean.err == english.err
    assert json.loads(korean.err)["message"] == "no command `chek`"


def test_a_terminal_without_hangul_is_told_in_english(recon: Recon) -> None:
    told = recon("chek", env={**KOREAN, "PYTHONIOENCODING": "ascii"}, expect=2).err
    assert told.startswith("error: no command")
