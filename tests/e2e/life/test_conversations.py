"""System C: chat logs that vanish, come back from git, are searched in SQLite, then in Postgres, which vanishes too."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.life.conftest import Life
from tests.systems.conversations import twin as chat

pytestmark = pytest.mark.slow

SETTINGS = """\
version = 1

[stores.local]
url = "sqlite:///talk.db"

[stores.history]
url = "git+file://{folder}/talk.git"

[syncs.talk]
system = "conversations"
from = "logs"
to = "local"
copies = ["history"]
zone = "Asia/Seoul"
settle_s = 0.1

[records.talk]
system = "conversations"
to = "local"

[backups.nightly]
from = "local"
to = "git:backups"
verify = "drill"
"""


def logs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "logs").iterdir()}


def counted(recon: Life) -> dict[str, int]:
    """Turns by room."""
    found = recon("record", "stats", "--by", "room", "--json").document["groups"]
    return {one["room"]: one["count"] for one in found}


def test_conversations_outlive_their_pc_and_the_loss_of_the_disk(life: Callable[..., Life]) -> None:
    recon = life()
    recon.settings(SETTINGS.format(folder=recon.folder))
    recon.repository()
    recon.repository("talk.git")
    recon.recon.folder.joinpath("logs").mkdir()
    chat.write(recon.folder / "logs", chat.made(saves=40, both_spellings=False))
    recon("sync", "init", "talk")
    recon("sync", "talk", "--once")
    recon("sync", "verify", "talk")
    recon.saved(saved=1)
    before = counted(recon)

    # the PC is lost with its logs
    kept = logs(recon.folder)
    shutil.rmtree(recon.folder / "logs")
    recon("recover", "--system", "conversations", "--from", "history", "--to", "./logs", "--apply")
    assert logs(recon.folder) == kept

    # to Postgres; the chat goes on
    recon.new_server()
    recon("migrate", "local", "server")
    recon.change('to = "local"', 'to = "server"')
    recon.change('from = "local"', 'from = "server"\ndrill_in = "server"')
    assert counted(recon) == before
    recon("sync", "talk", "--once")
    recon("sync", "verify", "talk")
    assert counted(recon) == before
    chat.write(recon.folder / "logs", chat.made(saves=48, both_spellings=False))
    recon("sync", "talk", "--once")
    recon("sync", "verify", "talk")
    before = counted(recon)
    recon.saved(saved=1)
    rows = recon.rows("conversations")

    # the disk is lost
    recon.lose_disk()
    recon("record", "stats", "--by", "room", expect=13)
    recon("sync", "talk", "--once", expect=None)
    recon.new_server()
    recon("backup", "import", "nightly", "server", "--trust-sql")
    assert recon.rows("conversations") == rows
    assert counted(recon) == before
    recon("sync", "verify", "talk")
    assert recon.moved()

    # and on
    chat.write(recon.folder / "logs", chat.made(saves=56, both_spellings=False))
    recon("sync", "talk", "--once")
    recon("sync", "verify", "talk")
    assert sum(counted(recon).values()) > sum(before.values())
    assert recon("record", "search", "--where", "kind=question", "--text", "계획", "--json").document["records"]
