"""retry: jobs that failed, were cancelled or interrupted go on, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ExitCode, ReconError
from recon_cli.core.report import Problem, Report, Table
from recon_cli.jobs.reconstruct import run as running
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.jobs.reconstruct.run import Watcher


def would(jobs: Sequence[str]) -> Report:
    """What a retry would run."""
    body: dict[str, Json] = {"would": list(jobs)}
    return Report("recon.job.retry/1", f"{words.count(len(jobs), 'job')} would go on", body, (_table(jobs),))


def retried(desk: Desk, jobs: Sequence[str], watcher: Watcher) -> Report:
    """Run them. One alone gives its own report or its own error; of several, failures are problems of the report.

    Raises:
        ReconError: the only one failed.
    """
    if len(jobs) == 1:
        return running.run(desk, desk.work(jobs[0]), watcher)
    done: list[str] = []
    problems: list[Problem] = []
    for job_id in jobs:
        try:
            watcher.told(running.run(desk, desk.work(job_id), watcher).summary)
            done.append(job_id)
        except ReconError as exc:
            problems.append(Problem(job_id, exc.slug, exc.message))
    body: dict[str, Json] = {"done": [*done], "failed": [one.item for one in problems]}
    summary = f"{words.count(len(done), 'job')} done, {len(problems)} not"
    code = ExitCode.PARTIAL if problems else ExitCode.DONE
    return Report("recon.job.retry/1", summary, body, (_table(done),), tuple(problems), code)


def _table(jobs: Sequence[str]) -> Table:
    return Table(("job",), [(one,) for one in jobs])
