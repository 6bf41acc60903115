"""One run of `bench_worker`: `engine|leases|jobs|takeover SIZE FOLDER`.

The figure goes to standard error, the count to standard output; what a run costs as a whole has the start of a Postgres
in it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from recon_cli.core.place import Place
from recon_cli.jobs.worker import schema
from recon_cli.jobs.worker.engine import Engine
from recon_cli.reconstruction import fleet
from recon_cli.reconstruction.jobtable import now, open_table
from tests.jobs.worker.yard import Yard, kill, yard
from tests.support.postgres import PostgresServer, running


def main() -> None:
    """Do what the command line says."""
    what, size = sys.argv[1], int(sys.argv[2])
    with running() as server, tempfile.TemporaryDirectory(dir=sys.argv[3]) as folder:
        if what in {"engine", "leases"}:
            done = asyncio.run(_tickets(server, size, leases=what == "leases"))
        else:
            with yard(Path(folder), server) as made:
                done = _jobs(made, size) if what == "jobs" else _takeover(made, size)
        print(done)  # noqa: T201  the result


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


async def _tickets(server: PostgresServer, size: int, *, leases: bool) -> int:
    place = Place(server.database(), secret=lambda: server.password)
    table = open_table(place)
    schema.install(place)
    for number in range(size):
        job = f"{number:08d}"
        table.add(
            {"job_id": job, "pub_key": job, "created_at": now()},
            lambda connection, job=job: fleet.enlist(connection, job, "any"),
        )
    engine = Engine(place, "bench")
    await engine.open()
    for number in range(size):
        await engine.put(f"{number:08d}", "any")
    began, done = time.monotonic(), 0
    while (ticket := await engine.draw(["any"])) is not None:
        job = str(ticket.task_kwargs["job"])
        if leases:
            epoch = await engine.take(job, "bench", ticket.id)
            assert epoch is not None
            await engine.release(job, epoch, died=False)
        await engine.tear(ticket.id)
        done += 1
    _say(f"{done / (time.monotonic() - began):.0f} tickets a second{', with leases' if leases else ''}")
    await engine.close()
    table.close()
    return done


def _jobs(made: Yard, size: int) -> int:
    jobs = [made.submit(f"photos {number}") for number in range(size)]
    began = time.monotonic()
    made.start("one", "--drain").wait()
    _say(f"{size / (time.monotonic() - began):.2f} jobs a second, the worker's start included")
    return sum(made.look(job)[0] == "DONE" for job in jobs)


def _takeover(made: Yard, takeover_s: int) -> int:
    job = made.submit("slow")
    first = made.start("first")
    made.began(job)
    made.start("second")
    made.wait(lambda: "takes" in made.log("second"), "the second does not start")
    began = time.monotonic()
    kill(first)
    made.began(job, times=2)
    _say(f"{time.monotonic() - began:.2f} s from the kill to the first line of the stage elsewhere")
    made.go()
    made.ended(job)
    job = made.submit("slow again")
    (made.ledger / "go").unlink()
    made.began(job)
    began = time.monotonic()
    made.machine()("job", "cancel", job)
    _say(f"{time.monotonic() - began:.2f} s to cancel a job that a worker has, the command's start included")
    return takeover_s


if __name__ == "__main__":
    main()
