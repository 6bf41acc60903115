"""Real FTP servers on loopback, each started with one call: `with start_vsftpd(root) as server: server.url`.

Programs come from PATH or from the folder named by RECON_SYSTEM_DIR (filled by `fetch_servers.py`); where they are
missing the calling test is skipped, or fails under RECON_REQUIRE_SYSTEM=1. As root the servers serve as `daemon`, so
that a folder of mode 0 (owned by root) is really denied; `root` and what is above it are made reachable for it.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import quote

from tests.support import certificates, system
from tests.support.fetch_servers import library_path

ACCOUNT = "daemon"
USER = "sam"
PASSWORD = "s3cret word"
_STARTED_WITHIN_S = 10.0


@dataclass
class FtpServer:
    """A running server; `url` holds the user and no password."""

    name: str
    host: str
    port: int
    user: str
    password: str
    scheme: str = "ftp"
    ca_file: str = ""
    log_file: str = ""
    pid: int = 0
    commands: list[str] = field(default_factory=list, repr=False)
    """What clients sent, where the server runs in this process (pyftpdlib)."""
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, repr=False)

    @property
    def url(self) -> str:
        """The address of the login folder."""
        return self.url_at(self.port)

    def url_at(self, port: int, path: str = "/") -> str:
        """The same server reached through another port, say a proxy's."""
        login = f"{quote(self.user)}@" if self.user else ""
        return f"{self.scheme}://{login}{self.host}:{port}{path}"

    def close(self) -> None:
        """Stop the server and remove what it wrote. Safe to call twice."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def start_vsftpd(root: Path, *, tls: str = "", **settings: str | int) -> FtpServer:
    """Start vsftpd over `root`; `settings` are lines of vsftpd.conf; `tls` is "", "explicit" or "implicit"."""
    program, environment = _program("vsftpd", "vsftpd")
    root = root.resolve()
    server, folder = _prepare("vsftpd", root, tls)
    if _is_root():
        os.chown(root, 0, 0)  # vsftpd refuses a root that its user may write to; give it folders below with `give`
    passwords = folder / "passwords"
    passwords.write_text(f"{PASSWORD}\n")
    server.user = "anonymous"  # vsftpd knows local users through PAM only; its anonymous user may have a password
    lines: dict[str, str | int] = {
        "listen": "YES",
        "listen_port": server.port,
        "listen_address": server.host,
        "background": "NO",
        "anonymous_enable": "YES",
        "local_enable": "NO",
        "anon_root": str(root),
        "ftp_username": ACCOUNT if _is_root() else _own_name(),
        "secure_email_list_enable": "YES",
        "email_password_file": str(passwords),
        "write_enable": "YES",
        "anon_upload_enable": "YES",
        "anon_mkdir_write_enable": "YES",
        "anon_other_write_enable": "YES",
        "anon_umask": "022",
        "anon_world_readable_only": "NO",
        "secure_chroot_dir": str(_folder(folder / "empty")),
        "seccomp_sandbox": "NO",
        "isolate": "NO",
        "isolate_network": "NO",
        "xferlog_enable": "YES",
        "log_ftp_protocol": "YES",
        "vsftpd_log_file": server.log_file,
    }
    if not _is_root():
        lines["run_as_launching_user"] = "YES"
    if tls:
        lines |= {
            "ssl_enable": "YES",
            "allow_anon_ssl": "YES",
            "force_anon_logins_ssl": "YES",
            "force_anon_data_ssl": "YES",
            "require_ssl_reuse": "YES",
            "implicit_ssl": "YES" if tls == "implicit" else "NO",
            "rsa_cert_file": server.ca_file,
            "rsa_private_key_file": server.ca_file,
        }
    config = folder / "vsftpd.conf"
    config.write_text("".join(f"{key}={value}\n" for key, value in (lines | settings).items()))
    return _launch(server, [program, str(config)], environment)


def start_proftpd(root: Path, *, tls: str = "", **settings: str | int) -> FtpServer:
    """Start ProFTPD over `root`; `settings` are directives of proftpd.conf."""
    program, environment = _program("proftpd", "proftpd-core")
    root = root.resolve()
    server, folder = _prepare("proftpd", root, tls)
    uid, gid = _account_ids()
    users = folder / "passwd"
    users.write_text(f"{USER}:{_crypted(PASSWORD)}:{uid}:{gid}:Sam:{root}:/bin/sh\n")
    users.chmod(0o600)
    groups = folder / "group"
    groups.write_text(f"sam:x:{gid}:\n")
    groups.chmod(0o600)
    lines: dict[str, str | int] = {
        "ServerType": "standalone",
        "DefaultAddress": server.host,
        "SocketBindTight": "on",
        "Port": server.port,
        "UseIPv6": "off",
        "UseReverseDNS": "off",
        "User": ACCOUNT if _is_root() else _own_name(),
        "Group": ACCOUNT if _is_root() else _own_group(),
        "AuthUserFile": str(users),
        "AuthGroupFile": str(groups),
        "AuthOrder": "mod_auth_file.c",
        "RequireValidShell": "off",
        "PidFile": str(folder / "pid"),
        "ScoreboardFile": str(folder / "scoreboard"),
        "SystemLog": server.log_file,
        "DelayEngine": "off",
        "WtmpLog": "off",
        "TransferLog": "none",
        "DefaultRoot": "~",
        "AllowOverwrite": "on",
        "AllowStoreRestart": "on",
    }
    text = ""
    if tls:
        text += f"ModulePath {Path(program).parent.parent / 'lib' / 'proftpd'}\nLoadModule mod_tls.c\n"
        lines |= {
            "TLSEngine": "on",
            "TLSRequired": "on",
            "TLSRSACertificateFile": server.ca_file,
            "TLSRSACertificateKeyFile": server.ca_file,
            "TLSLog": server.log_file + ".tls",
        }
        if tls == "implicit":
            lines["TLSOptions"] = "UseImplicitSSL"
    text += "".join(f"{key} {value}\n" for key, value in (lines | settings).items())
    text += "<Limit ALL SITE_CHMOD>\n  AllowAll\n</Limit>\n"
    config = folder / "proftpd.conf"
    config.write_text(text)
    return _launch(server, [program, "-n", "-q", "-c", str(config)], environment)


def start_pureftpd(root: Path, *flags: str, tls: str = "") -> FtpServer:
    """Start Pure-FTPd over `root`; `flags` go to its command line (`-C2`: two connections per address)."""
    program, environment = _program("pure-ftpd", "pure-ftpd")
    tool, _ = _program("pure-pw", "pure-ftpd")
    root = root.resolve()
    server, folder = _prepare("pureftpd", root, tls)
    uid, gid = _account_ids()
    users = folder / "users"
    users.write_text(f"{USER}:{_crypted(PASSWORD)}:{uid}:{gid}::{root}/./::::::::::::\n")
    subprocess.run([tool, "mkdb", str(folder / "users.pdb"), "-f", str(users)], env=environment, check=True)
    command = [program, "-S", f"{server.host},{server.port}", "-l", f"puredb:{folder / 'users.pdb'}"]
    command += ["-H", "-E", "-u", "1", "-4", "-g", str(folder / "pid")]
    if tls:
        command += ["-Y3", "-2", server.ca_file]  # encrypted data channels too; it knows no implicit TLS
    return _launch(server, [*command, *flags], environment)


def start_pyftpdlib(root: Path, *, tls: str = "", **quirks: object) -> FtpServer:
    """Start pyftpdlib over `root` in a thread; `quirks` are those of `quirky_ftp.Quirks`."""
    from tests.support.quirky_ftp import Quirks, serve  # noqa: PLC0415 - pyOpenSSL and pyftpdlib cost other users

    certificate = certificates.self_signed() if tls else ""
    server = FtpServer("pyftpdlib", "127.0.0.1", 0, USER, PASSWORD, _scheme(tls), certificate)
    running = serve(root, USER, PASSWORD, Quirks(**quirks), tls=tls, certificate=certificate)  # type: ignore[arg-type] # checked by the dataclass
    server.port = running.port
    server.commands = running.commands
    server._stack.callback(running.close)
    return server


def _program(name: str, package: str) -> tuple[str, dict[str, str]]:
    """The program and the environment it runs in."""
    folder = os.environ.get("RECON_SYSTEM_DIR", "")
    for place in ("usr/sbin", "usr/bin"):
        unpacked = Path(folder, place, name)
        if folder and unpacked.exists():
            return str(unpacked), {**os.environ, "LD_LIBRARY_PATH": library_path(Path(folder))}
    return system.require(name, package), dict(os.environ)


def lftp() -> tuple[str, dict[str, str]]:
    """The lftp program and its environment."""
    return _program("lftp", "lftp")


def _prepare(name: str, root: Path, tls: str) -> tuple[FtpServer, Path]:
    stack = contextlib.ExitStack()
    folder = Path(tempfile.mkdtemp(prefix=f"recon-{name}-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    _open_for_all(root)
    certificate = certificates.self_signed() if tls else ""
    return FtpServer(
        name=name,
        host="127.0.0.1",
        port=_free_port(),
        user=USER,
        password=PASSWORD,
        scheme=_scheme(tls),
        ca_file=certificate,
        log_file=str(folder / "log"),
        _stack=stack,
    ), folder


def _scheme(tls: str) -> str:
    return {"": "ftp", "explicit": "ftpes", "implicit": "ftps"}[tls]


def _launch(server: FtpServer, command: list[str], environment: dict[str, str]) -> FtpServer:
    with Path(server.log_file + ".out").open("wb") as out:
        running = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    server.pid = running.pid
    server._stack.callback(_stop, running)
    deadline = time.monotonic() + _STARTED_WITHIN_S
    while running.poll() is not None or not _answers(server):
        if running.poll() is not None or time.monotonic() > deadline:
            words = Path(server.log_file + ".out").read_text(errors="replace")
            server.close()
            raise RuntimeError(f"{server.name} did not start: {words}")
        time.sleep(0.02)
    return server


def _answers(server: FtpServer) -> bool:
    """Whether an FTP server greets there; under implicit TLS nobody speaks first, so connecting has to do."""
    with contextlib.suppress(OSError), socket.create_connection((server.host, server.port), timeout=1) as caller:
        return server.scheme == "ftps" or caller.recv(3) == b"220"
    return False


def _stop(running: subprocess.Popen[bytes]) -> None:
    """End the server and the sessions it forked (its own process group)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait(timeout=10)


def _free_port() -> int:
    """A port below those the system gives out by itself, so that nobody takes it before the server does."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def _open_for_all(root: Path) -> None:
    """Give `root` to the serving account and let it pass the folders above."""
    if not _is_root():
        return
    uid, gid = _account_ids()
    os.chown(root, uid, gid)
    for above in root.resolve().parents:
        mode = above.stat().st_mode
        if not mode & 0o001:
            above.chmod(mode | 0o011)


def give(path: Path) -> None:
    """Let the servers write to `path`."""
    if _is_root():
        os.chown(path, *_account_ids())


def _is_root() -> bool:
    return os.geteuid() == 0


def _account_ids() -> tuple[int, int]:
    if not _is_root():
        return os.getuid(), os.getgid()
    import pwd  # noqa: PLC0415 - not on Windows, where this line is never reached

    account = pwd.getpwnam(ACCOUNT)
    return account.pw_uid, account.pw_gid


def _own_name() -> str:
    import pwd  # noqa: PLC0415 - not on Windows

    return pwd.getpwuid(os.getuid()).pw_name


def _own_group() -> str:
    import grp  # noqa: PLC0415 - not on Windows

    return grp.getgrgid(os.getgid()).gr_name


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def _crypted(password: str) -> str:
    """A crypt(3) SHA-512 hash, made by openssl since Python 3.13 has no crypt module."""
    made = subprocess.run(
        ["openssl", "passwd", "-6", "-salt", "recon", "-stdin"],
        input=password + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.strip()
