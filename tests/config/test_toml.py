from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.config import toml
from recon_cli.config.keys import KEYS, NAMED, Kind
from recon_cli.config.reference import rows
from recon_cli.core.errors import ConfigError, ExitCode


def problems(folder: Path, text: str) -> tuple[ConfigError, ...]:
    path = folder / "recon.toml"
    path.write_text(text, encoding="utf-8")
    return toml.read(path).problems


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("version = 1\n\n[scan]\nconections = 3\n", 4, "unknown key `conections` in [scan]", "`connections`"),
        ("[file.a]\nurl = 'x'\n", None, "unknown key `file`", "`files`"),
        ("[files.a]\nurl = 'x'\npasword_file = 'p'\n", 3, "unknown key `pasword_file` in [files.a]", "`password_file`"),
        ("[files.a]\npassword = 'geheim'\n", 2, "a password does not belong in the settings", "password_file"),
        ("files = 3\n", 1, "`files` is not a section", "[files.NAME]"),
        ("[files]\nurl = 'ftp://h'\n", 2, "`files.url` is not a section", "[files.NAME]"),
        ("[files.'a b']\nurl = 'x'\n", 1, "'a b' is not a name", "letters"),
        ("version = 9\n", 1, "version 9 is unknown", "update"),
        ("files.a = {url = 'x', nope = 1}\n", 1, "unknown key `nope` in [files.a]", "known here"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_what_was_meant(
    tmp_path: Path, text: str, line: int | None, message: str, hint: str
) -> None:
    (found,) = problems(tmp_path, text)
    assert found.code is ExitCode.CONFIG
    where = f"{tmp_path / 'recon.toml'}{'' if line is None else f':{line}'}: "
    assert found.message == where + message
    assert hint in str(found.hint)
    assert "geheim" not in str(found.document())


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[scan]\nconnections = 'two'\n", "expected a whole number of at least 1, found a text"),
        ("[scan]\nconnections = true\n", "expected a whole number of at least 1, found true"),
        ("[scan]\nmtime = 'exct'\n", 'expected one of exact, listed, none, found "exct"'),
        ("[files.a]\nurl = 3\n", "expected a URL, or the path of a local file or folder, found 3"),
        ("[files.a]\ntimeout_s = -1\n", "expected a number above 0, found -1"),
        ("[tables.a]\nalso = 'x.db'\n", "expected a list of texts, found a text"),
        ("[files.a]\npassword_command = []\n", "expected a command: a text, or a list of words, found a list"),
    ],
)
def test_a_wrong_type_says_what_is_expected_and_what_was_found(tmp_path: Path, text: str, cause: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.cause == cause
    assert ":2: " in found.message


@pytest.mark.parametrize(
    ("text", "line"), [("[scan\n", 1), ("version = 1\n[scan]\nmtime = exact\n", 3), ("a = 1\na = 2\n", 2)]
)
def test_broken_toml_names_its_line(tmp_path: Path, text: str, line: int) -> None:
    (found,) = problems(tmp_path, text)
    assert found.message == f"{tmp_path / 'recon.toml'}:{line}: not valid TOML"
    assert found.cause


def test_a_file_that_is_missing_or_not_utf8_is_an_error_not_a_traceback(tmp_path: Path) -> None:
    (missing,) = toml.read(tmp_path / "nowhere.toml").problems
    assert missing.cause == "No such file or directory"
    (tmp_path / "recon.toml").write_bytes("name = '한글'".encode("cp949"))
    (foreign,) = toml.read(tmp_path / "recon.toml").problems
    assert "not UTF-8" in str(foreign.cause)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "nope = 1\n[scan]\nnope = 1\nconnections = 0\n[files.a]\nnope = 2\n")) == 4


@given(st.text())
def test_no_file_content_whatever_ends_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "recon.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    toml.read(path)


def test_the_reference_lists_every_key_once_with_its_variable() -> None:
    listed = rows()
    assert len({row.key for row in listed}) == len(KEYS) == len(listed)
    by_key = {row.key: row for row in listed}
    assert by_key["files.NAME.password_file"].variable == "RECON_FILES_NAME_PASSWORD_FILE"
    assert by_key["scan.mtime"].expected == "one of exact, listed, none"
    assert by_key["scan.connections"].default == "2"
    assert all(row.doc for row in listed)


def test_every_key_takes_an_example_of_its_kind_and_its_own_default() -> None:
    examples: dict[Kind, object] = {
        Kind.TEXT: "x",
        Kind.ADDRESS: "ftp://h",
        Kind.PATH: "p",
        Kind.INTEGER: 1,
        Kind.NUMBER: 0.5,
        Kind.BOOLEAN: True,
        Kind.SHARE: "10%",
        Kind.TEXTS: ["a"],
        Kind.COMMAND: ["pass", "show"],
    }
    for key in KEYS:
        key.take(key.choices[0] if key.choices else examples[key.kind])
        if key.default is not None:
            assert key.take(key.default) == key.default
    assert {key.section for key in KEYS} >= set(NAMED)


def test_a_file_nested_deeper_than_python_can_follow_is_a_wrong_setting(tmp_path: Path) -> None:
    path = tmp_path / "recon.toml"
    path.write_text("a = " + "[" * 5000)
    (problem,) = toml.read(path).problems
    assert "too deep" in str(problem.cause)
