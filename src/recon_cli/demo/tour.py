"""The tour: a service loses its database, and gets it back. Every step is the command an operator would type."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import StageError, UsageError
from recon_cli.demo.host import serving
from recon_cli.demo.stage import play
from recon_cli.demo.twin import make_host

_MARK = ".recon-demo"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r[^\n]*\r")
SETTINGS = """\
version = 1

[files.host]
url = "{url}"
password_file = "host.pw"

[stores.local]
url = "sqlite:///{database}"

[tables.models]
system = "viewer"
from = "host"
to = "local"
"""
"""The `recon.toml` of one host, one database and the table between them; the password stands in `host.pw`."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what happens, the command, and the exit code it must end with."""

    title: str
    command: str
    expect: int = 0

    @property
    def argv(self) -> list[str]:
        """The command for this very installation."""
        return [sys.executable, "-m", "recon_cli", *shlex.split(self.command)[1:]]


STEPS = (
    Step("what survived on the web host", "recon scan host --include '*.db' --include '*.obj'"),
    Step("files without rows: drift, exit code 4", "recon check models", expect=4),
    Step("plan first: nothing is written", "recon recover models --plan-out plan.json"),
    Step("apply exactly that plan", "recon apply plan.json"),
    Step("files and rows agree", "recon check models"),
    Step("running it again changes nothing", "recon recover models --apply"),
    Step("what was done, and how to take it back", "recon undo"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step printed."""

    step: Step
    output: str
    code: int

    def document(self) -> dict[str, Json]:
        """JSON-ready form."""
        return {"title": self.step.title, "command": self.step.command, "exit_code": self.code, "output": self.output}


@contextmanager
def prepared(folder: Path, models: int) -> Iterator[None]:
    """The scene: a web host over `folder/host`, an app whose database is gone, and `recon.toml` between them.

    Raises:
        UsageError: the folder exists and no earlier demo made it.
    """
    _empty(folder)
    twin = make_host(folder / "host", models=models, seed=1, database_copy=True)
    _forget_newest(twin.store, max(1, models // 4))
    (folder / "app" / "data").mkdir(parents=True)
    shutil.move(str(twin.lost), folder / "lost-models.db")
    with serving(folder / "host") as host:
        (folder / "host.pw").touch(mode=0o600)
        (folder / "host.pw").write_text(f"{host.password}\n", "utf-8")
        url, database = host.url("html/streamlit_data"), "app/data/models.db"
        (folder / "recon.toml").write_text(SETTINGS.format(url=url, database=database), "utf-8")
        yield


def _forget_newest(store: Path, models: int) -> None:
    """The copy on the host is older than the newest uploads: their rows can only come from their files."""
    newest = "SELECT id FROM models ORDER BY created_at DESC LIMIT ?"
    tokens = f"SELECT share_token FROM models WHERE id IN ({newest})"  # noqa: S608  constants of this function
    belongs = {"annotations": f"model_token IN ({tokens})", "feedbacks": f"model_id IN ({newest})"}
    for copy in store.glob("*.db"):
        with closing(sqlite3.connect(copy)) as db, db:
            there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
            for table in belongs.keys() & there:
                db.execute(f"DELETE FROM {table} WHERE {belongs[table]}", (models,))  # noqa: S608  same
            db.execute(f"DELETE FROM models WHERE id IN ({newest})", (models,))  # noqa: S608  same


def _empty(folder: Path) -> None:
    if folder.exists() and not (folder / _MARK).exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty and not an earlier demo", hint="name another folder with `--dir`")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


def run(folder: Path, show: Callable[[Outcome], None], *, columns: int | None) -> list[Outcome]:
    """Run every step in `folder`, show each when it ended, keep what they print in `transcript.txt`.

    `columns` is the width of the terminal they are to see, None for a pipe.

    Raises:
        StageError: a step ended otherwise than it must.
    """
    outcomes: list[Outcome] = []
    with (folder / "transcript.txt").open("w", encoding="utf-8") as transcript:
        for step in STEPS:
            outcome = _run(step, folder, columns)
            transcript.write(f"# {step.title}\n$ {step.command}\n{_ESCAPES.sub('', outcome.output)}\n")
            transcript.flush()
            show(outcome)
            if outcome.code != step.expect:
                raise _unexpected(outcome)
            outcomes.append(outcome)
    return outcomes


def _unexpected(outcome: Outcome) -> StageError:
    last = outcome.output.strip().rpartition("\n")[2]
    return StageError(f"`{outcome.step.command}` ended with {outcome.code}, not {outcome.step.expect}", cause=last)


def compared(folder: Path) -> tuple[int, int]:
    """How many rows were lost, and how many of them are back under their id and name."""
    lost, found = (_rows(folder / path) for path in ("lost-models.db", "app/data/models.db"))
    return len(lost), len(lost & found)


def _rows(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        return set(db.execute("SELECT id, name FROM models"))


def _run(step: Step, folder: Path, columns: int | None) -> Outcome:
    env = {**os.environ, "RECON_STATE_DIR": str(folder / "state")}
    if columns:
        env["COLUMNS"] = str(columns)
    return Outcome(step, *play(step.argv, folder, env, columns=columns))
