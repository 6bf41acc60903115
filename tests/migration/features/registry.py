"""One-feature databases: a small function fills each, and says what must be true of its migration."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

Build = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Probe:
    """A statement that both engines must take, or both refuse, and a query whose answer must be the same after it.

    `unless`: something that was left out; if the report names it, the probe is not asked.
    """

    statement: str
    query: str = ""
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """A database with one thing in it that gets lost on the way.

    `types`: the Postgres types of which a column has to have one. `refused`: rows may end in the rejects file.
    """

    name: str
    build: Build
    types: Mapping[str, str] = field(default_factory=dict)
    probes: tuple[Probe, ...] = ()
    refused: bool = False
    slow: bool = False
    encoding: str = "UTF-8"

    def make(self, path: Path) -> Path:
        """Write the file."""
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute(f"PRAGMA encoding = '{self.encoding}'")
            db.execute("PRAGMA synchronous = OFF")
            db.execute("BEGIN")
            self.build(db)
            db.execute("COMMIT")
        return path


FEATURES: dict[str, Feature] = {}


def feature(
    *probes: Probe,
    types: Mapping[str, str] | None = None,
    refused: bool = False,
    slow: bool = False,
    encoding: str = "UTF-8",
) -> Callable[[Build], Build]:
    """Register the function under its name; the rest as in `Feature`."""

    def register(build: Build) -> Build:
        name = build.__name__
        FEATURES[name] = Feature(name, build, types or {}, probes, refused, slow, encoding)
        return build

    return register


def register_into(collection: dict[str, Feature], build: Build) -> None:
    """Put a whole database, made by a function, into a collection under the function's name."""
    collection[build.__name__] = Feature(build.__name__, build)


def column(db: sqlite3.Connection, declared: str, *cells: object) -> None:
    """A table `t` with a column `c` of that type and a row for each cell; no key, which would be a second feature."""
    db.execute(f"CREATE TABLE t (n INTEGER, c {declared})")
    db.executemany("INSERT INTO t VALUES (?, ?)", enumerate(cells, 1))


def broken(db: sqlite3.Connection, *cells: bytes) -> None:
    """Text cells of the bytes that are given, in `t.c` beside good ones."""
    column(db, "TEXT", "fine", "평범")
    db.executemany("INSERT INTO t (c) VALUES (CAST(? AS TEXT))", [(cell,) for cell in cells])


def script(db: sqlite3.Connection, text: str) -> None:
    """Several statements inside the transaction that is open."""
    held = ""
    for line in text.splitlines(keepends=True):
        held += line
        if held.strip() and sqlite3.complete_statement(held):
            db.execute(held)
            held = ""
