"""A double of PostgREST: its documented protocol, as far as we speak it, in front of a real Postgres, with faults.

Reads (GET, HEAD: select with casts, order, limit, offset, filters, logic trees, exact counts, the `max-rows` cap), bulk
inserts and upserts (`on_conflict`, `resolution`, `columns`, `return`), PATCH, DELETE, functions of JSON arguments, the
OpenAPI root, profiles, the API key of Supabase's gateway, and errors as PostgREST words them: Postgres's own, and PGRST
codes. Every write is one transaction. What is not here (embedding, CSV, singular objects) answers PGRST100.

::

    with postgrest.serving(database_url, password) as rest:
        rest.faults.answer(503, times=2, retry_after_s=1)
        rest.faults.close(after_commit=True, method="POST")
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
from psycopg import sql

from tests.support import postgrest_root
from tests.support.postgrest_faults import Fault, Faults
from tests.support.postgrest_query import Query, QueryError, keys_of, names, parsed

KEY = "a-key-of-the-test"
_ALL = sql.SQL("*")
_PROFILES = {"GET": "Accept-Profile", "HEAD": "Accept-Profile"}
_STATUS = {
    "21000": 500,
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "42501": 403,
    "57P01": 503,
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "28": 403,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "53": 503,
    "54": 500,
    "55": 500,
    "57": 500,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "XX": 500,
}
"""https://docs.postgrest.org/en/stable/references/errors.html; anything else is 400."""


@dataclass
class Rest:
    """A running double. `max_rows`, `key` and `schema` may be changed while it runs; `seen` holds every request."""

    port: int
    database: str
    password: str = field(repr=False)
    key: str = KEY
    max_rows: int | None = None
    schema: str = "public"
    faults: Faults = field(default_factory=Faults)
    seen: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"postgrest+http://127.0.0.1:{self.port}/"

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """What another program does in the database; the last statement's rows."""
        rows: list[tuple[Any, ...]] = []
        with psycopg.connect(self.database, password=self.password, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows


@contextmanager
def serving(database: str, password: str, *, max_rows: int | None = None, key: str = KEY) -> Iterator[Rest]:
    """Serve a database until the end of the block."""
    rest = Rest(0, database, password, key, max_rows)

    class Bound(_Handler):
        site = rest

    server = _Server(("127.0.0.1", 0), Bound)
    rest.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield rest
    finally:
        rest.faults.ended.set()
        server.shutdown()
        server.end_connections()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.open: set[Any] = set()

    def end_connections(self) -> None:
        """Kept-alive connections would outlive the server."""
        for link in list(self.open):
            with suppress(OSError):
                link.shutdown(2)

    def handle_error(self, *given: Any) -> None:
        """A client that hangs up is no error of ours."""


class _Refused(Exception):  # noqa: N818  an answer, not a fault
    """An answer other than success, as PostgREST words it."""

    def __init__(self, status: int, code: str | None, message: str, details: Any = None, hint: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "details": details, "hint": hint}


@dataclass
class _Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class _Handler(BaseHTTPRequestHandler):
    """One connection; it has a connection of its own to Postgres."""

    site: Rest
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    timeout = 60

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.request)
        self._link: psycopg.Connection[Any] | None = None

    def finish(self) -> None:
        self.server.open.discard(self.request)
        if self._link is not None:
            self._link.close()
        with suppress(OSError):
            super().finish()

    def log_message(self, *given: Any) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.site.seen.append((self.command, self.path))
        fault = self.site.faults.next(self.command)
        if fault and fault.kind in {"close before", "black hole"}:
            if fault.kind == "black hole":
                self.site.faults.ended.wait(60)
            self.close_connection = True
            return
        reply = self._faulty(fault) if fault and fault.kind == "answer" else self._reply(body)
        if fault and fault.kind == "delay":
            self.site.faults.ended.wait(fault.seconds)
        if fault and fault.kind == "close after":
            self.close_connection = True
            return
        self._send(reply)

    do_HEAD = do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815  names of the base class

    def _faulty(self, fault: Fault) -> _Reply:
        after = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
        return _Reply(fault.status, json.dumps(fault.body).encode(), after)

    def _send(self, reply: _Reply) -> None:
        self.send_response(reply.status)
        headers = {"Content-Type": "application/json; charset=utf-8", **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()

    def _reply(self, body: bytes) -> _Reply:
        try:
            self._admit()
            return self._answer(body)
        except _Refused as exc:
            return _Reply(exc.status, json.dumps(exc.body).encode())
        except QueryError as exc:
            refused = _Refused(400, "PGRST100", str(exc), "unexpected input")
            return _Reply(400, json.dumps(refused.body).encode())
        except psycopg.Error as exc:
            return _Reply(_status(exc.sqlstate), json.dumps(_worded(exc)).encode())

    def _admit(self) -> None:
        if self.headers.get("apikey") != self.site.key:
            hint = "Double check your Supabase `anon` or `service_role` API key."
            raise _Refused(401, None, "Invalid API key", hint=hint)
        if self.headers.get("Authorization") != f"Bearer {self.site.key}":
            raise _Refused(401, "PGRST301", "JWSError JWSInvalidSignature")

    def _answer(self, body: bytes) -> _Reply:
        parts = urlsplit(self.path)
        name = unquote(parts.path.strip("/"))
        with self._database().transaction():
            if not name:
                told = postgrest_root.document(self._database(), self._schema())
                kind = "application/openapi+json; charset=utf-8"
                return _Reply(200, json.dumps(told).encode(), {"Content-Type": kind})
            if name.startswith("rpc/"):
                return self._call(name.removeprefix("rpc/"), body)
            self._known(name)
            return self._on(name, parse_qsl(parts.query, keep_blank_values=True), body)

    def _call(self, name: str, body: bytes) -> _Reply:
        """A function of one scalar result, its arguments by name."""
        given = _decoded(body)
        known = "SELECT proargnames FROM pg_proc WHERE proname = %s AND pronamespace = to_regnamespace(%s)"
        found = self._database().execute(known, [name, self._schema()]).fetchone()
        if self.command != "POST" or found is None or sorted(found[0] or ()) != sorted(given):
            told = f"Could not find the function {self._schema()}.{name}({', '.join(given)}) in the schema cache"
            raise _Refused(404, "PGRST202", told)
        arguments = [sql.SQL("{} => r.{}").format(sql.Identifier(one), sql.Identifier(one)) for one in given]
        types = sql.SQL(", ").join(sql.SQL("{} jsonb").format(sql.Identifier(one)) for one in given)
        call = sql.SQL("SELECT to_json({}({}))::text FROM json_to_record({}::json) AS r({})").format(
            sql.Identifier(self._schema(), name), sql.SQL(", ").join(arguments), sql.Literal(body.decode()), types
        )
        row = self._database().execute(call).fetchone()
        return _Reply(200, (row[0] if row else "null").encode())

    def _on(self, name: str, pairs: list[tuple[str, str]], body: bytes) -> _Reply:
        table = sql.Identifier(self._schema(), name)
        query = parsed(table, pairs)
        if self.command in {"GET", "HEAD"}:
            return self._read(table, query)
        if self.command == "POST":
            return self._insert(name, dict(pairs), query, body)
        if self.command == "PATCH":
            return self._update(name, query, body)
        return self._written(sql.SQL("DELETE FROM {}{}").format(table, query.where), query, done=204)

    def _schema(self) -> str:
        asked = self.headers.get(_PROFILES.get(self.command, "Content-Profile"), self.site.schema)
        if asked != self.site.schema:
            raise _Refused(406, "PGRST106", f"The schema must be one of the following: {self.site.schema}")
        return asked

    def _database(self) -> psycopg.Connection[Any]:
        if self._link is None or self._link.closed:
            self._link = psycopg.connect(self.site.database, password=self.site.password, autocommit=True)
        return self._link

    def _known(self, name: str) -> None:
        known = "SELECT 1 FROM pg_class WHERE relname = %s AND relnamespace = to_regnamespace(%s)"
        if self._database().execute(known, [name, self._schema()]).fetchone() is None:
            raise _Refused(404, "PGRST205", f"Could not find the table '{self._schema()}.{name}' in the schema cache")

    def _preferred(self, name: str) -> str:
        words = [word.strip() for word in ",".join(self.headers.get_all("Prefer") or []).split(",")]
        return next((word.partition("=")[2] for word in words if word.partition("=")[0] == name), "")

    def _read(self, table: sql.Identifier, query: Query) -> _Reply:
        caps = [cap for cap in (query.limit, self.site.max_rows) if cap is not None]
        limit = sql.SQL(" LIMIT {}").format(sql.Literal(min(caps))) if caps else sql.SQL("")
        offset = sql.SQL(" OFFSET {}").format(sql.Literal(query.offset)) if query.offset else sql.SQL("")
        rows = sql.SQL("SELECT {} FROM {}{}{}{}{}").format(query.select, table, query.where, query.order, limit, offset)
        whole = sql.SQL("SELECT coalesce(json_agg(_r), '[]')::text, count(*) FROM ({}) _r").format(rows)
        text, got = self._database().execute(whole).fetchone()  # type: ignore[misc]  # an aggregate gives one row
        total = None
        if self._preferred("count") == "exact":
            total = self._database().execute(sql.SQL("SELECT count(*) FROM {}{}").format(table, query.where))
            total = total.fetchone()[0]  # type: ignore[index]  # same
        return self._ranged(text, got, query.offset, total)

    def _ranged(self, text: str, got: int, offset: int, total: int | None) -> _Reply:
        span = f"{offset}-{offset + got - 1}" if got else "*"
        headers = {"Content-Range": f"{span}/{'*' if total is None else total}"}
        if total is not None and offset and offset >= total:
            details = f"An offset of {offset} was requested, but there are only {total} rows."
            raise _Refused(416, "PGRST103", "Requested range not satisfiable", details)
        return _Reply(206 if total is not None and got < total else 200, text.encode(), headers)

    def _insert(self, name: str, words: dict[str, str], query: Query, body: bytes) -> _Reply:
        rows = _decoded(body)
        columns = names(words["columns"]) if "columns" in words else keys_of(rows)
        if columns is None:
            raise _Refused(400, "PGRST102", "All object keys must match")
        if not columns:
            return _Reply(201)
        self._have(name, columns)
        listed = rows if isinstance(rows, list) else [rows]
        statement = self._from_rows(name, columns, body if isinstance(rows, list) else b"[" + body + b"]")
        statement += self._on_conflict(name, words.get("on_conflict", ""), columns)
        return self._written(statement, query, done=201) if listed else _Reply(201)

    def _from_rows(self, name: str, columns: list[str], body: bytes) -> sql.Composable:
        table = sql.Identifier(self._schema(), name)
        listed = sql.SQL(", ").join(map(sql.Identifier, columns))
        return sql.SQL("INSERT INTO {t}({c}) SELECT {c} FROM json_populate_recordset(NULL::{t}, {b}::json)").format(
            t=table, c=listed, b=sql.Literal(body.decode())
        )

    def _on_conflict(self, name: str, asked: str, columns: list[str]) -> sql.Composable:
        how = self._preferred("resolution")
        target = names(asked) if asked else self._primary(name)
        if not how or not target:
            return sql.SQL("")
        key = sql.SQL(", ").join(map(sql.Identifier, target))
        if how == "ignore-duplicates" or not set(columns) - set(target):
            return sql.SQL(" ON CONFLICT({}) DO NOTHING").format(key)
        sets = [sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column)) for column in columns]
        return sql.SQL(" ON CONFLICT({}) DO UPDATE SET {}").format(key, sql.SQL(", ").join(sets))

    def _primary(self, name: str) -> list[str]:
        found = self._database().execute(
            "SELECT a.attname FROM pg_index i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY k(n, o)"
            " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n"
            " WHERE i.indisprimary AND i.indrelid = %s::regclass ORDER BY k.o",
            [sql.Identifier(self._schema(), name).as_string(self._database())],
        )
        return [column for (column,) in found]

    def _have(self, name: str, columns: list[str]) -> None:
        found = self._database().execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [sql.Identifier(self._schema(), name).as_string(self._database())],
        )
        known = {column for (column,) in found}
        for column in columns:
            if column not in known:
                message = f"Could not find the '{column}' column of '{name}' in the schema cache"
                raise _Refused(400, "PGRST204", message)

    def _update(self, name: str, query: Query, body: bytes) -> _Reply:
        row = _decoded(body)
        columns = keys_of(row)
        if not columns:
            return _Reply(204)
        self._have(name, columns)
        table = sql.Identifier(self._schema(), name)
        sets = [sql.SQL("{0} = _b.{0}").format(sql.Identifier(column)) for column in columns]
        source = sql.SQL("(SELECT * FROM json_populate_record(NULL::{}, {}::json)) _b").format(
            table, sql.Literal(body.decode())
        )
        # The filter is tried in a sub-select, where its names mean the table's columns and not those of the body.
        where = sql.SQL(" WHERE {0}.ctid IN (SELECT ctid FROM {0}{1})").format(table, query.where)
        statement = sql.SQL("UPDATE {} SET {} FROM {}{}").format(table, sql.SQL(", ").join(sets), source, where)
        return self._written(statement, query, done=204, returning=sql.SQL("{}.*").format(table))

    def _written(
        self, statement: sql.Composable, query: Query, *, done: int, returning: sql.Composable = _ALL
    ) -> _Reply:
        whole = sql.SQL(
            "WITH _w AS ({} RETURNING {}) SELECT coalesce(json_agg(_r), '[]')::text, (SELECT count(*) FROM _w)"
            " FROM (SELECT {} FROM _w) _r"
        ).format(statement, returning, query.select)
        text, count = self._database().execute(whole).fetchone()  # type: ignore[misc]  # an aggregate gives one row
        total = count if self._preferred("count") == "exact" else "*"
        headers = {"Content-Range": f"*/{total}"}
        applied = [f"{name}={said}" for name in ("return", "resolution", "count") if (said := self._preferred(name))]
        headers |= {"Preference-Applied": ", ".join(applied)} if applied else {}
        if self._preferred("return") != "representation":
            return _Reply(done, b"", headers)
        return _Reply(201 if done == 201 else 200, text.encode(), headers)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as exc:
        raise _Refused(400, "PGRST102", "Empty or invalid json") from exc


def _status(state: str | None) -> int:
    return _STATUS.get(state or "08", _STATUS.get((state or "08")[:2], 400))


def _worded(error: psycopg.Error) -> dict[str, Any]:
    told = error.diag
    return {
        "code": error.sqlstate,
        "message": told.message_primary or str(error),
        "details": told.message_detail,
        "hint": told.message_hint,
    }
