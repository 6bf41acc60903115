"""Every text of the help pages, from the commands themselves, and the words that click and the renderers add."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from recon_cli.cli.app import COMMANDS, PROGRAM, command
from recon_cli.config.keys import Kind
from recon_cli.ui.help import paragraphs
from tools.templates import Template, is_words

CLICK = (
    "Usage:",
    "Options",
    "Arguments",
    "Commands",
    "Everywhere",
    "Examples",
    "required",
    "default: {0}",
    "env var: {0}",
    "Show this message and exit.",
    "missing option `{0}`",
    "missing option `{0}`. Choose from: {1}",
    "missing argument `{0}`",
    "missing argument `{0}`. Choose from: {1}",
    "missing parameter: {0}",
    "missing command",
    "no option `{0}`",
    "option `{0}` requires an argument",
    "option `{0}` requires {1} arguments",
    "option `{0}` does not take a value",
    "argument `{0}` takes {1} values",
    "got unexpected extra argument ({0})",
    "got unexpected extra arguments ({0})",
    "invalid value for `{0}`: {1}",
    "invalid value: {0}",
    "`{0}` is not a valid integer",
    "`{0}` is not a valid integer range",
    "`{0}` is not a valid float",
    "`{0}` is not a valid boolean",
    "`{0}` is not one of {1}",
    "{0} is not in the range {1}",
    "file `{0}` does not exist",
    "directory `{0}` does not exist",
    "path `{0}` does not exist",
    "file `{0}` is a directory",
    "directory `{0}` is a file",
    "path `{0}` is not readable",
)
"""Click's own words as `cli.boundary` spells them; tests/ui/test_korean.py hears them from click."""

RENDERED = (
    "error:",
    "cause:",
    "hint:",
    "warning:",
    "{0} problem:",
    "{0} problems:",
    "… and {0} more; `--json` lists them all",
    "… and {0} more rows; pipe them, or use `--json`",
)
"""What `ui.show` puts around the words of others."""


def find() -> Iterator[Template]:
    """Every help text once, with the command it belongs to as its place in the code."""
    seen: set[str] = set()
    for text, where in _all():
        if text not in seen and (text in CLICK or text in RENDERED or is_words(text) or " " not in text):
            seen.add(text)
            yield Template(text, (), where)


def _all() -> Iterator[tuple[str, str]]:
    yield from ((text, "click") for text in CLICK)
    yield from ((text, "src/recon_cli/ui/show.py") for text in RENDERED)
    yield from ((one.value, "src/recon_cli/config/keys.py") for one in Kind)
    yield "the root", "src/recon_cli/core/entry.py"
    yield from ((one.help, "src/recon_cli/cli/app.py") for one in COMMANDS.values())
    root: click.Command = command()
    root.name = PROGRAM
    yield from _of(root, None)


def _of(one: click.Command, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    context = click.Context(one, info_name=one.name, parent=parent)
    where = context.command_path.replace(" ", "-")
    for text in (one.help, one.epilog):
        for paragraph in paragraphs(inspect.cleandoc(text or "")):
            yield from ((line, where) for line in _lines(paragraph))
    for parameter in one.get_params(context):
        text = getattr(parameter, "help", None)
        if text and not getattr(parameter, "hidden", False):
            yield " ".join(text.split()), where
    if isinstance(one, click.Group):
        for child in one.commands.values():
            if not child.hidden:
                yield from _of(child, context)


def _lines(paragraph: str) -> Iterator[str]:
    """A paragraph, or the lines of one that click keeps, without what is typed."""
    if not paragraph.startswith("\b"):
        yield paragraph
        return
    for line in paragraph.splitlines()[1:]:
        _before, mark, remark = line.partition("  # ")
        text = remark if mark else line.strip()
        if not text.startswith(("recon ", "$ ")):
            yield text
