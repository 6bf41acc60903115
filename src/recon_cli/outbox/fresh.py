"""Fresh items: what this process put lately, kept in memory, so that leasing it need not read it back.

An item's row never changes and its number is never given twice, so what was committed under a number is what lies
there; whether it still lies there is asked of the queue file each time.
"""

from __future__ import annotations

from collections.abc import Iterable

from recon_cli.outbox.item import Item


class Fresh:
    """So many items, and so many bytes of payload, at most; the oldest make room."""

    def __init__(self, most: int, size_bytes: int) -> None:
        self._most, self._room = most, size_bytes
        self._size_bytes = 0
        self._items: dict[int, Item] = {}

    def keep(self, items: Iterable[Item]) -> None:
        """Keep items that are on disk."""
        for item in items:
            self._items[item.id] = item
            self._size_bytes += len(item.letter.payload)
        while self._items and (len(self._items) > self._most or self._size_bytes > self._room):
            self.forget([next(iter(self._items))])

    def get(self, number: int) -> Item | None:
        """The item of a number, if it is at hand."""
        return self._items.get(number)

    def forget(self, numbers: Iterable[int]) -> None:
        """They left the queue, or are to be read again."""
        for number in numbers:
            if (item := self._items.pop(number, None)) is not None:
                self._size_bytes -= len(item.letter.payload)
