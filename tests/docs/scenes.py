"""Where the docs' examples happen: folders with servers, set up as the page tells its reader."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import psycopg

from recon_cli.demo import twin_sessions as twin
from recon_cli.demo.service import prepared
from recon_cli.systems.gfx.statements import create
from recon_cli.systems.tables.columns import Dialect
from tests.docs.pages import ROOT
from tests.support import photoset, postgres
from tests.support.outboxes import letters, opened
from tests.systems.conversations import twin as chat


@contextmanager
def empty(_folder: Path) -> Iterator[None]:
    """Nothing there yet."""
    yield


def demo(folder: Path) -> AbstractContextManager[None]:
    """The folder that `recon demo` leaves, with its web host running and the database still lost."""
    return prepared(folder, 3)


@contextmanager
def service(folder: Path) -> Iterator[None]:
    """A small service's `app.db`, and a recon.toml with a backup of it."""
    with closing(sqlite3.connect(folder / "app.db")) as database, database:
        database.executescript(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
            "CREATE TABLE items (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER REFERENCES users, weight REAL);"
            "CREATE TABLE tags (item INTEGER, tag TEXT, PRIMARY KEY (item, tag)) WITHOUT ROWID;"
        )
        database.executemany("INSERT INTO users VALUES (?, ?)", [(n, f"사람 {n}") for n in range(1, 6)])
        database.executemany("INSERT INTO items VALUES (?, ?, ?)", [(n, n % 5 + 1, n / 7) for n in range(1, 61)])
        database.executemany("INSERT INTO tags VALUES (?, ?)", [(n, tag) for n in range(1, 20) for tag in "ab"])
    (folder / "recon.toml").write_text(
        'version = 1\n[stores.app]\nurl = "sqlite:///app.db"\n'
        '[backups.nightly]\nfrom = "app"\nto = "./nightly"\nkeep_daily = 7\nverify = "drill"\n'
    )
    yield


SESSIONS = """
CREATE TYPE table_type AS ENUM ('FEATURE_TABLE', 'MAIN_TABLE', 'UNKNOWN');
CREATE TABLE gfx_sessions (
  id uuid PRIMARY KEY, session_id bigint NOT NULL, file_name text NOT NULL, file_hash text NOT NULL UNIQUE,
  table_type table_type NOT NULL DEFAULT 'UNKNOWN', payouts integer[], hand_count integer, raw_json jsonb,
  session_created_at timestamptz, gfx_pc_id text
);
INSERT INTO gfx_sessions
SELECT md5(n::text)::uuid, 638961224831992165 + n, 'PGFX_live_data_export GameID=' || n || '.json',
       md5('file ' || n), 'MAIN_TABLE', ARRAY[n, n * 2], n % 80,
       jsonb_build_object('ID', 638961224831992165 + n, 'Hands', jsonb_build_array(n, null)),
       timestamptz '2026-01-01 00:00Z' + n * interval '1 hour 0.123456 s', 'PC0' || n % 3
FROM generate_series(1, 200) AS n;
"""


@contextmanager
def sessions(folder: Path) -> Iterator[None]:
    """Postgres with a table of sessions, an empty git repository, and the example's recon.toml for the two."""
    with postgres.running() as server:
        url = server.database()
        with psycopg.connect(url, password=server.password, autocommit=True) as connection:
            connection.execute(SESSIONS)
        (folder / "gfx.pw").write_text(server.password)
        (folder / "gfx.pw").chmod(0o600)
        (folder / "url").write_text(url)
        subprocess.run(["git", "init", "--quiet", "-b", "main", folder / "backups"], check=True)
        text = (ROOT / "examples" / "gfx" / "recon.toml").read_text("utf-8")
        text = text.replace("postgresql://gfx@db.example.net/gfx", url).replace("~/.config/recon/gfx.pw", "gfx.pw")
        (folder / "recon.toml").write_text(text.replace("/srv/backups/gfx", str(folder / "backups")), "utf-8")
        yield


@contextmanager
def dropped_sessions(folder: Path) -> Iterator[None]:
    """Somebody drops the table of `sessions`."""
    url, password = ((folder / name).read_text() for name in ("url", "gfx.pw"))
    with psycopg.connect(url, password=password, autocommit=True) as connection:
        connection.execute("DROP TABLE gfx_sessions; DROP TYPE table_type")
    yield


@contextmanager
def queue(folder: Path) -> Iterator[None]:
    """A queue with a few items waiting, and one that the target refused."""
    with opened(folder / "state") as box:
        box.put(letters(*range(5)))
        refused, *others = box.lease("db", lease_s=1)
        box.bury(refused, "poison", "22P02: invalid input syntax")
        box.release(others)
    yield


@contextmanager
def photos(folder: Path) -> Iterator[None]:
    """A folder with a dozen photos of a small place."""
    photoset.take(folder / "photos", 12)
    yield


@contextmanager
def photo_example(folder: Path) -> Iterator[None]:
    """The same photos beside the example's recon.toml."""
    shutil.copy(ROOT / "examples" / "reconstruct" / "recon.toml", folder)
    with photos(folder):
        yield


@contextmanager
def workers(folder: Path) -> Iterator[None]:
    """The same photos, and a Postgres that has the jobs of workers; their results lie in `jobs`."""
    with photos(folder), postgres.running() as server:
        (folder / "jobs.pw").write_text(server.password)
        (folder / "jobs.pw").chmod(0o600)
        (folder / "recon.toml").write_text(
            f'version = 1\n[stores.jobs]\nurl = "{server.database()}"\npassword_file = "jobs.pw"\n'
            '[reconstruct]\nroot = "jobs"\nstore = "jobs"\n[worker]\npool = "cpu"\n'
        )
        yield


@contextmanager
def nas(folder: Path) -> Iterator[None]:
    """A NAS with the exports of two PCs, and a recon.toml that sends them to a SQLite file."""
    twin.write(folder / "nas")
    (folder / "recon.toml").write_text(
        'version = 1\n[stores.sessions]\nurl = "sqlite:///sessions.db"\n[files.nas]\nurl = "./nas"\n'
        '[syncs.gfx]\nsystem = "gfx"\nfrom = "nas"\nto = "sessions"\nsettle_s = 0.1\n'
    )
    yield


@contextmanager
def gate(folder: Path) -> Iterator[None]:
    """The example of the gate, with a SQLite file in place of its database, and an empty folder for archives."""
    example = ROOT / "examples" / "containers"
    shutil.copytree(example / "cameras", folder / "cameras")
    (folder / "archive").mkdir()
    text = (example / "recon.toml").read_text("utf-8")
    text = text.replace("postgresql://gate@db.example.net/gate", "sqlite:///gate.db").replace("/srv/cameras", "cameras")
    text = text.replace("/srv/archive/gate", "archive").replace("[syncs.cameras]", "[syncs.cameras]\nsettle_s = 0.1")
    kept = [line for line in text.splitlines() if not line.startswith("password_file")]
    (folder / "recon.toml").write_text("\n".join(kept), "utf-8")
    yield


@contextmanager
def narrow_nas(folder: Path) -> Iterator[None]:
    """The same, with a target in which every session stands once, and nothing sent yet."""
    for path in (folder / "sessions.db", folder / "state" / "queue.db", *(folder / "state" / "sync").glob("*")):
        path.unlink(missing_ok=True)
    with nas(folder), closing(sqlite3.connect(folder / "sessions.db")) as database, database:
        for statement in create(Dialect.SQLITE):
            database.execute(statement)
        database.execute("CREATE UNIQUE INDEX one_each ON gfx_sessions (session_id)")
    yield


@contextmanager
def moving(folder: Path) -> Iterator[None]:
    """The small service of `service`, and a Postgres beside it."""
    with service(folder), postgres.running() as server:
        (folder / "server.pw").write_text(server.password)
        (folder / "server.pw").chmod(0o600)
        settings = f'[stores.server]\nurl = "{server.database()}"\npassword_file = "server.pw"\n'
        (folder / "recon.toml").write_text((folder / "recon.toml").read_text() + settings)
        yield


@contextmanager
def odd(folder: Path) -> Iterator[None]:
    """A database with a text that no Postgres can hold, beside what `moving` has."""
    with closing(sqlite3.connect(folder / "odd.db")) as database, database:
        database.execute("CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT)")
        database.executemany("INSERT INTO words VALUES (?, ?)", [(1, "a\0b"), (2, "fine")])
    with (folder / "recon.toml").open("a") as settings:
        settings.write('[stores.odd]\nurl = "sqlite:///odd.db"\n')
    yield


@contextmanager
def logs(folder: Path) -> Iterator[None]:
    """Logs of chat rooms, and the example's recon.toml with a SQLite file and a git repository as its targets."""
    chat.write(folder / "logs", chat.made(saves=64, both_spellings=False))
    subprocess.run(["git", "init", "--quiet", "--bare", folder / "talk.git"], check=True)
    (folder / "recon.toml").write_text(talk_settings(folder))
    yield


def talk_settings(folder: Path) -> str:
    """The example's settings, with targets that are on this machine."""
    text = (ROOT / "examples" / "conversations" / "recon.toml").read_text("utf-8")
    text = text.replace("supabase+https://PROJECT.supabase.co", "talk.db").replace("/srv/chat/logs", "logs")
    text = text.replace("git+ssh://git@git.example.net/talk.git", f"git+file://{folder}/talk.git")
    text = text.replace('copies = ["kv", "history"]', 'copies = ["history"]\nsettle_s = 0.1')
    return "\n".join(line for line in text.splitlines() if not line.startswith("password_file")) + "\n"


@contextmanager
def serving(folder: Path) -> Iterator[None]:
    """`recon serve` at work in the folder."""
    words = [str(Path(sys.executable).parent / "recon"), "serve", "--port", "0"]
    env = {**os.environ, "HOME": str(folder), "RECON_STATE_DIR": str(folder / "state")}
    with subprocess.Popen(words, cwd=folder, env=env, stdout=subprocess.PIPE) as server:
        assert server.stdout
        assert b"serving" in server.stdout.readline()
        try:
            yield
        finally:
            server.terminate()


SCENES: dict[str, Callable[[Path], AbstractContextManager[None]]] = {
    "empty": empty,
    "demo": demo,
    "service": service,
    "sessions": sessions,
    "dropped sessions": dropped_sessions,
    "queue": queue,
    "photos": photos,
    "photo example": photo_example,
    "workers": workers,
    "nas": nas,
    "gate": gate,
    "narrow nas": narrow_nas,
    "moving": moving,
    "odd": odd,
    "logs": logs,
    "serving": serving,
}
