"""The door to SQL's translation: sqlglot takes a quarter of a second, and comes when there is something to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from recon_cli.core.errors import ToolMissingError

LOOSE_TEXT = "text of any column"
"""The type of a column that keeps text but has no TEXT affinity: there SQLite compares numbers as numbers."""
MIXED = "text of all kinds"
"""The type of a column that keeps numbers, texts and bytes, all written as one of them."""
SPELLED = "text of integers and texts"
"""The type of a column that keeps integers and texts as text: by that they are equal or not, as they were before."""


class Untranslatable(Exception):  # noqa: N818  data for the plan, not an error that ends anything
    """Why something cannot be said in Postgres as it is meant in SQLite."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view as the target has it: its name, its columns by source name in lower case, the row number's."""

    name: str
    columns: Mapping[str, tuple[str, str]]
    """Source name in lower case → target name and type."""
    number: str = ""
    """The source name, in lower case, of the column that is the row number."""


@dataclass(slots=True)
class Known:
    """What can be referred to: tables and views by source name in lower case."""

    relations: dict[str, Relation] = field(default_factory=dict)


def expression(sql: str, known: Known, table: str, wanted: str = "") -> str:
    """See `dialect.expression`."""
    with _parser():
        from recon_cli.migration import dialect  # noqa: PLC0415  as the module says

        return dialect.expression(sql, known, table, wanted)


def query_with_types(sql: str, known: Known) -> tuple[str, list[str]]:
    """See `dialect.query_with_types`."""
    with _parser():
        from recon_cli.migration import dialect  # noqa: PLC0415  as the module says

        return dialect.query_with_types(sql, known)


def tables_of(sql: str) -> Sequence[str]:
    """See `dialect.tables_of`."""
    with _parser():
        from recon_cli.migration import dialect  # noqa: PLC0415  as the module says

        return dialect.tables_of(sql)


def type_of(sql: str, known: Known, table: str) -> str:
    """See `dialect.type_of`."""
    with _parser():
        from recon_cli.migration import dialect  # noqa: PLC0415  as the module says

        return dialect.type_of(sql, known, table)


@contextmanager
def _parser() -> Iterator[None]:
    """Deeper than it can follow is as good as unreadable: the object is left out, the run goes on."""
    try:
        yield
    except ModuleNotFoundError as exc:
        hint = "`pip install 'recon-cli[postgres]'`"
        raise ToolMissingError("SQL cannot be translated here", cause=str(exc), hint=hint) from exc
    except RecursionError as exc:
        raise Untranslatable("it is nested too deep") from exc
