"""SQLite files that somebody else made, SQL in them, older queues, and rows in stores of documents."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import apsw
import orjson

from recon_cli.core import plain_sql
from recon_cli.core.catalog import Catalog
from recon_cli.core.delivery import DeliveryError
from recon_cli.core.errors import ReconError
from recon_cli.core.schema import ColumnType
from recon_cli.jobs import queue as queues
from recon_cli.migration.introspect import read_source
from recon_cli.migration.planfile import digest
from recon_cli.migration.planner import Planner
from recon_cli.migration.translation import Known, Relation, Untranslatable, expression, query_with_types, tables_of
from recon_cli.ops.clock import SystemClock
from recon_cli.outbox import adopt, rows
from recon_cli.outbox.opening import open_outbox
from recon_cli.stores import literal
from recon_cli.stores.bulk import postgrest_openapi, sqlite_ddl
from recon_cli.stores.bulk.sqlite_catalog import read_catalog
from recon_cli.stores.copies import read_copy
from recon_cli.stores.documents import git, heads, kv_rest
from recon_cli.stores.documents.base import row_of
from tests.fuzz.harness import target

TABLE = (
    b"CREATE TABLE \"t a\" (id INTEGER PRIMARY KEY AUTOINCREMENT, n TEXT NOT NULL DEFAULT 'x' CHECK (length(n) < 9),"
    b" m REAL GENERATED ALWAYS AS (id * 2) STORED, o INT REFERENCES u(id) ON DELETE CASCADE, UNIQUE (n, o)) STRICT;"
)
MORE = (
    b"CREATE INDEX i ON t (lower(n) DESC) WHERE n > 1; CREATE VIEW v AS SELECT a.id, count(*) FROM t a JOIN t b USING (id) GROUP BY 1;"
    b"CREATE VIRTUAL TABLE f USING fts5(a, b, content='t'); CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET n = 1; END;"
)
_STEPS = 2_000_000
"""Instructions that a script may cost; a script that runs for ever is its own fault, not the reader's."""


def _file(script: str) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "a.db")
        with closing(sqlite3.connect(path)) as db, db:
            db.executescript(script)
        return path.read_bytes()


COPY = _file(
    "PRAGMA page_size = 512; CREATE TABLE models (id TEXT PRIMARY KEY, n); INSERT INTO models VALUES ('a', 1), ('b', x'ff');"
)
PENDING = _file(
    "PRAGMA page_size = 512; CREATE TABLE pending_sync (id INTEGER PRIMARY KEY, record_json TEXT, gfx_pc_id TEXT, file_path TEXT,"
    "retry_count INT, created_at TEXT, last_error TEXT); INSERT INTO pending_sync VALUES (1, '{\"file_hash\":\"a\"}', 'PC01', 'x', 2, '2026-01-01', '');"
    "CREATE TABLE dead_letter (id INTEGER PRIMARY KEY, record_json TEXT, gfx_pc_id TEXT, file_path TEXT, retry_count INT,"
    "error_reason TEXT, created_at TEXT); INSERT INTO dead_letter VALUES (1, '{}', 'PC01', 'x', 'many', 'r', '0001-01-01T00:00:00+23:00');"
)
LETTER = rows.to_line(rows.Item(1, rows.Letter("db", "t", "k", b'{"a":1}', {"m": "1"}), 1.5, 0, ""))


@target(COPY, b'{"models":[{"id":"a"}]}', b'[{"id":"a"},', b'{"id":1}\n{"id":2}\n')
def database_copy(data: bytes, folder: Path) -> None:
    """A copy never raises: what cannot be read is a Problem; and it stays as it was."""
    path = folder / "a.db"
    path.write_bytes(data)
    read_copy(path, "a.db", "also")
    assert path.read_bytes() == data


@target(TABLE, MORE, b"create table [a b] (`x` int, 'y' text collate nocase) without rowid", b"[" * 5000)
def imported_statement(data: bytes, _folder: Path) -> None:
    """What a snapshot of a stranger would create is read before SQLite sees it; what runs later is never taken."""
    text = data.decode("utf-8", "replace")
    for kind in ("table", "index", "view", "trigger", "virtual table"):
        try:
            sqlite_ddl.refuse([sqlite_ddl.Statement(kind, "t", text, "t")])
        except ReconError:
            continue
        assert kind not in {"view", "trigger"}


@target(
    TABLE, MORE, TABLE + MORE, b"CREATE TABLE a (b DATETIME DEFAULT CURRENT_TIMESTAMP, c BOOLEAN DEFAULT 1, d JSON)"
)
def migrated_schema(data: bytes, _folder: Path) -> None:
    """Whatever schema SQLite accepts can be read and planned, with reasons for what is left out."""
    db = apsw.Connection(":memory:")
    db.set_authorizer(lambda action, *_: apsw.SQLITE_DENY if action in _FORBIDDEN else apsw.SQLITE_OK)
    db.set_progress_handler(lambda: True, _STEPS)
    try:
        for _ in db.execute(data.decode("utf-8", "replace")):
            break
    except (apsw.Error, ValueError):
        pass
    db.set_progress_handler(None)
    catalog = read_catalog(db)
    assert digest(Planner(read_source(db, catalog), {}, {}).plan("a.db", "s"))


_FORBIDDEN = {apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH}
_KNOWN = Known({"t": Relation("t", {"id": ("bigint", "id"), "n": ("text", "n"), "at": ("timestamptz", "at")})})


@target(b"SELECT id, count(*) AS n FROM t WHERE n LIKE 'a%' GROUP BY id HAVING count(*) > 1 ORDER BY 2 DESC LIMIT 3",
        b"coalesce(n, 'x') || strftime('%Y', at)", b"CASE WHEN id > 1 THEN 'a' ELSE NULL END", b"json_extract(n, '$.a')",
        refuses=(Untranslatable,))  # fmt: skip
def translated_sql(data: bytes, _folder: Path) -> None:
    text = data.decode("utf-8", "replace")
    for read in (
        lambda: expression(text, _KNOWN, "t"),
        lambda: query_with_types(text, _KNOWN),
        lambda: tables_of(text),
    ):
        try:
            read()
        except Untranslatable:
            continue


@target(
    b"(a > 1 AND b IN ('x', 'y')) OR lower(c) LIKE 'z%'", b"1; DROP TABLE t", b"CAST(a AS TEXT) || -- x", TABLE, MORE
)
def plain_expression(data: bytes, _folder: Path) -> None:
    """What is called plain is one expression for SQLite too: as a check it adds no second statement."""
    text = data.decode("utf-8", "replace")
    plain_sql.statement_kind(text)
    if plain_sql.is_plain(text):
        found = apsw.Connection(":memory:")
        try:
            found.execute(f"CREATE TABLE a (b CHECK ({text}))")
        except apsw.Error:
            return
        assert [name for (name,) in found.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")] == ["a"]


@target(PENDING)
def older_queue(data: bytes, folder: Path) -> None:
    path = folder / "pending.db"
    path.write_bytes(data)
    with adopt.opened(path) as db:
        list(adopt.waiting(db, path, "db", "t"))
        list(adopt.dead(db, path, "db", "t", datetime(2026, 2, 28, tzinfo=UTC)))


@target(LETTER, LETTER.replace(b'"failures":0', b'"failures":1e400'), LETTER + LETTER)
def queue_import(data: bytes, folder: Path) -> None:
    """Every line is taken in or named."""
    (folder / "given.jsonl").write_bytes(data)
    with closing(open_outbox(_queue(folder), SystemClock(), "fuzz")) as box:
        queues.import_lines(box, folder / "given.jsonl")


@target(COPY)
def queue_file(data: bytes, folder: Path) -> None:
    """A queue file that is something else, or damaged, is refused or salvaged, never opened as it is."""
    path = _queue(folder)
    path.write_bytes(data)
    with closing(open_outbox(path, SystemClock(), "fuzz")) as box:
        box.waiting()


def _queue(folder: Path) -> Path:
    (folder / "state").mkdir(mode=0o700, exist_ok=True)
    return folder / "state" / "queue.db"


@target(b'{"key":["a"],"row":{"id":"a","n":{"$int":"9"}}}\n', b'{"key":1}\n', refuses=(DeliveryError,))
def git_lines(data: bytes, _folder: Path) -> None:
    for key, text in git._lines(data).items():
        assert isinstance(key, str)
        try:
            row_of("t", text)
        except DeliveryError:
            continue


@target(
    b'{"columns":[{"name":"id","type":"text"}],"key":["id"],"counter":3}',
    b'{"result":["1",null]}',
    refuses=(DeliveryError,),
)
def stored_head(data: bytes, _folder: Path) -> None:
    kv_rest._json(data)
    heads.head_of("t", data.decode("utf-8", "surrogateescape"))


@target(
    b'{"definitions":{"t":{"required":["id"],"properties":{"id":{"type":"integer","format":"bigint","description":"<pk/>"}}}},"paths":{"/t":{}}}'
)
def openapi_document(data: bytes, _folder: Path) -> None:
    try:
        document = orjson.loads(data)
    except ValueError:
        return
    assert isinstance(postgrest_openapi.exposed(document, "public").catalog, Catalog)


_TEXTS: Iterable[ColumnType] = tuple(ColumnType)


@target(b"2026-02-28 12:00:00", b"1.50", b'{"a":1.0,"a":2}', b"9999-12-31T23:59:59-23:59", b"true")
def text_cell(data: bytes, _folder: Path) -> None:
    text = data.decode("utf-8", "surrogateescape")
    literal.document(text)
    for meaning in _TEXTS:
        literal.as_text(meaning, text)
