"""System D: exports on a NAS, a database that goes away for a while, and then for good."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recon_cli.demo import twin_sessions
from tests.e2e.life.conftest import Life

pytestmark = pytest.mark.slow

SETTINGS = """\
version = 1

[syncs.live]
system = "gfx"
from = "nas"
to = "server"
settle_s = 0.1

[backups.nightly]
from = "server"
to = "git:backups"
verify = "drill"
drill_in = "server"
"""


def test_sessions_outlive_an_outage_and_the_loss_of_the_disk(life: Callable[..., Life]) -> None:
    recon = life()
    recon.settings(SETTINGS)
    recon.repository()
    recon.new_server()
    assert recon.server is not None
    twin_sessions.write(recon.folder / "nas")
    late = sorted((recon.folder / "nas" / "PC02").rglob("*.json"))[:5]
    kept = {path: path.read_bytes() for path in late}
    for path in late:
        path.unlink()

    recon("sync", "init", "live")
    recon("sync", "live", "--once")
    recon("sync", "verify", "live")
    recon.saved(saved=1)

    # an outage while files go on coming
    url, recon.url = recon.url, recon.url.replace(f":{recon.server.port}/", ":1/")
    recon._write()
    for path, body in kept.items():
        path.write_bytes(body)
    recon("sync", "live", "--once", expect=13)
    assert recon("queue", "status", "--json").document["depth"] == 5
    recon.url = url
    recon._write()
    recon("queue", "replay")
    recon("sync", "verify", "live")
    recon("queue", "verify")
    recon.saved(saved=1)
    before = recon.rows("gfx_sessions")
    assert len(before) == twin_sessions.CONTENTS

    # the disk is lost
    recon.lose_disk()
    recon("sync", "verify", "live", expect=13)
    recon.new_server()
    recon("backup", "import", "nightly", "server", "--trust-sql")
    assert recon.rows("gfx_sessions") == before
    recon("backup", "diff", "nightly", "server")
    recon("sync", "verify", "live")
    assert recon.moved()

    # and on: nothing is sent twice, and what is new arrives
    recon("sync", "live", "--once")
    assert recon.rows("gfx_sessions") == before
    fresh = twin_sessions.document(twin_sessions.TWICE + 1, 3)
    new = recon.folder / "nas" / "PC01" / "hands" / "1101" / twin_sessions.name_of(fresh["ID"])
    new.parent.mkdir(parents=True)
    new.write_bytes(twin_sessions.dumped(fresh))
    recon("sync", "live", "--once")
    assert len(recon.rows("gfx_sessions")) == twin_sessions.CONTENTS + 1
