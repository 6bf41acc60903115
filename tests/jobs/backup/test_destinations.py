"""Every destination keeps the contract, on real disks, real repositories and real servers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.backup.conformance import DestinationConformance, Kept
from tests.jobs.backup.recipes import recipe
from tests.support.ftp_servers import start_pyftpdlib
from tests.support.s3_server import S3Server, s3_server
from tests.support.ssh_server import SshServer, sshd


@pytest.fixture(scope="module")
def ssh() -> Iterator[SshServer]:
    with sshd() as running:
        yield running


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with tempfile.TemporaryDirectory(prefix="recon-s3-") as name, s3_server(Path(name)) as running:
        yield running


class TestFolder(DestinationConformance):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Kept:
        return Kept(recipe(str(tmp_path / "kept")))


class TestOneArchive(DestinationConformance):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Kept:
        return Kept(recipe(str(tmp_path / "kept" / "backup.tar.zst")), at_most=1)


class TestFolderOfArchives(DestinationConformance):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Kept:
        return Kept(recipe(str(tmp_path / "kept"), archive=True))


class TestEncryptedArchives(DestinationConformance):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Kept:
        pyrage = pytest.importorskip("pyrage")
        key = pyrage.x25519.Identity.generate()
        (tmp_path / "key.txt").write_text(f"{key}\n")
        told = {"recipients": [str(key.to_public())], "identity": str(tmp_path / "key.txt")}
        return Kept({**recipe(str(tmp_path / "kept")), **told})


class TestGit(DestinationConformance):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Kept:
        return Kept(recipe(f"git:{tmp_path / 'repo'}#backups/items"), history=True)


class TestGitRoot(DestinationConformance):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Kept:
        return Kept(recipe(f"git+file://{tmp_path / 'repo'}"), history=True)


class TestSftp(DestinationConformance):
    @pytest.fixture
    def kept(self, ssh: SshServer) -> Iterator[Kept]:
        with tempfile.TemporaryDirectory(prefix="recon-kept-") as name:
            Path(name).chmod(0o777)
            known = ssh.known_hosts(Path(name) / "known_hosts")
            url = f"sftp://{ssh.user}@127.0.0.1:{ssh.port}{name}/kept"
            yield Kept(recipe(url, key_file=str(ssh.key_file), known_hosts=str(known)))


class TestFtp(DestinationConformance):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Iterator[Kept]:
        (tmp_path / "ftp").mkdir()
        with start_pyftpdlib(tmp_path / "ftp") as server:
            yield Kept(recipe(f"{server.url}kept", secret=server.password))


class TestS3(DestinationConformance):
    @pytest.fixture
    def kept(self, s3: S3Server) -> Iterator[Kept]:
        with tempfile.TemporaryDirectory(prefix="b-", dir=s3.root) as name:
            place = s3.place(f"{Path(name).name}/kept", timeout_s=3)
            yield Kept(recipe(place.url, secret=s3.secret, **place.options), kills=5)
