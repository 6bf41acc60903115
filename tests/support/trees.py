"""A local folder as a scanned tree in memory, with a reader that remembers what it was asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing, Precision
from recon_cli.core.errors import NotFoundError
from recon_cli.systems.base import Copy


class FolderTree:
    """`core.ports.Tree` over a local folder, listed once at the beginning."""

    def __init__(self, root: Path) -> None:
        self._listings: dict[str, Listing] = {}
        for folder in (root, *sorted(path for path in root.rglob("*") if path.is_dir())):
            path = _relative(root, folder)
            self._listings[path] = Listing(path, tuple(_entry(root, one) for one in sorted(folder.iterdir())), "local")

    def listing(self, path: str) -> Listing | None:
        return self._listings.get(path)

    def listings(self, under: str = "") -> Iterator[Listing]:
        return (one for path, one in sorted(self._listings.items()) if _below(path, under))

    def complete(self, path: str) -> bool:
        parts = path.split("/") if path else []
        above = ["", *("/".join(parts[: n + 1]) for n in range(len(parts)))]
        return all(one in self._listings and self._listings[one].complete for one in above)

    def complete_below(self, path: str) -> bool:
        return self.complete(path) and all(one.complete for one in self.listings(path))

    def cut(self, path: str, why: Incomplete = Incomplete.TRUNCATED, *, keep: int | None = None) -> None:
        """From now on `path` is not proven complete, and shows only its first `keep` entries."""
        listing = self._listings[path]
        entries = listing.entries[:keep]
        gone = {one.path for one in listing.entries} - {one.path for one in entries}
        self._listings = {
            one: kept for one, kept in self._listings.items() if not any(_below(one, lost) for lost in gone)
        }
        self._listings[path] = replace(listing, entries=entries, incomplete=why)

    def hide(self, name: str) -> None:
        """From now on no listing shows files of this name, as web hosts do with dotfiles."""
        for path, listing in self._listings.items():
            entries = tuple(one for one in listing.entries if one.name != name)
            self._listings[path] = replace(listing, entries=entries)

    def forget_times(self) -> None:
        """From now on no entry has a time."""
        for path, listing in self._listings.items():
            entries = tuple(replace(one, mtime=None, precision=Precision.NONE) for one in listing.entries)
            self._listings[path] = replace(listing, entries=entries)


class FolderReader:
    """`core.ports.Reader` over the same folder; `asked` lists what was read, and how."""

    def __init__(self, root: Path, *, chunk_bytes: int = 1 << 16) -> None:
        self._root = root
        self._chunk_bytes = chunk_bytes
        self.asked: list[tuple[str, str]] = []

    def head(self, entry: Entry, size_bytes: int = 4096) -> bytes:
        self.asked.append(("head", entry.path))
        return self._bytes(entry)[:size_bytes]

    def tail(self, entry: Entry, size_bytes: int = 4096) -> bytes:
        self.asked.append(("tail", entry.path))
        return self._bytes(entry)[-size_bytes:]

    def stream(self, entry: Entry) -> Iterator[bytes]:
        self.asked.append(("stream", entry.path))
        whole = self._bytes(entry)
        return (whole[start : start + self._chunk_bytes] for start in range(0, len(whole), self._chunk_bytes))

    def _bytes(self, entry: Entry) -> bytes:
        try:
            return (self._root / entry.path).read_bytes()
        except OSError as exc:
            raise NotFoundError(f"cannot read {entry.path}", cause=str(exc)) from exc


def scanned(root: Path) -> tuple[FolderTree, FolderReader]:
    """A folder as a system sees it."""
    return FolderTree(root), FolderReader(root)


def copy_of(path: Path, source: str, origin: str = "store", zone: str = "") -> Copy:
    """A SQLite file as a database copy."""
    tables: dict[str, Sequence[Mapping[str, Any]]] = {}
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in (one for one in names if not one.startswith("sqlite_")):
            tables[name] = [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]  # noqa: S608  names from sqlite_master
    return Copy(source, origin, tables, zone=zone)


def _below(path: str, under: str) -> bool:
    return not under or path == under or path.startswith(f"{under}/")


def _relative(root: Path, path: Path) -> str:
    return "" if path == root else path.relative_to(root).as_posix()


def _entry(root: Path, path: Path) -> Entry:
    kind = EntryType.LINK if path.is_symlink() else EntryType.DIR if path.is_dir() else EntryType.FILE
    facts = path.lstat()
    size = facts.st_size if kind is EntryType.FILE else None
    moment = datetime.fromtimestamp(facts.st_mtime, UTC)
    return Entry(_relative(root, path), kind, size, moment, Precision.EXACT, listed_by="local")
