"""Records: what a system has to say so that `recon record` works on it. Pure, as a feed is.

A record system is a feed, for what it sends goes through the same outbox, and it has a book.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from recon_cli.core.search import Book
from recon_cli.systems.feed import Feed


class RecordSystem(Feed, Protocol):
    """One application's records: how they are sent (`Feed`), and what can be asked of them."""

    book: Book
    """Of the main table."""

    def asked(self, words: Mapping[str, str]) -> Mapping[str, str]:
        """The filters of a command line, by the words of `book.equal`, as values of columns.

        A word may mean more than one column: the number `TCNU8971796` is an owner and six digits.

        Raises:
            UsageError: a word is unknown, or its value can be none of its column's.
        """
