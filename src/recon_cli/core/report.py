"""Report: the only thing renderers see. A job returns one; `ui` shows it as a table, TSV or JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recon_cli.core.errors import ExitCode

if TYPE_CHECKING:
    from recon_cli.core.canonical import Json  # a name alone: decimals, base64 and hashing are for rows of tables


@dataclass(frozen=True, slots=True)
class Problem:
    """One item that could not be taken as it is: what, why, and where to look. Data, never an exception."""

    item: str
    reason: str
    detail: str = ""

    def document(self) -> dict[str, Json]:
        """JSON-ready form."""
        body: dict[str, Json] = {"item": self.item, "reason": self.reason}
        return {**body, "detail": self.detail} if self.detail else body


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for people. `rows` may be a generator: it is walked once and never held whole."""

    columns: tuple[str, ...]
    rows: Iterable[Sequence[Json]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a job did or found.

    `schema` names the JSON document (`recon.check/1`), `summary` is the one line an operator reads, `body` the
    document's fields, `tables` the same for a terminal. `stream`, when given, is one JSON object per line for
    `--json-lines`. With a `member` the stream stands in the document under that name, too, written as it comes; what
    is only known behind it, such as how many there were, `closing` says: the report as it is in the end.
    """

    schema: str
    summary: str
    body: Mapping[str, Json] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    problems: tuple[Problem, ...] = ()
    exit_code: ExitCode = ExitCode.DONE
    stream: Iterable[Mapping[str, Json]] | None = None
    hints: tuple[str, ...] = ()
    member: str = ""
    closing: Callable[[], Report] | None = None

    def closed(self) -> Report:
        """The report as it is when its stream or its tables have been walked."""
        return self.closing() if self.closing is not None else self

    def document(self) -> dict[str, Json]:
        """The whole report as one JSON document."""
        return {
            "schema": self.schema,
            "summary": self.summary,
            "exit_code": int(self.exit_code),
            **self.body,
            "problems": [problem.document() for problem in self.problems],
        }
