"""A million rows out of a database as JSON and back in, against what dumps the same rows.

Every export is counted, and every import compared with its source by value and storage class, before its time counts.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import psycopg

from tests.bench import results, stalls, tables
from tests.bench.__main__ import Wish
from tests.bench.lister import program
from tests.bench.turns import Contestant, RefusedError, in_turn
from tests.support import postgres

ROWS, POSTGRES_ROWS, SMOKE_ROWS = 1_000_000, 200_000, 3_000
HUGE_ROWS, HUGE = 20_000_000, "huge"
"""A table of 5 GB takes a quarter of an hour and 20 GB of disk: only by `--only huge`."""
MILLION = "million"
"""A million rows in Postgres: only by `--only million`."""
IN_PYTHON = {"RECON_NATIVE": "off"}
"""Without the compiled library; where it is not installed the contestant would be the same as the one before it."""
DUCKDB = """
import duckdb, sys
c = duckdb.connect()
c.execute("ATTACH '" + sys.argv[1] + "' AS s (TYPE sqlite)")
c.execute("COPY (SELECT * FROM s.items ORDER BY id) TO '" + sys.argv[2] + "' (FORMAT json)")
"""


def cases(wish: Wish) -> Iterator[results.Case]:
    """SQLite out and in, memory by size, what a writer waits for, Postgres out and in."""
    known = {"SQLite": sqlite_cases, "memory": memory_cases, "writer": writer_cases, "Postgres": postgres_cases}
    for name, case in known.items():
        if not wish.only or any(word in name for word in wish.only):
            yield from case(wish)
    if HUGE in wish.only:
        yield from huge_cases(wish)
    if MILLION in wish.only:
        yield from postgres_cases(wish, ROWS)


def sqlite_cases(wish: Wish) -> Iterator[results.Case]:
    """`sqlite3 .dump` and its way back are what ratios are taken to."""
    rows = SMOKE_ROWS if wish.smoke else ROWS
    source, dump, snapshots = wish.scratch / "a.db", wish.scratch / "a.sql", wish.scratch / "snapshots"
    tables.sqlite(source, rows)
    with dump.open("wb") as out:
        subprocess.run([program("sqlite3"), str(source), ".dump"], stdout=out, check=True)
    want = rows + rows // 10
    exports = [
        printed("sqlite3 .dump", [program("sqlite3"), str(source), ".dump"], b"INSERT INTO", want),
        exported("recon backup export", str(source), snapshots / "plain", want),
        exported("recon, zstd", str(source), snapshots / "zstd", want, "--compress", "zstd"),
        exported("recon, one process", str(source), snapshots / "one", want, "--workers", "1"),
        exported("recon, in Python", str(source), snapshots / "python", want, env=IN_PYTHON),
        *([duckdb(source, wish.scratch / "duck.json", rows)] if duckdb_reads_sqlite() else []),
        printed("sqlite-utils rows", [program("sqlite-utils"), "rows", str(source), "items", "--nl"], b"{", rows, 1),
    ]
    yield results.Case(f"SQLite, {rows} rows, out", tuple(run(exports, wish)), "sqlite3 .dump")
    lines = wish.scratch / "lines.json"
    with lines.open("wb") as out:
        subprocess.run([program("sqlite-utils"), "rows", str(source), "items", "--nl"], stdout=out, check=True)
    imports = [
        filled("sqlite3 < dump", "sqlite3 {target} < " + str(dump), source, wish),
        filled("recon backup import", ours(f"backup import {snapshots}/plain {{target}}"), source, wish),
        filled("recon, in Python", in_python(f"backup import {snapshots}/plain {{target}}"), source, wish),
        filled("recon, zstd", ours(f"backup import {snapshots}/zstd {{target}}"), source, wish),
        filled("sqlite-utils insert", f"{program('sqlite-utils')} insert {{target}} items {lines} --nl", None, wish, 1),
    ]
    yield results.Case(f"SQLite, {rows} rows, in", tuple(run(imports, wish)), "sqlite3 < dump")


def memory_cases(wish: Wish) -> Iterator[results.Case]:
    """Out and in again, for a fifth of the rows and for one row of 40 MB among others."""
    few, large = (SMOKE_ROWS, SMOKE_ROWS) if wish.smoke else (ROWS // 5, ROWS * 3 // 10)
    for name, rows, row_bytes in (("memory, {} rows", few, 0), ("memory, {} rows, one of 40 MB", large, 40_000_000)):
        source, kept = wish.scratch / f"m{rows}-{row_bytes}.db", wish.scratch / f"m{rows}-{row_bytes}"
        tables.sqlite(source, rows, row_bytes)
        contestants = [
            exported("recon backup export", str(source), kept, rows + rows // 10),
            filled("recon backup import", ours(f"backup import {kept} {{target}}"), source, wish),
        ]
        yield results.Case(name.format(rows), tuple(run(contestants, wish)), "")


def huge_cases(wish: Wish) -> Iterator[results.Case]:
    """5 GB with one row of 40 MB, out and in, once: what counts is the peak of memory."""
    rows = SMOKE_ROWS if wish.smoke else HUGE_ROWS
    source, kept = wish.scratch / "huge.db", wish.scratch / "huge"
    tables.sqlite(source, rows, 40_000_000)
    contestants = [
        exported("recon backup export", str(source), kept, rows + rows // 10),
        filled("recon backup import", ours(f"backup import {kept} {{target}}"), source, wish),
    ]
    once = [replace(one, at_most=1) for one in contestants]
    size_gb = source.stat().st_size / 1e9
    yield results.Case(f"huge, {rows} rows, {size_gb:.1f} GB, one row of 40 MB", tuple(run(once, wish)), "")


def writer_cases(wish: Wish) -> Iterator[results.Case]:
    """Exports while another process commits without a pause; the note is the longest that one of its commits took."""
    rows = SMOKE_ROWS if wish.smoke else ROWS
    source = wish.scratch / "written.db"
    tables.sqlite(source, rows)
    with stalls.writer(source) as found:
        outcomes = run([exported("recon backup export", str(source), wish.scratch / "beside", rows + rows // 10)], wish)
    name = f"beside a WAL writer, {found.commits} commits, longest {found.longest_ms:.1f} ms"
    notes = {"commits": found.commits, "longest_ms": found.longest_ms, "alone_longest_ms": found.alone_longest_ms}
    yield results.Case(name, tuple(outcomes), "", notes)


def postgres_cases(wish: Wish, many: int = POSTGRES_ROWS) -> Iterator[results.Case]:
    """`pg_dump` in plain SQL, and psql on its way back."""
    rows = SMOKE_ROWS if wish.smoke else many
    with postgres.running() as server:
        source, target = server.database(), server.database()
        programs, secret = (
            postgres.binaries(),
            {"PGPASSWORD": server.password, "RECON_STORES_PASSWORD": server.password},
        )
        tables.postgres(source, server.password, rows)
        snapshots, dump = wish.scratch / "pg", wish.scratch / "pg.sql"
        exports = [
            printed("pg_dump", [str(programs / "pg_dump"), source], b"", 0, env=secret),
            exported("recon backup export", source, snapshots / "plain", rows, env=secret),
            exported("recon, one process", source, snapshots / "one", rows, "--workers", "1", env=secret),
            exported("recon, in Python", source, snapshots / "python", rows, env={**secret, **IN_PYTHON}),
        ]
        yield results.Case(f"Postgres, {rows} rows, out", tuple(run(exports, wish)), "pg_dump")
        dumped = subprocess.run([programs / "pg_dump", source], capture_output=True, env=secret, check=True).stdout
        dump.write_bytes(dumped)
        empty = f"{programs}/psql -q {target} -c 'DROP TABLE IF EXISTS items'"
        imports = [
            loaded("psql < pg_dump", f"{empty} && {programs}/psql -q {target} -f {dump}", target, rows, secret),
            loaded(
                "recon backup import",
                f"{empty} && {ours(f'backup import {snapshots}/plain {target}')}",
                target,
                rows,
                secret,
            ),
            loaded(
                "recon, in Python",
                f"{empty} && {in_python(f'backup import {snapshots}/plain {target}')}",
                target,
                rows,
                secret,
            ),
        ]
        yield results.Case(f"Postgres, {rows} rows, in", tuple(run(imports, wish)), "psql < pg_dump")


def run(contestants: list[Contestant], wish: Wish) -> list[results.Outcome]:
    """All in turn, without those that the caller left out."""
    return in_turn([one for one in contestants if one.name not in wish.without], wish.runs, wish.scratch)


def ours(words: str) -> str:
    """A command line of recon, quietly."""
    return f"{program('recon')} {words} -q"


def in_python(words: str) -> str:
    """The same without the compiled library."""
    return " ".join([*(f"{name}={value}" for name, value in IN_PYTHON.items()), ours(words)])


def exported(name: str, source: str, to: Path, want: int, *more: str, env: dict[str, str] | None = None) -> Contestant:
    """`recon backup export` into a fresh folder; the manifest must count all rows."""
    command = f"rm -rf {to} && exec {ours(f'backup export {source} {to}')} {' '.join(more)}"

    def check(_out: Path) -> None:
        manifest = json.loads(next(to.glob("*/manifest.json")).read_text())
        found = sum(table["rows"] for table in manifest["tables"])
        if found != want:
            raise RefusedError(f"{found} rows of {want}")

    state = {"RECON_STATE_DIR": str(to.parent / "state")}
    return Contestant(name, ["sh", "-c", command], check, {**state, **(env or {})})


def printed(
    name: str,
    command: list[str],
    start: bytes,
    want: int,
    at_most: int | None = None,
    env: dict[str, str] | None = None,
) -> Contestant:
    """A command that prints one row a line, each beginning with `start`."""

    def check(out: Path) -> None:
        with out.open("rb") as lines:
            found = sum(1 for line in lines if start and line.lstrip(b"[").startswith(start))
        if found < want:
            raise RefusedError(f"{found} rows of {want}")

    return Contestant(name, command, check, env or {}, at_most=at_most)


def duckdb(source: Path, to: Path, want: int) -> Contestant:
    """Duckdb's SQLite reader and its JSON writer; blobs come out as text that cannot be read back."""

    def check(_out: Path) -> None:
        with to.open("rb") as lines:
            found = sum(1 for _ in lines)
        if found != want:
            raise RefusedError(f"{found} rows of {want}")

    return Contestant("duckdb COPY", [sys.executable, "-c", DUCKDB, str(source), str(to)], check)


def duckdb_reads_sqlite() -> bool:
    """Its SQLite reader is an extension that it downloads: there is none where there is no internet."""
    tried = subprocess.run(
        [sys.executable, "-c", "import duckdb; duckdb.sql('LOAD sqlite')"], capture_output=True, check=False
    )
    return not tried.returncode


def filled(name: str, command: str, source: Path | None, wish: Wish, at_most: int | None = None) -> Contestant:
    """A command that fills a new SQLite file; compared with `source` by value and storage class where given."""
    target = wish.scratch / "restored.db"

    def check(_out: Path) -> None:
        if source and not (same(source, target, "items", "id") and same(source, target, "words", "word, n")):
            raise RefusedError("the rows are not those of the source")

    line = f"rm -f {target} && {command.format(target=target)}"
    state = {"RECON_STATE_DIR": str(wish.scratch / "state")}
    return Contestant(name, ["sh", "-c", line], check, state, at_most=at_most)


def same(one: Path, other: Path, table: str, key: str) -> bool:
    """Whether two tables are equal by value and storage class."""
    with closing(sqlite3.connect(one)) as a, closing(sqlite3.connect(other)) as b:
        query = f"SELECT * FROM {table} ORDER BY {key}"
        return all(
            left == right and list(map(type, left)) == list(map(type, right))
            for left, right in zip_longest(a.execute(query), b.execute(query), fillvalue=())
        )


def loaded(name: str, command: str, target: str, want: int, env: dict[str, str]) -> Contestant:
    """A command that fills a Postgres database."""

    def check(_out: Path) -> None:
        with psycopg.connect(target, password=env["PGPASSWORD"]) as connection:
            row = connection.execute("SELECT count(*) FROM items").fetchone()
        if row != (want,):
            raise RefusedError(f"{row} rows of {want}")

    return Contestant(name, ["sh", "-c", command], check, env)


def versions() -> dict[str, str]:
    """The programs that took part."""
    return {
        "recon": results.version(program("recon"), "--version"),
        "sqlite3": results.version(program("sqlite3"), "--version"),
        "sqlite-utils": results.version(program("sqlite-utils"), "--version"),
        "pg_dump": results.version(str(postgres.binaries() / "pg_dump"), "--version"),
    }
