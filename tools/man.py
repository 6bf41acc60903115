"""Write the man pages and the shells' completions below a folder, as a wheel carries them: `python -m tools.man DIR`.

Made from the same commands as `-h`. click-man is not used: it knows neither Typer's arguments nor our examples, and
imports every command twice.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from typer._completion_shared import get_completion_script  # no other place has the scripts without asking for a shell

from recon_cli import __version__
from recon_cli.cli.app import PROGRAM, command
from recon_cli.core.errors import ExitCode
from tools.reference import MEANINGS, walk

COMPLETIONS = {
    "bash": "bash-completion/completions/recon",
    "zsh": "zsh/site-functions/_recon",
    "fish": "fish/vendor_completions.d/recon.fish",
}


def main(argv: Sequence[str]) -> int:
    """Write everything below the folder that is named."""
    (folder,) = argv
    share = Path(folder)
    pages = share / "man" / "man1"
    pages.mkdir(parents=True, exist_ok=True)
    for found, context in walk(_root(), None):
        (pages / f"{_dashed(context)}.1").write_text(page(found, context), "utf-8")
    for shell, path in COMPLETIONS.items():
        target = share / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(completion(shell), "utf-8")
    return 0


def page(found: click.Command, context: click.Context) -> str:
    """One command as a man page."""
    return "\n".join(_lines(found, context)) + "\n"


def completion(shell: str) -> str:
    """The script that completes `recon` in a shell, as a package installs it."""
    script = get_completion_script(prog_name=PROGRAM, complete_var="_RECON_COMPLETE", shell=shell) + "\n"
    if shell != "zsh":
        return script
    # Found in `fpath` the file is a function: its first call is to complete, too, not only to define.
    first = 'if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n  _recon_completion "$@"\nelse\n  \\g<0>\nfi'
    return re.sub(r"^compdef .*$", first, script, flags=re.MULTILINE)


def _root() -> click.Command:
    root: click.Command = command()
    root.name = PROGRAM
    return root


def _lines(found: click.Command, context: click.Context) -> Iterator[str]:
    about = _prose(found.help)
    yield f'.TH {_quoted(_dashed(context).upper())} 1 "" {_quoted(f"recon {__version__}")} "recon"'
    yield ".SH NAME"
    yield f"{_text(_dashed(context))} \\- {_text(about.partition(chr(10))[0].rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield f"\\fB{_text(context.command_path)}\\fR {_text(' '.join(found.collect_usage_pieces(context)))}"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(about)
    yield from _parameters(found, context)
    yield ".SH EXAMPLES"
    yield ".nf"
    yield from map(_text, getattr(found, "examples", ()))
    yield ".fi"
    yield ".SH EXIT STATUS"
    yield from _statuses()
    yield from _others(found, context)


def _parameters(found: click.Command, context: click.Context) -> Iterator[str]:
    shared = getattr(found, "shared", [])
    own = [one for one in found.get_params(context) if one not in shared]
    arguments = [one for one in own if isinstance(one, click.Argument)]
    options = [one for one in own if one not in arguments]
    for title, params in (("ARGUMENTS", arguments), ("OPTIONS", options), ("OPTIONS OF EVERY COMMAND", shared)):
        rows = [row for one in params if (row := one.get_help_record(context))]
        if rows:
            yield f".SH {title}"
        for name, words in rows:
            yield from (".TP", f"\\fB{_text(name)}\\fR", _text(words) or "\\&")


def _statuses() -> Iterator[str]:
    for code in ExitCode:
        yield from (".TP", str(int(code)), _text(MEANINGS.get(code, "")) or _text(code.name.lower().replace("_", " ")))


def _others(found: click.Command, context: click.Context) -> Iterator[str]:
    children = [f"{_dashed(context)}-{name}" for name in found.commands] if isinstance(found, click.Group) else []
    above = [_dashed(context.parent)] if context.parent else []
    yield ".SH SEE ALSO"
    yield ", ".join(f"\\fB{_text(name)}\\fR(1)" for name in (*above, *children))


def _paragraphs(text: str) -> Iterator[str]:
    for part in re.split(r"\n\s*\n", text):
        yield from (".PP", _text(" ".join(part.split())))


def _prose(text: str | None) -> str:
    return (text or "").replace("\b\n", "").split("\f")[0].strip()


def _dashed(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _quoted(text: str) -> str:
    return '"' + _text(text) + '"'


def _text(text: str) -> str:
    """Words for troff: no line begins a request, a hyphen that is typed stays one, and all of it is ASCII."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    plain = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in plain)
    return f"\\&{plain}" if plain[:1] in {".", "'"} else plain


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
