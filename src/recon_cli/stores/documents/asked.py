"""Reader over documents: every row is read, those asked for are kept; there is no index to go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from heapq import nlargest, nsmallest

from recon_cli.core.canonical import Value
from recon_cli.core.errors import NotFoundError
from recon_cli.core.search import DAY, Book, Query, behind, matches, order_of
from recon_cli.stores.documents.base import HEADS, Documents, key_of, row_of, translated
from recon_cli.stores.records.base import Row


class DocumentReader:
    """Rows of documents. The rows of one page are held in memory, or all that match where all are asked for."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self.url = documents.url

    def rows(self, book: Book, query: Query) -> Iterator[Row]:
        """See `Reader.rows`; sorted in memory."""
        place = order_of(book, query)
        found = (row for row in self._asked(book, query) if behind(query, place(row)))
        if query.limit is None:
            yield from sorted(found, key=place, reverse=query.descending)
        else:
            yield from (nlargest if query.descending else nsmallest)(query.limit, found, key=place)

    def counts(self, book: Book, by: Sequence[str], query: Query) -> Iterator[tuple[tuple[str, ...], int]]:
        """See `Reader.counts`."""
        found = Counter(tuple(_group(book, row, one) for one in by) for row in self._asked(book, query))
        yield from sorted(found.items())

    def close(self) -> None:
        """See `Reader.close`."""
        self._documents.close()

    def _asked(self, book: Book, query: Query) -> Iterator[Row]:
        with translated(self.url):
            head = key_of([book.table])
            if head not in self._documents.get(HEADS, [head]) and head not in dict(self._documents.scan(HEADS)):
                raise NotFoundError(f"{self.url} has no table `{book.table}`", hint="the first `recon sync` makes it")
            for _key, doc in self._documents.scan(book.table):
                values = row_of(book.table, doc.text).values
                row = {name: values.get(name) for name in {*book.columns, *book.equal.values(), *book.groups.values()}}
                if matches(book, query, row):
                    yield row


def _group(book: Book, row: Row, by: str) -> str:
    value: Value = row.get(book.moment if by == DAY else by)
    if by == DAY:
        return value.astimezone(UTC).date().isoformat() if isinstance(value, datetime) else ""
    return "" if value is None else str(value)
