"""What holds for every command there is, and for every one that is added to the table later."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from recon_cli.cli import app
from recon_cli.cli.invocation import Invocation
from recon_cli.cli.main import main
from tests.support.recon import Recon, in_folder

GLOBALS = ["--json", "-q", "--quiet", "-v", "--verbose", "--debug"]


def walk() -> Iterator[tuple[str, ...]]:
    """Every command with the words that lead to it, such as ("config", "show")."""
    for name in app.COMMANDS:
        yield from below((name,), app.load(name))


def below(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[str, ...]]:
    """A command and its sub-commands, at any depth."""
    yield path
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from below((*path, name), child)


PATHS = list(walk())
NAMES = [" ".join(path) for path in PATHS]


def command_of(path: tuple[str, ...]) -> click.Command:
    command = app.load(path[0])
    for name in path[1:]:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


@pytest.fixture
def recon(tmp_path: Path) -> Recon:
    return in_folder(tmp_path)


def test_every_command_of_the_table_exists_and_says_what_it_is_for() -> None:
    for listed in app.COMMANDS.values():
        assert find_spec(listed.module), listed.module
        assert listed.help.endswith(".")


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_works_in_every_position(path: tuple[str, ...], word: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*path, word]) == 0
    shown = capfd.readouterr().out
    assert shown.startswith(f"Usage: recon {' '.join(path)} ")
    assert "Everywhere:" in shown
    assert main([*path, "--json", word, "-q"]) == 0
    assert capfd.readouterr().out == shown


@pytest.mark.parametrize("path", [(), *PATHS], ids=["recon", *NAMES])
def test_every_example_of_the_help_is_a_command_line_that_is_understood(
    path: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    command = command_of(path) if path else app.command()
    lines = getattr(command, "examples", ())
    assert lines, "a command without an example"
    assert main([*path, "-h"]) == 0
    shown = capfd.readouterr().out.partition("Examples:\n")[2].splitlines()
    assert shown[: len(lines)] == [f"  {line}" for line in lines]
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "recon"
        assert understood(words)[: len(path)] == path, f"an example of another command: {line}"


def understood(words: list[str]) -> tuple[str, ...]:
    """The names of the commands that a command line leads to, with all its words read and nothing run."""
    command: click.Command = app.command()
    context = command.make_context("recon", words, obj=Invocation())
    names = []
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert name
        assert found
        names.append(name)
        command, context = found, found.make_context(name, rest, parent=context)
    return tuple(names)


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
@pytest.mark.parametrize("word", [*GLOBALS, "--dry-run", "--config=x.toml"])
def test_a_global_option_is_taken_before_between_and_after(
    path: tuple[str, ...], word: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for place in range(len(path) + 1):
        words = [*path[:place], word, *path[place:]]
        assert main([*words, "-h"]) == 0, words
    assert "error" not in capfd.readouterr().err


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_what_a_global_option_says_arrives(path: tuple[str, ...]) -> None:
    command = command_of(path)
    invocation = Invocation()
    words = ["--json", "-q", "-v", "--dry-run", "--debug", "--config", "x.toml"]
    command.make_context("recon", words, obj=invocation, resilient_parsing=True)
    assert invocation.json
    assert invocation.quiet
    assert invocation.verbose
    assert invocation.dry_run
    assert invocation.debug
    assert invocation.config == Path("x.toml")


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_a_mistyped_option_is_a_usage_error_with_a_suggestion(
    path: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*path, "--jsn"]) == 2
    assert capfd.readouterr().err == "error: no option `--jsn`\nhint: did you mean `--json`?\n"


@pytest.mark.parametrize("position", range(3))
def test_json_and_config_take_effect_wherever_they_stand(recon: Recon, position: int) -> None:
    (recon.folder / "other.toml").write_text("[scan]\nconnections = 5\n")
    words = ["config", "show"]
    words[position:position] = ["--json", "--config", "other.toml"]
    document = recon(*words).document
    assert document["schema"] == "recon.config/1"
    assert {"key": "scan.connections", "value": 5, "layer": "project"}.items() <= {
        key: value for one in document["settings"] if one["key"] == "scan.connections" for key, value in one.items()
    }.items()


@pytest.mark.parametrize(
    "words", [("-q", "config", "check"), ("config", "-q", "check"), ("config", "check", "-q")], ids=" ".join
)
def test_quiet_is_silent_on_success_wherever_it_stands(recon: Recon, words: tuple[str, ...]) -> None:
    done = recon(*words)
    assert (done.out, done.err) == ("", "")


def test_a_command_that_knows_no_dry_run_refuses_it_instead_of_writing(recon: Recon) -> None:
    for name, listed in app.COMMANDS.items():
        if not listed.dry_run and not isinstance(app.load(name), click.Group):
            done = recon(name, "--dry-run", expect=2)
            assert "has no `--dry-run`" in done.err


def test_recon_alone_shows_its_help_and_fails_as_a_usage_error(recon: Recon) -> None:
    done = recon(expect=2)
    assert done.out == ""
    assert "Commands:" in done.err
    assert recon("config", expect=2).err.startswith("Usage: recon config")


def test_the_version_says_what_a_bug_report_needs(recon: Recon) -> None:
    assert recon("--version").out.startswith("recon 0.")
    document = recon("--version", "--json").document
    assert set(document) >= {"version", "python", "platform"}


def test_an_error_under_json_is_one_line_on_standard_error(recon: Recon) -> None:
    for words in (["scna"], ["config", "show", "--config", "missing.toml"], ["scan", "--nope"]):
        done = recon(*words, "--json", expect=None)
        assert done.out == ""
        (line,) = done.err.splitlines()
        error = json.loads(line)
        assert set(error) == {"schema", "code", "slug", "message", "cause", "hint", "retryable"}
        assert error["code"] == done.code
