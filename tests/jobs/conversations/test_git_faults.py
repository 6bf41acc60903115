"""A git remote with everything wrong that a remote can have: the outbox keeps all, and the error says what to do.

Git's own `http-backend` and OpenSSH, behind the relay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from recon_cli.core.place import Place
from recon_cli.stores.registry import open_records
from tests.support import git_server
from tests.support.git_server import GitHost
from tests.support.proxy import Proxy
from tests.support.recon import Recon, in_folder, inside
from tests.support.ssh_server import SshServer, new_key, sshd
from tests.systems.conversations import twin

pytestmark = pytest.mark.slow

TOKEN = "RECON_STORES_THERE_PASSWORD"


@dataclass
class Site:
    """A folder of logs, a host of git behind a bad network, and `recon` between them."""

    recon: Recon
    host: GitHost
    proxy: Proxy
    turns: int
    """How many turns the logs have; more where a file was added."""

    def sync(self, token: str = "right") -> tuple[int, dict[str, object], str]:  # noqa: S107  a test's own
        """One run: exit code, document, and the one problem in words."""
        done = inside(with_token(self.recon, token), "sync", "talk", "--once", "--json")
        assert token not in done.out + done.err or token == "right"
        problems = " ".join(f"{one['reason']}: {one['detail']}" for one in done.document["problems"])
        return done.code, done.document, problems

    def add(self) -> None:
        """One more room with one more turn, so that there is something to send."""
        self.turns += 1
        (self.recon.folder / "logs" / f"더{self.turns}.md").write_text(f"## 🗣️ **나질문**\n\n{self.turns}번째 말\n")

    def stored(self) -> list[str]:
        """The ids of all turns that the host has, as a new clone sees them."""
        place = Place(f"git+file://{self.host.bare}", options={"branch": "recon/reader"})
        with closing(open_records(place)) as store:
            return [str(one.values["turn_id"]) for one in store.read("conversations") if one.values["kind"] != "raw"]


def with_token(recon: Recon, token: str) -> Recon:
    return Recon(recon.folder, {**recon.env, TOKEN: token})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "reader"))
    logs = twin.made(saves=12, both_spellings=False)
    twin.write(tmp_path / "logs", logs)
    (tmp_path / "host").mkdir()
    with git_server.host(tmp_path / "host") as host, Proxy(host.port) as proxy:
        (tmp_path / "recon.toml").write_text(
            "version = 1\n"
            f'[stores.there]\nurl = "git+http://robot@127.0.0.1:{proxy.port}/rows.git"\ntimeout_s = 2\n'
            '[syncs.talk]\nsystem = "conversations"\nfrom = "logs"\nto = "there"\nsettle_s = 0.01\n'
        )
        yield Site(in_folder(tmp_path), host, proxy, logs.turns)


Strike: TypeAlias = Callable[[Site], object]
FAULTS: dict[str, tuple[Strike, int, str]] = {
    "the token is refused": (lambda at: setattr(at.host, "token", "another"), 12, "look at the key or the token"),
    "the token may only read": (lambda at: setattr(at.host, "may_write", False), 12, "look at the key or the token"),
    "everything is forbidden": (lambda at: setattr(at.host, "refuses", 403), 12, "look at the key or the token"),
    "the branch is protected": (lambda at: at.host.protected(), 12, "let this key push to the branch"),
    "its quota is used up": (lambda at: at.host.over_quota(), 13, "quota exceeded"),
    "its disk is full": (lambda at: setattr(at.host, "most_bytes", 100), 13, "make room there"),
    "it answers 503": (lambda at: setattr(at.host, "refuses", 503), 13, "run again when it is back"),
    "it is cut at once": (lambda at: at.proxy.cut_after(100, times=1000), 13, "run again when it is back"),
    "it is cut in the push": (lambda at: at.proxy.cut_after(4_500, times=1000), 13, "run again when it is back"),
    "it falls silent": (lambda at: at.proxy.stall_after(1_500), 13, "Operation too slow"),
    "nothing listens": (lambda at: at.proxy.refuse(), 13, "run again when it is back"),
    "the repository is gone": (lambda at: at.host.bare.rename(at.host.folder / "gone"), 4, "git init --bare"),
}


def mend(site: Site) -> None:
    """All is well again."""
    site.proxy.resume()
    site.proxy.refuse(refusing=False)
    site.host.token = "right"
    if (site.host.folder / "gone").exists():
        (site.host.folder / "gone").rename(site.host.bare)
    site.host.mended()


def test_nothing_is_lost_by_any_fault_and_each_says_what_to_do(site: Site) -> None:
    assert site.sync("wrong-secret")[0] == 12
    assert site.stored() == []
    for name, (strike, code, said) in FAULTS.items():
        site.add()
        before = site.stored() if site.host.bare.exists() else []
        strike(site)
        found, document, told = site.sync()
        assert (name, found) == (name, code), told
        assert said in told, name
        assert document["buried"] == document["retried"] == 0, name
        assert int(str(document["waiting"])) >= 1
        mend(site)
        assert set(site.stored()) >= set(before), name
    code, document, told = site.sync()
    assert (code, document["waiting"]) == (0, 0), told
    found_turns = site.stored()
    assert len(found_turns) == len(set(found_turns)) == site.turns


def test_a_slow_line_gets_everything_through_however_long_it_takes(site: Site) -> None:
    site.proxy.delay(0.1)
    site.proxy.throttle(30_000)
    code, document, told = site.sync()
    assert (code, document["waiting"]) == (0, 0), told
    assert len(site.stored()) == site.turns


def test_a_token_that_expires_meanwhile_holds_what_comes_later_and_the_new_one_lets_it_go_on(site: Site) -> None:
    assert site.sync()[0] == 0
    site.host.token = "renewed"
    site.add()
    code, document, _told = site.sync()
    assert (code, document["waiting"]) == (12, 1)
    assert site.sync("renewed")[0] == 0
    assert len(site.stored()) == site.turns


@pytest.fixture(scope="module")
def ssh() -> Iterator[SshServer]:
    with sshd(programs=True) as server:
        yield server


def test_a_wrong_key_or_an_unknown_host_over_ssh_is_told_and_nothing_asks_a_question(
    tmp_path: Path, ssh: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "reader"))
    host = GitHost(tmp_path)
    host.make()
    logs = twin.made(saves=3, both_spellings=False)
    twin.write(tmp_path / "logs", logs)
    (tmp_path / "recon.toml").write_text(
        f'version = 1\n[stores.there]\nurl = "git+ssh://{ssh.user}@127.0.0.1:{ssh.port}{host.bare}"\n'
        '[syncs.talk]\nsystem = "conversations"\nfrom = "logs"\nto = "there"\nsettle_s = 0.01\n'
    )
    known, stranger = ssh.known_hosts(tmp_path / "known"), tmp_path / "stranger"
    new_key(stranger)
    locked = tmp_path / "locked"
    new_key(locked, "a passphrase")
    for key, hosts, said in (
        (stranger, known, "Permission denied"),
        (locked, known, "Permission denied"),
        (ssh.key_file, tmp_path / "nobody-known", "Host key verification failed"),
    ):
        ended = inside(by_ssh(in_folder(tmp_path), key, hosts), "sync", "talk", "--once", "--json")
        (told,) = [one["detail"] for one in ended.document["problems"]]
        assert (ended.code, ended.document["waiting"]) == (12, len(logs.files)), told
        assert said in told
        assert "look at the key" in told
    assert inside(by_ssh(in_folder(tmp_path), ssh.key_file, known), "sync", "talk", "--once").code == 0
    place = Place(f"git+file://{host.bare}", options={"branch": "recon/reader"})
    with closing(open_records(place)) as store:
        assert sum(one.values["kind"] != "raw" for one in store.read("conversations")) == logs.turns


def by_ssh(recon: Recon, key: Path, known: Path) -> Recon:
    command = f"ssh -F/dev/null -oIdentitiesOnly=yes -oIdentityAgent=none -i{key} -oUserKnownHostsFile={known}"
    return Recon(recon.folder, {**recon.env, "GIT_SSH_COMMAND": command})
