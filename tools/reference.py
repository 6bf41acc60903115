"""Write the reference pages from the code; `--check` only says which of them are out of date."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import click

from recon_cli.core import errors
from tools.schemas import DOCUMENTS

DOCS = Path(__file__).resolve().parents[1] / "docs"
GENERATED = "<!-- made by tools/reference.py: `nox -s docs -- --write` -->"

MEANINGS = {
    errors.ExitCode.DONE: "done",
    errors.ExitCode.FAILED: "failed for a reason that has no code of its own",
    errors.ExitCode.PARTIAL: "done in part: some items were rejected, or a folder is not proven complete",
    errors.ExitCode.DRIFT: "files and records, or two databases or snapshots, differ",
    errors.ExitCode.SIGINT: "interrupted (Ctrl-C)",
    errors.ExitCode.SIGTERM: "terminated",
}


def exit_codes() -> str:
    """What each exit status means; where an error stands behind it, in the error's words."""
    # Private kinds of other modules share a code with one of these, and are there only once their module is.
    ours = (kind for kind in errors.ReconError.__subclasses__() if kind.__module__ == errors.__name__)
    kinds: tuple[type[errors.ReconError], ...] = (errors.ReconError, *ours)
    slugs = {kind.code: f"`{kind.slug}`" for kind in kinds}
    retried = {kind.code for kind in kinds if kind.retryable}
    words = {kind.code: _first_line(kind.__doc__) for kind in kinds} | MEANINGS
    rows = [
        (str(int(code)), slugs.get(code, ""), words[code], "yes" if code in retried else "") for code in errors.ExitCode
    ]
    intro = (
        "Every command of recon ends with one of these. They are an interface: scripts may rely on them.\n\n"
        "`slug` is what an error is called in the JSON line that `--json` prints on standard error; “try again” marks "
        "errors that may pass by themselves."
    )
    return _page("Exit codes", intro, _table(("code", "slug", "meaning", "try again"), rows))


def settings() -> str:
    """Every key of recon.toml and its variable."""
    from recon_cli.config.reference import rows  # noqa: PLC0415 - one page's source must not fail another

    cells = [(f"`{row.key}`", row.expected, row.default, _code(row.variable), row.doc) for row in rows()]
    intro = (
        "A value comes from the first of: a flag, a `RECON_…` variable, the project's `recon.toml` (found upward), the "
        "user's file, the system's file, the default. `recon config show --origin` says which it was. In a variable, "
        "`NAME` is the place's or table's name in capitals."
    )
    return _page("Settings", intro, _table(("key", "value", "default", "variable", "meaning"), cells))


def commands() -> str:
    """Every command with its arguments and options."""
    from recon_cli.cli.app import command  # noqa: PLC0415 - one page's source must not fail another

    root: click.Command = command()
    root.name = "recon"
    parts = [part for command, context in walk(root, None) for part in _command(command, context)]
    return _page("Commands", "`recon COMMAND --help` says the same on your terminal.", "\n\n".join(parts))


def documents() -> str:
    """Every kind of JSON document, with its schema."""
    rows = [(f"[{one.name}](schemas/{one.file})", one.words, one.seen) for _name, one in sorted(DOCUMENTS.items())]
    intro = (
        "Every document that `recon` prints under `--json`, and every JSON file it writes, says in `schema` what it "
        "is, and is described by a [JSON Schema](https://json-schema.org) (draft 2020-12). The number goes up when a "
        "member changes its meaning or goes away; one may be added without that, so pass over what you do not know. "
        "What a table or a system names itself, such as the columns of a record, is left open.\n\n"
        "Lines that are many, such as those of `--json-lines`, carry no `schema`; their command says what they are."
    )
    return _page("JSON documents", intro, _table(("schema", "what it says", "seen in"), rows))


PAGES: dict[str, Callable[[], str]] = {
    "exit-codes.md": exit_codes,
    "settings.md": settings,
    "cli.md": commands,
    "json.md": documents,
    **{
        f"schemas/{one.file}": lambda one=one: json.dumps(one.published(), indent=1) + "\n"  # type: ignore[misc]  # bound here
        for one in DOCUMENTS.values()
    },
}


def main(argv: Sequence[str]) -> int:
    """Write or check; 1 where a page is out of date."""
    stale = [name for name, make in PAGES.items() if _differs(DOCS / "reference" / name, make())]
    if "--check" not in argv:
        for name in stale:
            page = DOCS / "reference" / name
            page.parent.mkdir(exist_ok=True)
            page.write_text(PAGES[name](), "utf-8")
        return 0
    for name in stale:
        sys.stderr.write(f"docs/reference/{name} is out of date: `nox -s docs -- --write`\n")
    return 1 if stale else 0


def walk(command: click.Command, parent: click.Context | None) -> Iterator[tuple[click.Command, click.Context]]:
    """A command and those below it, each with its context."""
    context = click.Context(command, info_name=command.name, parent=parent, **command.context_settings)
    if not command.hidden:
        yield command, context
        for child in command.commands.values() if isinstance(command, click.Group) else ():
            yield from walk(child, context)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {context.command_path}"
    yield _prose(command.help)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{context.command_path} {usage}\n```"
    yield "```text\n" + "\n".join(getattr(command, "examples", ())) + "\n```"
    rows = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    if rows:
        yield _table(("option", "meaning"), [(f"`{name}`", _prose(words)) for name, words in rows])


def _prose(text: str | None) -> str:
    return (text or "").replace("\b\n", "").split("\f")[0].strip()


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _first_line(text: str | None) -> str:
    line = (text or "").strip().splitlines()[0].removesuffix(".") if text else ""
    return line[:1].lower() + line[1:]


def _page(title: str, intro: str, body: str) -> str:
    return f"{GENERATED}\n# {title}\n\n{intro}\n\n{body}\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [_row(head), _row("---" for _ in head), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _differs(page: Path, text: str) -> bool:
    return not page.is_file() or page.read_text("utf-8") != text


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
