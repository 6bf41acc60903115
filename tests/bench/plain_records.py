"""What records cost without recon: the same lines inserted as they come, the same rows asked for by bare SQL.

::

    python -m tests.bench.plain_records insert sqlite:///plain.db seen.jsonl
    python -m tests.bench.plain_records ask postgresql://… "SELECT …"
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import uuid
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import psycopg

BATCH = 500
_COLUMNS = "id, captured_at, container_owner, container_number, source_video, cropped_image_ref"


def insert(url: str, path: str) -> None:
    """Every line as a row, in transactions of 500, each on disk before the next."""
    rows = _rows(path)
    if url.startswith("sqlite:"):
        db = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        db.execute("PRAGMA synchronous = FULL")
        while batch := list(islice(rows, BATCH)):
            db.execute("BEGIN IMMEDIATE")
            db.executemany(f"INSERT INTO plain ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", batch)
            db.execute("COMMIT")
        return
    with psycopg.connect(url, password=os.environ["BENCH_PASSWORD"], autocommit=True) as link:
        while batch := list(islice(rows, BATCH)):
            with link.transaction(), link.cursor() as cursor:
                cursor.executemany(f"INSERT INTO plain ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)".encode(), batch)


def ask(url: str, sql: str) -> None:
    """Every row of a statement as a line of JSON."""
    for row in _asked(url, sql):
        sys.stdout.write(json.dumps(row, default=str, separators=(",", ":")) + "\n")


def _asked(url: str, sql: str) -> Iterator[tuple[object, ...]]:
    if url.startswith("sqlite:"):
        yield from sqlite3.connect(url.removeprefix("sqlite:///")).execute(sql)
        return
    with (
        psycopg.connect(url, password=os.environ["BENCH_PASSWORD"]) as link,
        link.cursor(name="plain") as rows,
    ):
        rows.itersize = 5000
        yield from rows.execute(sql.encode())


def _rows(path: str) -> Iterator[tuple[object, ...]]:
    with Path(path).open(encoding="utf-8") as lines:
        for line in lines:
            told = json.loads(line)
            names = ("captured_at", "container_owner", "container_number", "source_video", "cropped_image_ref")
            yield (str(uuid.uuid4()), *(told[name] for name in names))


if __name__ == "__main__":
    {"insert": insert, "ask": ask}[sys.argv[1]](*sys.argv[2:])
