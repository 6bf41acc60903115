"""SQLite files to be migrated: *wide* (five tables of an application, 339 MiB) and *narrow* (2 M rows of numbers)."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

SEED = 20261128
WORDS = (
    "모델",
    "주문",
    "서울특별시",
    "부산",
    "검토가 필요합니다",
    "alpha",
    "beta",
    "gamma ray",
    "배송 완료",
    "delta",
    "파일 경로",
)
WIDE = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, profile TEXT, joined TEXT, score REAL);
CREATE TABLE products (id INTEGER PRIMARY KEY, title TEXT NOT NULL, about TEXT, price REAL, stock INTEGER, photo BLOB);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id), placed TEXT,
    paid INTEGER, total REAL, note TEXT, meta TEXT);
CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders(id), product INTEGER,
    quantity INTEGER, price REAL, remark TEXT);
CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT, kind TEXT, who TEXT, body TEXT, took REAL, raw BLOB);
"""
WIDE_INDEXES = """
CREATE INDEX customers_email ON customers (email);
CREATE INDEX customers_joined ON customers (joined);
CREATE INDEX products_title ON products (title);
CREATE INDEX orders_customer ON orders (customer_id, placed);
CREATE INDEX orders_placed ON orders (placed);
CREATE INDEX lines_order ON lines (order_id);
CREATE INDEX lines_product ON lines (product, quantity);
CREATE INDEX events_kind ON events (kind, at);
"""
SHARES = {"customers": 0.1, "products": 0.05, "orders": 0.25, "lines": 0.35, "events": 0.25}
WIDE_ROWS, NARROW_ROWS = 1_200_000, 2_000_000
Row = tuple[object, ...]


def wide(path: Path, rows: int) -> Path:
    """Five tables with two foreign keys and eight indexes."""
    counts = {name: max(10, int(rows * share)) for name, share in SHARES.items()}
    with closing(_opened(path)) as db:
        db.executescript(WIDE)
        r = random.Random(SEED)
        db.execute("BEGIN")
        for name, made in _TABLES.items():
            rows_made = (made(r, number, counts) for number in range(1, counts[name] + 1))
            width = len(made(random.Random(0), 1, counts))
            db.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * width)})", rows_made)
        db.execute("COMMIT")
        db.executescript(WIDE_INDEXES)
    return path


def narrow(path: Path, rows: int) -> Path:
    """One table: int, int, real, bool."""
    with closing(_opened(path)) as db:
        db.execute("CREATE TABLE readings (id INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, value REAL, fine BOOLEAN)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO readings VALUES (?, ?, ?, ?)", _readings(rows))
        db.execute("COMMIT")
    return path


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
    return db


def _readings(rows: int) -> Iterator[Row]:
    r = random.Random(SEED)
    for number in range(1, rows + 1):
        yield number, number % 997, r.gauss(20, 5), number & 1


def _moment(number: int) -> str:
    return f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d} {number % 24:02d}:{number % 60:02d}:{number * 7 % 60:02d}"


def _customer(r: random.Random, number: int, counts: dict[str, int]) -> Row:
    profile = f'{{"age": {number % 90}, "도시": "{r.choice(WORDS)}", "tags": ["a", "{number % 13}"]}}'
    email = f"user{number}@example.com" if number % 11 else None
    return number, f"{r.choice(WORDS)} {number}", email, profile, _moment(number), r.random() * 100


def _product(r: random.Random, number: int, counts: dict[str, int]) -> Row:
    about = " ".join(r.choices(WORDS, k=26))
    return number, f"{r.choice(WORDS)}-{number}", about, r.random() * 1e4, number % 500, r.randbytes(200)


def _order(r: random.Random, number: int, counts: dict[str, int]) -> Row:
    note = " ".join(r.choices(WORDS, k=20)) if number % 3 else None
    meta = f'{{"ip": "10.0.{number % 256}.1", "채널": "{r.choice(WORDS)}", "n": [{number}, 2, 3]}}'
    return number, number % counts["customers"] + 1, _moment(number), number & 1, r.random() * 1e5, note, meta


def _line(r: random.Random, number: int, counts: dict[str, int]) -> Row:
    remark = " ".join(r.choices(WORDS, k=13)) if number % 2 else None
    product = number % counts["products"] + 1
    return number, number % counts["orders"] + 1, product, number % 9 + 1, r.random() * 1e4, remark


def _event(r: random.Random, number: int, counts: dict[str, int]) -> Row:
    body = " ".join(r.choices(WORDS, k=32))
    raw = r.randbytes(60) if number % 4 == 0 else None
    return number, _moment(number), r.choice(WORDS), f"user{number % 5000}", body, r.expovariate(3), raw


_TABLES = {"customers": _customer, "products": _product, "orders": _order, "lines": _line, "events": _event}
