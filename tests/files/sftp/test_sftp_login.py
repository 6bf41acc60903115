"""Who is let in, whom we talk to, and what is said when either fails."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from recon_cli.core.errors import AuthError, ConfigError, UnreachableError
from recon_cli.core.place import Place
from recon_cli.files.sftp.store import SftpStore
from tests.support.ssh_server import SshServer, new_key, password_server, sshd


@pytest.fixture(autouse=True)
def _no_keys_of_the_developer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture(scope="module")
def by_password() -> Iterator[tuple[int, str]]:
    with password_server("hunter2") as server:
        yield server


PASSWORD = "hunter2"


def store(port: int, password: str | None = PASSWORD, **options: str) -> SftpStore:
    return SftpStore(Place(f"sftp://kim@127.0.0.1:{port}/", secret=lambda: password, options=options))


def names(opened: SftpStore) -> list[str]:
    with closing(opened):
        return [entry.path for listing in opened.scan() for entry in listing.entries]


def test_a_password_from_the_place_opens_the_door(by_password: tuple[int, str]) -> None:
    assert names(store(by_password[0], host_key="accept-new")) == ["welcome.txt"]


def test_a_wrong_password_is_an_auth_error_that_names_the_user_and_hides_the_password(
    by_password: tuple[int, str],
) -> None:
    with pytest.raises(AuthError) as caught:
        names(store(by_password[0], password="wrong-secret", host_key="accept-new"))
    assert "kim" in caught.value.message
    assert "wrong-secret" not in str(caught.value.document())


def test_no_credentials_at_all_are_said_plainly(by_password: tuple[int, str]) -> None:
    with pytest.raises(AuthError) as caught:
        names(store(by_password[0], password=None, host_key="accept-new"))
    assert caught.value.cause == "there is neither a key nor a password to try"


def test_an_unknown_host_key_is_refused_with_its_fingerprint_and_the_option(by_password: tuple[int, str]) -> None:
    with pytest.raises(UnreachableError) as caught:
        names(store(by_password[0]))
    hint = caught.value.hint or ""
    assert "SHA256:" in hint
    assert 'host_key = "accept-new"' in hint


def test_the_fingerprint_from_the_hint_opens_the_door(by_password: tuple[int, str]) -> None:
    with pytest.raises(UnreachableError) as caught:
        names(store(by_password[0]))
    shown = str(caught.value.cause)
    assert names(store(by_password[0], host_key=shown)) == ["welcome.txt"]
    with pytest.raises(UnreachableError, match="another host key"):
        names(store(by_password[0], host_key="SHA256:" + "A" * 43))


def test_an_accepted_key_is_remembered_and_another_one_is_refused(by_password: tuple[int, str], tmp_path: Path) -> None:
    port = by_password[0]
    names(store(port, host_key="accept-new"))
    assert names(store(port)) == ["welcome.txt"]
    other = new_key(tmp_path / "other")
    (tmp_path / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {other}\n")
    for option in ("", "accept-new"):
        with pytest.raises(UnreachableError, match="another host key") as caught:
            names(store(port, host_key=option))
        assert "ssh-keygen -R" in (caught.value.hint or "")


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError):
            names(store(closed.getsockname()[1]))


def test_a_server_that_is_no_ssh_server_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        opened = store(port, timeout_s="0.3")
        with pytest.raises(UnreachableError):
            names(opened)


def test_a_url_without_a_host_is_a_config_error() -> None:
    with pytest.raises(ConfigError):
        SftpStore(Place("sftp:///path"))


@pytest.fixture(scope="module")
def by_key() -> Iterator[SshServer]:
    with sshd() as server:
        yield server


@pytest.mark.system
def test_a_key_with_a_passphrase_opens_with_the_secret_of_the_place(by_key: SshServer, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    public = new_key(locked, "open sesame")
    authorized = by_key.key_file.with_name("client.pub")
    authorized.write_text(authorized.read_text() + public + "\n")
    url = f"sftp://{by_key.user}@127.0.0.1:{by_key.port}/usr/share/zoneinfo/Asia"
    options = {"key_file": str(locked), "host_key": "accept-new"}
    assert "Seoul" in names(SftpStore(Place(url, secret=lambda: "open sesame", options=options)))
    with pytest.raises(AuthError, match="cannot use the key"):
        names(SftpStore(Place(url, secret=lambda: "wrong", options=options)))


@pytest.mark.system
def test_a_path_below_the_home_directory_is_understood(by_key: SshServer) -> None:
    options = {"key_file": str(by_key.key_file), "host_key": "accept-new"}
    there = str(Path(f"~{by_key.user}").expanduser())
    with closing(SftpStore(Place(f"sftp://{by_key.user}@127.0.0.1:{by_key.port}", options=options))) as opened:
        assert opened.probe()["folder"] in {there, "/"}
