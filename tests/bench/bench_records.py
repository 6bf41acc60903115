"""Records: added one by one through the outbox beside raw inserts, and searched beside the bare SQL."""

from __future__ import annotations

import importlib.metadata
import random
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import apsw
import psycopg

from recon_cli.core.place import Place
from recon_cli.jobs.record.init import init
from recon_cli.stores.sink.registry import open_sink
from recon_cli.systems import registry
from tests.bench import lister, results
from tests.bench.__main__ import ROOT, Wish
from tests.bench.turns import Contestant, RefusedError, in_turn
from tests.support import postgres
from tests.support.gate import START, Seen

READINGS, RECORDS, SMOKE = 20_000, 1_000_000, 50
NAMES = ("id", "captured_at", "container_owner", "container_number", "source_video", "cropped_image_ref", "created_at")
_DECLARED = "SELECT sql FROM sqlite_schema WHERE tbl_name = 'container_logs_readings' AND sql <> ''"
_MADE = {
    "sqlite": (
        "INSERT INTO container_logs ({names}) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE"
        " i < {last}) SELECT printf('%08x-0000-4000-8000-%012x', i * 7919 % {all}, i), strftime('%Y-%m-%d"
        " %H:%M:%f000+00:00', 1740000000 + i * 31, 'unixepoch'), char(65 + i % 20) || 'CNU', printf('%06d', i * 7"
        " % 1000000), 'Gate_' || (i % 12) || '-' || (i / 600), CASE WHEN i % 2 THEN 'crops/' || i || '.png' END,"
        " '2026-03-01 00:00:00.000000+00:00' FROM n"
    ),
    "postgres": (
        "INSERT INTO container_logs ({names}) SELECT format('%s-0000-4000-8000-%s', lpad(to_hex(i * 7919 % {all}), 8,"
        " '0'), lpad(to_hex(i), 12, '0'))::uuid, to_timestamp(1740000000 + i * 31), chr((65 + i % 20)::int) || 'CNU',"
        " lpad((i * 7 % 1000000)::text, 6, '0'), 'Gate_' || (i % 12) || '-' || (i / 600), CASE WHEN i % 2 = 1 THEN"
        " 'crops/' || i || '.png' END, '2026-03-01' FROM generate_series(0::bigint, {last}) AS i"
    ),
}


@dataclass(frozen=True)
class Stage:
    """A database with the tables, and beside them a plain one with the same indexes."""

    folder: Path
    url: str
    password: str = ""

    @classmethod
    def set_up(cls, folder: Path, url: str, password: str = "") -> Stage:
        """An empty one."""
        folder.mkdir(parents=True)
        stage = cls(folder, url, password)
        place = Place(url, secret=lambda: password or None)
        with closing(open_sink(place)) as sink:
            init(registry.feed("containers"), sink, place, apply=True)
        if stage.is_file:
            declared = stage.ask(_DECLARED)
            for (sql,) in declared:
                stage.ask(str(sql).replace("container_logs_readings", "plain"))
        else:
            stage.ask("CREATE TABLE plain (LIKE container_logs_readings INCLUDING ALL)")
        return stage

    @property
    def is_file(self) -> bool:
        """Whether it is SQLite's."""
        return self.url.startswith("sqlite:")

    @property
    def env(self) -> dict[str, str]:
        """For every command."""
        own = {"RECON_STATE_DIR": str(self.folder / "state"), "RECON_STORES_PASSWORD": self.password}
        return {**own, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "BENCH_PASSWORD": self.password}

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        """The rows of a statement."""
        if self.is_file:
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"), isolation_level=None)) as db:
                return db.execute(sql).fetchall()
        with psycopg.connect(self.url, password=self.password, autocommit=True) as link:
            cursor = link.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def plain(self, *words: str) -> list[str]:
        """The same without recon."""
        return [sys.executable, "-m", "tests.bench.plain_records", words[0], self.url, *words[1:]]


def cases(wish: Wish) -> Iterator[results.Case]:
    """Adds, then searches, in both databases."""
    less = SMOKE if wish.smoke else 1
    with postgres.running() as server:
        places: list[tuple[str, Callable[[Path], Stage]]] = [
            ("sqlite", lambda folder: Stage.set_up(folder, f"sqlite:///{folder}/gate.db")),
            ("postgres", lambda folder: Stage.set_up(folder, server.database(), server.password)),
        ]
        for engine, make in places:
            if not wish.only or {engine, "add"} & {*wish.only}:
                yield adds(wish, engine, make(wish.scratch / f"{engine}-add"), READINGS // less)
            if not wish.only or {engine, "search"} & {*wish.only}:
                yield from searches(wish, engine, make(wish.scratch / f"{engine}-search"), RECORDS // less)


def adds(wish: Wish, engine: str, stage: Stage, readings: int) -> results.Case:
    """Lines into the table: durable in the outbox, then settled; against the same rows inserted, nothing asked."""
    sys.stderr.write(f"{readings} adds, {engine} …\n")
    dice = random.Random(7)
    seen = [
        Seen(START + timedelta(seconds=n * 3), f"TCNU{dice.randrange(4000):06d}", "Gate", f"{n}.png")
        for n in range(readings)
    ]
    path = stage.folder / "seen.jsonl"
    path.write_text("".join(f"{one.line()}\n" for one in seen))

    def emptied(table: str) -> Callable[[Path], None]:
        def check(_out: Path) -> None:
            ((there,),) = stage.ask(f"SELECT count(*) FROM {table}")
            if there != readings:
                raise RefusedError(f"{there} of {readings} rows arrived")
            for one in (table, *(("container_logs",) if table != "plain" else ())):
                stage.ask(f"DELETE FROM {one}" if stage.is_file else f"TRUNCATE {one}")
            shutil.rmtree(stage.folder / "state", ignore_errors=True)

        return check

    words = ["record", "add", str(path), "--to", stage.url, "-q"]
    contestants = [
        Contestant(
            "recon record add", [lister.program("recon"), *words], emptied("container_logs_readings"), stage.env
        ),
        Contestant("raw inserts", stage.plain("insert", str(path)), emptied("plain"), stage.env),
    ]
    outcomes = in_turn(contestants, wish.runs, wish.scratch)
    return results.Case(f"{readings} adds, {engine}", tuple(outcomes), "raw inserts", {"readings": readings})


def searches(wish: Wish, engine: str, stage: Stage, records: int) -> Iterator[results.Case]:
    """All, by owner and time, by text: the rows as lines of JSON, each way."""
    sys.stderr.write(f"{records} records, {engine} …\n")
    stage.ask(_MADE[engine].format(names=", ".join(NAMES), last=records - 1, all=records))
    stage.ask("ANALYZE container_logs")
    order = "ORDER BY captured_at, id"
    since = "captured_at >= '2025-06-01'"
    wanted = [
        ("all", [], ""),
        (
            "owner since",
            ["--owner", "CCNU", "--since", "2025-06-01"],
            f"WHERE container_owner = 'CCNU' AND {since}",
        ),
        ("text", ["--text", "crops/77777"], _text(stage, "%crops/77777%")),
    ]
    for name, flags, where in wanted:
        sql = f"SELECT {', '.join(NAMES)} FROM container_logs {where} {order}"
        ((number,),) = stage.ask(f"SELECT count(*) FROM container_logs {where}")
        words = ["record", "search", "--to", stage.url, "--all", "--json-lines", *flags]
        contestants = [
            Contestant("recon record search", [lister.program("recon"), *words], _lines(int(str(number))), stage.env),
            Contestant("bare SQL", stage.plain("ask", sql), _lines(int(str(number))), stage.env),
        ]
        outcomes = in_turn(contestants, wish.runs, wish.scratch)
        notes: dict[str, str | int | float] = {"records": records, "found": int(str(number))}
        yield results.Case(f"{name} of {records}, {engine}", tuple(outcomes), "bare SQL", notes)


def _text(stage: Stage, pattern: str) -> str:
    names = ("container_owner", "container_number", "source_video", "cropped_image_ref")
    like = "LIKE" if stage.is_file else "ILIKE"
    return f"WHERE ({' OR '.join([f'{name} {like} {pattern!r}' for name in names])})"


def _lines(number: int) -> Callable[[Path], None]:
    def check(out: Path) -> None:
        with out.open("rb") as file:
            found = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        if found != number:
            raise RefusedError(f"{found} of {number} records were found")

    return check


def versions() -> dict[str, str]:
    """The programs that took part."""
    return {"SQLite": apsw.sqlite_lib_version(), "psycopg": importlib.metadata.version("psycopg")}
