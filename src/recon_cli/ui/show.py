"""Reports for whoever reads: a person at a terminal, the next program in a pipe, a parser, or cron."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, TextIO

from recon_cli.core.errors import ReconError, UsageError
from recon_cli.core.report import Problem, Report, Table
from recon_cli.ui import escape
from recon_cli.ui.language import said
from recon_cli.ui.screen import Mode, Screen, silence

if TYPE_CHECKING:
    from recon_cli.core.canonical import Json  # a name alone: decimals, base64 and hashing are for rows of tables

SHOWN_PROBLEMS = 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def show(report: Report, *, mode: Mode = Mode.TEXT, screen: Screen | None = None) -> None:
    """Show a report: its content on standard output, its problems and hints on standard error.

    A reader who leaves early (`recon scan … | head`) is no error: the rest goes nowhere. Quiet means nothing at all on
    success; otherwise the summary and the problems, on standard error.

    Raises:
        UsageError: `--json-lines` of a report without a stream.
        ReconError: the disk that standard output goes to is full.
    """
    screen = screen or Screen.standard()
    try:
        _content(report, mode, screen)
        screen.out.flush()
    except BrokenPipeError:
        silence(screen.out)
    except OSError as exc:
        if exc.errno not in _FULL:
            raise
        silence(screen.out)
        raise ReconError("cannot write the output", cause=exc.strerror, hint="make room where it goes") from exc
    if mode is not Mode.JSON:
        _asides(report.closed(), screen)


def error_text(error: ReconError, screen: Screen) -> str:
    """An error for people: message, cause, hint, each on its own line, in their language."""
    lines = [f"{screen.mark(said('error:'), '1;31')} {escape.line(said(error.message))}"]
    if error.cause:
        lines.append(f"{said('cause:')} {escape.line(said(error.cause, ours=False))}")
    if error.hint:
        lines.append(f"{screen.mark(said('hint:'), '1')} {escape.line(said(error.hint))}")
    return "\n".join(lines)


def warn(text: str, screen: Screen) -> None:
    """A warning that changes nothing, on standard error; also when quiet."""
    screen.say(f"{screen.mark(said('warning:'), '1;33')} {escape.line(said(text))}")


def dumps(document: Json | Mapping[str, Json], *, indent: int | None = None) -> str:
    """A document as JSON text in its own key order; a lone surrogate is written as its escape."""
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(document, ensure_ascii=False, indent=indent, separators=separators, default=_plain)
    return text if _is_utf8(text) else json.dumps(document, indent=indent, separators=separators, default=_plain)


def _content(report: Report, mode: Mode, screen: Screen) -> None:
    if mode is Mode.JSON_LINES:
        _stream(report, screen.out)
    elif mode is Mode.JSON and report.member:
        _document_around(report, screen.out)
    elif mode is Mode.JSON:
        _write_utf8(screen.out, dumps(report.document(), indent=2) + "\n")
    elif screen.quiet:
        if report.exit_code:
            screen.say(escape.line(report.summary))
    else:
        _text(report, screen)


def _stream(report: Report, out: TextIO) -> None:
    if report.stream is None:
        raise UsageError("this command has no `--json-lines`", hint="use `--json`")
    _lines(report.stream, out, end="\n", between="\n")


def _document_around(report: Report, out: TextIO) -> None:
    """One document that is written while its stream comes: nothing of it is held."""
    stream = iter(report.stream or ())
    first = list(islice(stream, 1))  # what fails at once, such as a table that is not there, leaves no half document
    _write_utf8(out, f'{{"schema": {dumps(report.schema)},\n"{report.member}": [\n')
    _lines(chain(first, stream), out, end="\n", between=",\n")
    rest = report.closed().document()
    del rest["schema"]
    _write_utf8(out, f"],\n{dumps(rest, indent=2)[1:].lstrip()}\n")


def _lines(stream: Iterable[Mapping[str, Json]], out: TextIO, *, end: str, between: str) -> None:
    lines = map(_line, stream)
    written = False
    while chunk := between.join(islice(lines, _LINES_AT_ONCE)):
        _write_utf8(out, f"{between if written and between != end else ''}{chunk}{end if between == end else ''}")
        written = True
    if written and between != end:
        _write_utf8(out, end)


_LINES_AT_ONCE = 500
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def _line(item: Mapping[str, Json]) -> str:
    """One item of a stream as JSON; most are plain dicts of UTF-8 text, and those should cost little."""
    try:
        text = _ENCODE(item)
    except TypeError:
        return dumps(item)
    return text if text.isascii() or _is_utf8(text) else dumps(item)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _text(report: Report, screen: Screen) -> None:
    if screen.draws_tables:
        _draw(report.tables, screen)
        screen.out.write(escape.line(report.closed().summary) + "\n")
        return
    rows = _tsv(report.tables, screen.out)
    # Rows for the next program stay alone on standard output; without any, the summary is the result.
    summary = escape.line(report.closed().summary)
    if report.tables or rows:
        screen.out.flush()
        screen.say(summary)
    else:
        screen.out.write(summary + "\n")


def _draw(tables: Sequence[Table], screen: Screen) -> None:
    if not tables:
        return
    from recon_cli.ui.table import draw  # noqa: PLC0415  Rich costs more than the rest of the start-up

    for table in tables:
        left_out = draw(table, screen)
        if left_out:
            screen.out.write(said(f"… and {left_out} more rows; pipe them, or use `--json`") + "\n")


def _tsv(tables: Iterable[Table], out: TextIO) -> int:
    """All rows, without a header (as `gh` does); an empty line parts two tables."""
    written = 0
    for table in tables:
        for number, row in enumerate(table.rows):
            gap = "\n" if written and not number else ""
            out.write(gap + "\t".join(map(escape.cell, row)) + "\n")
            written += 1
    return written


def _asides(report: Report, screen: Screen) -> None:
    problems = report.problems
    if problems:
        screen.say(said(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}:"))
    for problem in problems[:SHOWN_PROBLEMS]:
        screen.say("  " + _problem(problem))
    if len(problems) > SHOWN_PROBLEMS:
        screen.say("  " + said(f"… and {len(problems) - SHOWN_PROBLEMS} more; `--json` lists them all"))
    if not screen.quiet:
        for hint in report.hints:
            screen.say(f"{screen.mark(said('hint:'), '1')} {escape.line(said(hint))}")


def _problem(problem: Problem) -> str:
    detail = f" ({escape.line(said(problem.detail, ours=False))})" if problem.detail else ""
    return f"{escape.line(problem.item) or '/'}: {escape.line(said(problem.reason, ours=False))}{detail}"


def _write_utf8(out: TextIO, text: str) -> None:
    """JSON is UTF-8 whatever the terminal speaks."""
    if hasattr(out, "buffer"):
        out.flush()
        out.buffer.write(text.encode("utf-8"))
    else:
        out.write(text)


def _plain(value: object) -> Json:
    """What is a Mapping or a Sequence by Protocol only."""
    if isinstance(value, Mapping):
        return {str(name): item for name, item in value.items()}
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
