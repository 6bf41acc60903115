"""COPY's binary stream, which the compiled library reads and writes.

Source: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from recon_cli.core.catalog import DeclaredTable
from recon_cli.stores.bulk.postgres_link import Connection

import psycopg  # isort: skip  postgres_link says how to get the driver
from psycopg import generators, pq  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Generator

    from psycopg.pq.abc import PGresult

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""The signature, no flags, and no extension: none was ever defined."""
TRAILER = b"\xff\xff"
_BODY_BYTES = 1 << 18
_NOTHING = memoryview(b"")
_CODES = {
    "boolean": "?",
    "smallint": "2",
    "integer": "4",
    "bigint": "8",
    "double precision": "d",
    "text": "t",
    "character varying": "t",
    "character": "t",
    "json": "t",
    "jsonb": "j",
    "bytea": "b",
    "timestamp with time zone": "a",
    "timestamp without time zone": "s",
    "date": "D",
    "numeric": "n",
    "uuid": "u",
}
_MODIFIER = re.compile(r"\([0-9, -]*\)")


def codes(table: DeclaredTable, columns: Sequence[str]) -> str:
    """How lines.c writes each of these columns; empty where it does not know a type."""
    declared = {column.name: _MODIFIER.sub("", column.declared) for column in table.stored}
    found = [_CODES.get(declared[name], "") for name in columns]
    return "".join(found) if all(found) else ""


def bodies(connection: Connection, query: str) -> Generator[bytes]:
    """The rows of a query in COPY's binary format, without the header: whole rows, many together.

    libpq is asked row by row, past psycopg's own loop: that takes longer for a row than all that is done with it here.
    """
    pgconn = connection.pgconn
    pgconn.send_query(f"COPY ({query}) TO STDOUT (FORMAT binary)".encode("utf-8", "surrogateescape"))
    _expect(connection.wait(generators.execute(pgconn)), pq.ExecStatus.COPY_OUT, connection)
    rows = _rows_out(connection)
    try:
        skipped = len(HEADER)
        for body in rows:
            yield body[skipped:]
            skipped = 0
    finally:
        rows.close()


def _rows_out(connection: Connection) -> Generator[bytes]:
    """The stream as it comes, cut between its messages; one that is left half way is cancelled."""
    pgconn = connection.pgconn
    held: list[memoryview] = []
    held_bytes = 0
    ended = False
    try:
        while not ended:
            size, data = pgconn.get_copy_data(1)
            if not size:
                found = connection.wait(generators.copy_from(pgconn))
                ended, data = not isinstance(found, memoryview), found if isinstance(found, memoryview) else _NOTHING
            elif size < 0:
                ended = True
                _expect(connection.wait(generators.fetch_many(pgconn)), pq.ExecStatus.COMMAND_OK, connection)
            held.append(data)
            held_bytes += len(data)
            if held_bytes >= _BODY_BYTES:
                yield b"".join(held)
                held, held_bytes = [], 0
        yield b"".join(held)
    finally:
        if not ended and pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
            connection.cancel_safe()
            with suppress(psycopg.errors.QueryCanceled):
                while isinstance(connection.wait(generators.copy_from(pgconn)), memoryview):
                    pass


def _expect(results: Sequence[PGresult], status: pq.ExecStatus, connection: Connection) -> None:
    for result in results:
        if result.status != status:
            raise psycopg.errors.error_from_result(result, encoding=connection.info.encoding)
