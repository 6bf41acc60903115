"""SSH servers that live for a test: OpenSSH's own sshd for the protocol, a paramiko one for logins by password."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.support.system import require

LOOPBACK = "127.0.0.1"
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
MaxSessions 20
LogLevel ERROR
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True, slots=True)
class SshServer:
    """Where the server is, and what opens it."""

    port: int
    user: str
    key_file: Path
    host_key: str

    def known_hosts(self, path: Path, port: int | None = None) -> Path:
        """A `known_hosts` file at `path` that knows this server, as seen through `port`."""
        path.write_text(f"[{LOOPBACK}]:{port or self.port} {self.host_key}\n")
        return path


@contextlib.contextmanager
def sshd(*, programs: bool = False) -> Iterator[SshServer]:
    """OpenSSH with its built-in SFTP server. As root it lets in `nobody`, so that permissions mean something.

    `programs`: it lets in whoever runs it, since `nobody` may run no program.
    """
    program = require("sshd", "openssh-server")
    own = pwd.getpwuid(os.geteuid()).pw_name
    user = "nobody" if os.geteuid() == 0 and not programs else own
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd, started by root, drops its privileges
    with tempfile.TemporaryDirectory(prefix="recon-sshd-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        host_key = new_key(folder / "host")
        new_key(folder / "client")
        port = _free_port()
        (folder / "config").write_text(CONFIG.format(port=port, folder=folder))
        with subprocess.Popen([program, "-D", "-e", "-f", folder / "config"], stderr=subprocess.PIPE) as child:
            try:
                _await(port, child)
                yield SshServer(port, user, folder / "client", host_key)
            finally:
                child.terminate()


def new_key(path: Path, passphrase: str = "") -> str:
    """A fresh Ed25519 key pair at `path` and `path`.pub; returns the public half."""
    key = Ed25519PrivateKey.generate()
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, lock))
    path.chmod(0o600)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    path.with_name(path.name + ".pub").write_text(public + "\n")
    return public


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


def _await(port: int, child: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1) as link:
            if link.recv(4) == b"SSH-":
                return
        if child.poll() is not None:
            break
        time.sleep(0.02)
    child.terminate()
    said = child.stderr.read().decode() if child.stderr else ""
    raise RuntimeError(f"sshd did not start: {said}")


class _Folder(paramiko.SFTPServerInterface):
    """A root with one file, which is all a login needs to prove itself."""

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        if path != "/":
            return paramiko.SFTP_NO_SUCH_FILE
        one = paramiko.SFTPAttributes()
        one.filename, one.st_size, one.st_mode, one.st_mtime, one.st_atime = "welcome.txt", 7, 0o100644, 0, 0
        return [one]


class _Door(paramiko.ServerInterface):
    """Lets in who knows the password."""

    def __init__(self, password: str) -> None:
        self._password = password

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL if password == self._password else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


@contextlib.contextmanager
def password_server(password: str) -> Iterator[tuple[int, str]]:
    """A server for logins by password, without any account of the system: its port and its public host key."""
    with tempfile.TemporaryDirectory(prefix="recon-ssh-") as name:
        public = new_key(Path(name) / "host")
        host_key = paramiko.Ed25519Key.from_private_key_file(str(Path(name) / "host"))
        transports: list[paramiko.Transport] = []
        with socket.create_server((LOOPBACK, 0)) as listener:

            def serve() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        transport = paramiko.Transport(listener.accept()[0])
                        transports.append(transport)
                        transport.add_server_key(host_key)
                        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Folder)
                        with contextlib.suppress(paramiko.SSHException, EOFError, ConnectionError):
                            transport.start_server(server=_Door(password))

            thread = threading.Thread(target=serve)
            thread.start()
            try:
                yield int(listener.getsockname()[1]), public
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join()
                for transport in transports:
                    transport.close()
