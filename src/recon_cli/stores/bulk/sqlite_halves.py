"""Half of a large table is put into a file of its own by another process, and taken from there as it is.

SQLite copies such rows without looking into them (its transfer optimization,
https://sqlite.org/src/file?name=src/insert.c), so that this costs a tenth of putting them. It does so only for tables
whose key is the row number; for any other it would be no gain, and `divisible` says no.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import apsw

from recon_cli.core.catalog import DeclaredTable
from recon_cli.core.errors import DataError
from recon_cli.core.lines import Block
from recon_cli.stores.bulk import sqlite_ddl as ddl
from recon_cli.stores.bulk.base import Row
from recon_cli.stores.bulk.sqlite_open import beside, connect, translated
from recon_cli.stores.bulk.sqlite_put import Fields, Putter
from recon_cli.stores.bulk.sqlite_words import quoted

ENDING = "-half"
"""What the name of such a file ends in, after that of the database being built."""
_SCHEMA = "half"


def divisible(table: DeclaredTable) -> bool:
    """Whether rows of this table can be copied as they are: its key is the row number, and nothing else is unique."""
    places = table.key_positions
    return (
        len(places) == 1
        and table.stored[places[0]].declared.upper() == "INTEGER"
        and not {"without_rowid", "virtual"} & set(table.options)
        and len(table.stored) == len(table.columns)
        and not any(index.constraint is not None for index in table.indexes)
    )


def prepare(db: apsw.Connection, encoding: str | None) -> None:
    """Settings of a file that nobody else sees before it is complete, and that is thrown away if it never is."""
    if encoding is not None:
        db.pragma("encoding", value=encoding)
    for name, value in (
        ("locking_mode", "EXCLUSIVE"),
        ("journal_mode", "OFF"),
        ("synchronous", 0),
        ("cache_size", -16000),
    ):
        db.pragma(name, value=value)


@dataclass(frozen=True, slots=True)
class Half:
    """Where the rows of a table go meanwhile. It travels to the process that fills it; see `base.Aside`."""

    path: Path
    encoding: str | None
    statement: ddl.Statement
    fields: Fields

    @classmethod
    def of(cls, database: Path, encoding: str | None, table: DeclaredTable, fields: Fields) -> Half:
        """An empty file beside the database that is being built."""
        path = beside(database, ENDING)
        path.unlink(missing_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return cls(path, encoding, ddl.of_table(table), fields)

    def fill(self, chunks: Iterable[Block | list[Row]]) -> int:
        """Create the table there and put the rows in; how many they were."""
        with translated(self.path, 0):
            db = connect(self.path, write=True)
            try:
                return self._fill(db, chunks)
            finally:
                db.close(force=True)

    def _fill(self, db: apsw.Connection, chunks: Iterable[Block | list[Row]]) -> int:
        db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        prepare(db, self.encoding)
        db.execute("BEGIN IMMEDIATE")
        ddl.create(db, self.statement)
        columns = [quoted(one.name) for one in self.fields.columns]
        putter = Putter(db, self.fields, f"main.{quoted(self.fields.table)}", columns)
        count = 0
        for chunk in chunks:
            putter.put(chunk)
            count += len(chunk)
        db.execute("COMMIT")
        return count

    def move(self, db: apsw.Connection, count: int) -> None:
        """Take all of them into the table that is being built.

        Raises:
            DataError: there are not as many as were put in.
        """
        name = quoted(self.fields.table)
        db.execute(f"ATTACH ? AS {_SCHEMA}", (str(self.path),))
        db.execute(f"INSERT INTO main.{name} SELECT * FROM {_SCHEMA}.{name}")
        if db.changes() != count:
            raise DataError(f"{self.fields.table}: {db.changes()} rows of {count} came over", hint="report this bug")
