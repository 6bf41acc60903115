"""The desk: where jobs lie, the table that remembers them, and how many may run at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.codec import dump_row
from recon_cli.core.errors import GuardError, NotFoundError, ReconError
from recon_cli.core.place import Place
from recon_cli.core.states import State
from recon_cli.ops import atomic
from recon_cli.outbox.ballast import Ballast
from recon_cli.reconstruction import turn, work
from recon_cli.reconstruction.jobtable import JobTable, Row, open_table
from recon_cli.reconstruction.work import Work
from recon_cli.systems import sidecar
from recon_cli.systems.folders import SIDECAR

TABLE = "jobs.db"
DELETED = ".deleted-"
_BALLAST_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Desk:
    """One root of job folders, with its table. `most` jobs run at a time."""

    root: Path
    table: JobTable
    most: int = 1

    def work(self, job_id: str) -> Work:
        """The folder of a job; a word that is no id is refused."""
        return work.at(self.root, job_id)

    @property
    def ballast(self) -> Ballast:
        """Room that is given up when the disk is full, so that the end of a job can still be written."""
        return Ballast(self.root / ".ballast", _BALLAST_BYTES)

    def position(self, row: Row) -> int | None:
        """The place of a waiting job in the queue, from 1; None for one that nobody holds or that does not wait."""
        if row.state is not State.PENDING:
            return None
        runs = self.table.fleet.runs()
        if row.id in runs:
            waiting = [one.id for one in self.table.waiting() if one.id in runs and runs[one.id].worker is None]
            return 1 + waiting.index(row.id) if row.id in waiting else None
        if not turn.is_held(self.root / row.id):
            return None
        return 1 + self.ahead(row.id)

    def ahead(self, job_id: str) -> int:
        """How many waiting jobs have their turn before this one: older, and held by a living process."""
        before = 0
        for row in self.table.waiting():
            if row.id == job_id:
                break
            before += work.is_id(row.id) and turn.is_held(self.root / row.id)
        return before

    def held(self, job_id: str) -> bool:
        """Whether a living process here runs the job or waits to, or a worker anywhere has it."""
        run = self.table.fleet.run(job_id)
        return (run is not None and run.worker is not None) or turn.is_held(self.work(job_id).folder)

    def refuse_workers(self, job_id: str) -> None:
        """Refuse what may only be done with a job that is run where it was made.

        Raises:
            GuardError: it is the workers' job.
        """
        if self.table.fleet.run(job_id) is not None:
            hint = f"`recon job retry {job_id}` gives it to them once more, `recon job list` shows who has it"
            raise GuardError(f"job {job_id} is run by workers, not here", hint=hint)


@contextmanager
def opened(root: Path, store: Place | None, most: int = 1, *, make: bool = False) -> Iterator[Desk]:
    """The desk at `root`; its table is `jobs.db` there, or in the store named. What was interrupted waits again.

    Raises:
        NotFoundError: there is no root, and it is not to be made.
        ReconError: the root cannot be made, or the table cannot be opened.
    """
    if make:
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            hint = "name another folder with `[reconstruct] root`"
            raise ReconError(f"cannot make the folder {root}", cause=exc.strerror, hint=hint) from exc
    elif not root.is_dir():
        hint = "`recon reconstruct PHOTOS` makes the first job; `[reconstruct] root` says where jobs are"
        raise NotFoundError(f"no jobs in {root}", hint=hint)
    table = open_table(store or Place(f"sqlite:///{(root / TABLE).absolute()}"))
    try:
        desk = Desk(root, table, most)
        desk.ballast.load()
        settle(desk)
        yield desk
    finally:
        table.close()


def settle(desk: Desk) -> tuple[str, ...]:
    """Let jobs wait again that are called running, though nobody runs them; finish interrupted deletions.

    Only jobs whose folder is here are judged: the table may be shared with other machines. Those of workers are the
    workers' to judge, by their server's clock.
    """
    for left in desk.root.glob(f"{DELETED}*"):
        shutil.rmtree(left, ignore_errors=True)
    found: list[str] = []
    workers = desk.table.fleet.runs()
    for row in desk.table.page(State.RUNNING):
        if row.id in workers:
            continue
        here = work.is_id(row.id) and (desk.root / row.id / "job.json").exists()
        if here and not turn.is_held(desk.root / row.id):
            with suppress(GuardError, NotFoundError):
                desk.table.move(row.id, State.PENDING)
                found.append(row.id)
    return tuple(found)


def remember(desk: Desk, job_id: str) -> None:
    """Leave the job's row beside its files, so that a lost table is rebuilt exactly; a full disk costs just that."""
    cells = {name: value for name, value in desk.table.get(job_id).cells.items() if value is not None}
    document: dict[str, Json] = {
        "schema": sidecar.SCHEMA,
        "system": "reconstruction",
        "table": "jobs",
        "row": dump_row(cells),
    }
    with suppress(ReconError):
        body = json.dumps(document, ensure_ascii=False, indent=1)
        atomic.write_file(desk.root / job_id / SIDECAR, body.encode())
