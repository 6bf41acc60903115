"""COPY's binary stream, which the compiled library reads and writes.

Source: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from recon_cli.core.catalog import DeclaredTable
from recon_cli.stores.bulk import native
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
_NONE_NOW, _OVER = 0, -1
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

    libpq is asked past psycopg's own loop: that takes longer for a row than all that is done with it here.
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
    pgconn, take = connection.pgconn, _taking(connection)
    held: list[bytes | memoryview] = []
    held_bytes = 0
    ended = False
    try:
        while not ended:
            piece, state = take()
            held.append(piece)
            held_bytes += len(piece)
            if state == _NONE_NOW:
                found = connection.wait(generators.copy_from(pgconn))
                ended, row = not isinstance(found, memoryview), found if isinstance(found, memoryview) else b""
                held.append(row)
                held_bytes += len(row)
            elif state < _NONE_NOW:
                ended = True
                _expect(connection.wait(generators.fetch_many(pgconn)), pq.ExecStatus.COMMAND_OK, connection)
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


def _taking(connection: Connection) -> Callable[[], tuple[bytes | memoryview, int]]:
    """What takes rows that are at hand: many at once by the compiled library, else one; 1, or 0: none now, -1: over."""
    pgconn, library = connection.pgconn, native.module()
    functions = _functions() if library is not None else None
    if library is None or functions is None:
        one = pgconn.get_copy_data
        return lambda: one(1)[::-1]
    pointer: int = pgconn.pgconn_ptr  # type: ignore[attr-defined]  # documented, but not in their protocol

    def many() -> tuple[bytes, int]:
        rows, state = library.gather(pointer, *functions, _BODY_BYTES)
        if state < _OVER:
            raise psycopg.OperationalError(pgconn.get_error_message())
        return rows, state

    return many


@cache
def _functions() -> tuple[int, int] | None:
    """The addresses of `PQgetCopyData` and `PQfreemem` in the libpq that psycopg uses; None if that is not sure."""
    try:
        with open("/proc/self/maps", "rb") as maps:  # noqa: PTH123  no file that could be read at once
            paths = {line.split(None, 5)[5].rstrip() for line in maps if b"/libpq" in line}
        (path,) = paths
        libpq = ctypes.CDLL(os.fsdecode(path))
        found = [ctypes.cast(function, ctypes.c_void_p).value for function in (libpq.PQgetCopyData, libpq.PQfreemem)]
    except (OSError, ValueError, AttributeError):
        return None
    take, release = found
    return (take, release) if take and release else None


def _expect(results: Sequence[PGresult], status: pq.ExecStatus, connection: Connection) -> None:
    for result in results:
        if result.status != status:
            raise psycopg.errors.error_from_result(result, encoding=connection.info.encoding)
