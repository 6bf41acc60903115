"""A yard of workers: one Postgres, one folder that all share, and workers as processes that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from tests.support.postgres import PostgresServer
from tests.support.recon import SOURCES, Recon, in_folder, inside

ROOT = SOURCES.parent
PATIENCE_S = 120.0
SETTINGS = """version = 1
[stores.shared]
url = "{url}"
[reconstruct]
root = "{root}"
store = "shared"
{programs}
[worker]
pool = "cpu"
takeover_s = {takeover_s}
tries = {tries}
{more}
"""


@dataclass
class Yard:
    """One job table, any number of machines: each has its own settings, state and scratch below `folder`."""

    folder: Path
    server: PostgresServer
    url: str
    takeover_s: float = 3.0
    tries: int = 3
    more: str = ""
    programs: str = ""
    """Settings of `[reconstruct]` that machines get from now on."""
    small: bool = True
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The folder that all machines share."""
        return self.folder / "shared"

    @property
    def ledger(self) -> Path:
        """Where the small stages leave their traces."""
        return self.folder / "ledger"

    def machine(self, name: str = "desk", *, port: int | None = None) -> Recon:
        """`recon` on one machine; `port`: it reaches Postgres through that one."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        for one in (self.root, self.ledger):
            one.mkdir(exist_ok=True)
        url = self.url if port is None else self.url.replace(f":{self.server.port}/", f":{port}/")
        words = {"programs": self.programs, "more": self.more}
        told = SETTINGS.format(url=url, root=self.root, takeover_s=self.takeover_s, tries=self.tries, **words)
        (home / "recon.toml").write_text(told, "utf-8")
        paths = [str(SOURCES), str(ROOT)] + ([str(ROOT / "tests" / "support" / "small")] if self.small else [])
        secret = {"RECON_STORES_SHARED_PASSWORD": self.server.password, "RECON_LEDGER": str(self.ledger)}
        return in_folder(home, PYTHONPATH=os.pathsep.join(paths), **secret)

    def start(self, name: str, *words: str, port: int | None = None, ahead_s: int = 0) -> subprocess.Popen[bytes]:
        """A worker on the machine `name`, whose clock is `ahead_s`; its log is `worker.log` there."""
        recon = self.machine(name, port=port)
        recon = replace(recon, env={**recon.env, "RECON_TEST_AHEAD_S": str(ahead_s)})
        with (recon.folder / "worker.log").open("ab") as log:
            child = subprocess.Popen(
                recon.argv("worker", *words),
                cwd=recon.folder,
                env=recon.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.workers.append(child)
        return child

    def log(self, name: str) -> str:
        """What the workers of a machine said."""
        return (self.folder / name / "worker.log").read_text()

    def photos(self, name: str = "photos") -> Path:
        """A folder of files that pass for photos."""
        folder = self.folder / "photos" / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(3):
            (folder / f"{number}.jpg").write_bytes(f"{name} {number}".encode())
        return folder

    def submit(self, name: str = "photos", *words: str) -> str:
        """Leave a job to the workers; its id."""
        trainer = () if "--trainer" in words else ("--trainer", "command")
        asked = ("reconstruct", self.photos(name), "--queue", "--json", *trainer, *words)
        made = inside(self.machine(), *asked)  # a process of its own each time would be most of the test
        assert made.code == 0, made.err
        return str(made.document["job"])

    def jobs(self) -> dict[str, dict[str, Any]]:
        """The list of jobs, as the command tells it."""
        rows = inside(self.machine(), "job", "list", "--json").document["jobs"]
        return {row["job_id"]: row for row in rows}

    def look(self, job_id: str) -> tuple[str, str | None]:
        """The state of a job and who has it, by the server."""
        query = """SELECT status, worker FROM jobs JOIN recon_worker.runs USING (job_id) WHERE job_id = %s"""
        for _ in range(60):  # it may just be restarted
            try:
                with psycopg.connect(self.url, password=self.server.password) as connection:
                    row = connection.execute(query, (job_id,)).fetchone()
                    assert row is not None
                    return str(row[0]), row[1]
            except psycopg.OperationalError:
                time.sleep(0.5)
        raise AssertionError(self.told())

    def job(self, job_id: str) -> dict[str, Any]:
        """One of them."""
        return self.jobs()[job_id]

    def traces(self, job_id: str = "") -> list[tuple[str, ...]]:
        """What the stages left in the ledger: begin, end or twice, job, stage."""
        path = self.ledger / "runs"
        lines = [tuple(line.split()) for line in path.read_text().splitlines()] if path.exists() else []
        return [one for one in lines if not job_id or one[1] == job_id]

    def wait(self, what: Callable[[], object], why: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until something holds."""
        end = time.monotonic() + patience_s
        while not what():
            assert time.monotonic() < end, f"{why}\n{self.told()}"
            time.sleep(0.1)

    def ended(self, job_id: str, status: str = "DONE") -> dict[str, Any]:
        """Wait for a job's end, and for its files to be home."""
        self.wait(lambda: self.look(job_id)[0] in {"DONE", "FAILED", "CANCELLED"}, f"{job_id} does not end")
        self.wait(lambda: self.look(job_id)[1] is None, f"{job_id} is not let go")
        found = self.job(job_id)
        assert found["status"] == status, f"{json.dumps(found, indent=1)}\n{self.told()}"
        return found

    def began(self, job_id: str, stage: str = "train", times: int = 1) -> None:
        """Wait until a stage has begun for the n-th time."""
        self.wait(
            lambda: self.traces(job_id).count(("begin", job_id, stage)) >= times, f"{stage} of {job_id} does not begin"
        )

    def go(self) -> None:
        """Let slow jobs go on."""
        (self.ledger / "go").touch()

    def told(self) -> str:
        """Every worker's log."""
        return "\n".join(f"--- {path.parent.name}\n{path.read_text()}" for path in self.folder.glob("*/worker.log"))

    def stop(self) -> None:
        """End every worker that lives."""
        for child in self.workers:
            if child.poll() is None:
                kill(child)


def kill(worker: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    """End a worker, and it alone: what it started must end by itself."""
    worker.send_signal(number)
    worker.wait(60)


@contextmanager
def yard(folder: Path, server: PostgresServer, **wishes: Any) -> Iterator[Yard]:
    """A yard on a database of its own."""
    made = Yard(folder, server, server.database(), **wishes)
    made.machine()("worker", "init")
    try:
        yield made
    finally:
        made.stop()
