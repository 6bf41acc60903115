"""Listing 1 001 directories of 4 files, near and far, against rclone and lftp.

Distance is made by tests/support/relay.py, which delays control and data channels alike (why not netem:
docs/adr/0004-a-relay-makes-the-distance.md). Every listing is compared with the tree before its time counts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from tests.bench import lister, results
from tests.bench.__main__ import Wish
from tests.bench.grove import plant
from tests.bench.turns import Contestant, RefusedError, in_turn
from tests.support import ftp_servers
from tests.support.proxy import Proxy
from tests.support.ssh_server import sshd

DIRECTORIES = 1000
SMOKE_DIRECTORIES = 12
FAR_S = 0.04
"""A round trip between an office and a cheap host in the same country, by way of its providers."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server's name, and how to start it over a folder."""

    name: str
    start: Callable[[Path], AbstractContextManager[lister.Target]]


@contextmanager
def ftp(start: Callable[[Path], ftp_servers.FtpServer], root: Path) -> Iterator[lister.Target]:
    """One of the FTP servers."""
    with start(root) as running:
        yield lister.Target("ftp", running.port, running.user, running.password)


@contextmanager
def openssh(root: Path) -> Iterator[lister.Target]:
    """OpenSSH; it serves the machine's whole tree, so the folder is named in the URL."""
    with sshd() as running:
        path, key = f"{root}/", str(running.key_file)
        yield lister.Target("sftp", running.port, running.user, path=path, key_file=key, host_key=running.host_key)


SERVERS = (
    Server("vsftpd", partial(ftp, partial(ftp_servers.start_vsftpd, max_per_ip=0))),
    Server("ProFTPD", partial(ftp, ftp_servers.start_proftpd)),
    Server("Pure-FTPd", partial(ftp, lambda root: ftp_servers.start_pureftpd(root, "-C", "50"))),
    Server("pyftpdlib", partial(ftp, ftp_servers.start_pyftpdlib)),
    Server("OpenSSH", openssh),
)


def cases(wish: Wish) -> Iterator[results.Case]:
    """Each server, far and near."""
    root = wish.scratch / "tree"
    root.mkdir()
    want = plant(root, SMOKE_DIRECTORIES if wish.smoke else DIRECTORIES)
    for server in SERVERS:
        for rtt_s in (FAR_S, 0.0):
            name = f"{server.name}, {rtt_s * 1000:.0f} ms"
            if not wish.only or any(word in name for word in wish.only):
                yield from case(name, server, root, want, wish, rtt_s)


def case(
    name: str, server: Server, root: Path, want: lister.Listing, wish: Wish, rtt_s: float
) -> Iterator[results.Case]:
    """One group of rows, or nothing (and a word about it) where the server is not installed."""
    sys.stderr.write(f"{name} …\n")
    try:
        with reached(server, root, rtt_s) as target:
            outcomes = in_turn(contestants(target, want, wish), wish.runs, wish.scratch)
    except pytest.skip.Exception as missing:
        sys.stderr.write(f"{name}: left out: {missing}\n")
    except RefusedError as wrong:
        yield results.Case(name, (), "rclone", refused=str(wrong))
    else:
        yield results.Case(name, tuple(outcomes), "rclone", {"files": len(want), "rtt_ms": rtt_s * 1000})


def contestants(target: lister.Target, want: lister.Listing, wish: Wish) -> list[Contestant]:
    """Ours and the peers, without times and with exact ones; `rclone` (without times) is what all are compared to."""
    found = [lister.ours(target, want, wish.scratch, exact=exact) for exact in (False, True)]
    found += [lister.rclone(target, want, exact=exact) for exact in (False, True)]
    if target.scheme == "ftp":
        found.append(lister.lftp(target, want, *ftp_servers.lftp()))
    return [one for one in found if not one.name.startswith(wish.without)]


@contextmanager
def reached(server: Server, root: Path, rtt_s: float) -> Iterator[lister.Target]:
    """The server, started, through the relay when it is to be far away."""
    with ExitStack() as stack:
        target = started(stack, server, root)
        if rtt_s:
            proxy = stack.enter_context(Proxy(target.port, delay_s=rtt_s / 2, ftp=target.scheme == "ftp"))
            target = replace(target, port=proxy.port)
        yield target


def started(stack: ExitStack, server: Server, root: Path) -> lister.Target:
    """The running server; its port may be taken between the choice and the start, so not just once."""
    for _ in range(2):
        with suppress(RuntimeError):
            return stack.enter_context(server.start(root))
    return stack.enter_context(server.start(root))


def versions() -> dict[str, str]:
    """The programs that took part."""
    lftp, _ = ftp_servers.lftp()
    return {
        "recon": results.version(lister.program("recon"), "--version"),
        "rclone": results.version(lister.program("rclone"), "version"),
        "lftp": results.version(lftp, "--version"),
    }
