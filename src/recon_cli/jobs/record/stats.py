"""stats: how many records there are, by day, by owner, by room."""

from __future__ import annotations

from collections.abc import Sequence

from recon_cli.core import search, words
from recon_cli.core.canonical import Json
from recon_cli.core.report import Report, Table
from recon_cli.core.search import Book, Query
from recon_cli.stores.records.base import Reader


def stats(reader: Reader, book: Book, by: Sequence[str], query: Query) -> Report:
    """Counts of each group, in the groups' order.

    Args:
        reader: the records.
        book: what can be asked of them.
        by: words of the book's groups, or `day` (in UTC); nothing counts all.
        query: which records.

    Raises:
        UsageError: the book is not counted by one of the words.
    """
    columns = [search.group_of(book, word) for word in by]
    found = list(reader.counts(book, columns, query))
    total = sum(number for _groups, number in found)
    rows: list[list[Json]] = [[*groups, number] for groups, number in found]
    body: dict[str, Json] = {
        "table": book.table,
        "by": list(by),
        "total": total,
        "groups": [{**dict(zip(by, groups, strict=True)), "count": number} for groups, number in found] if by else [],
    }
    groups = f" in {words.count(len(found), 'group')} by {', '.join(by)}" if by else ""
    summary = f"{book.table}: {words.count(total, 'record')}{groups} ({reader.url})"
    tables = (Table((*by, "records"), rows),) if by else ()
    return Report("recon.record-stats/1", summary, body, tables)
