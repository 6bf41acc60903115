"""Listing 1 001 directories of 4 files, near and far, against rclone and lftp.

Distance is made by tests/support/proxy.py, which delays control and data channels alike (why not netem:
docs/adr/0004-a-relay-makes-the-distance.md). Every listing is compared with the tree before its time counts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.bench import lister, results
from tests.bench.__main__ import Wish
from tests.bench.grove import plant
from tests.bench.turns import Contestant, RefusedError, in_turn
from tests.support import ftp_servers
from tests.support.proxy import Proxy

DIRECTORIES = 1000
SMOKE_DIRECTORIES = 12
FAR_S = 0.04
"""A round trip between an office and a cheap host in the same country, by way of its providers."""


@dataclass(frozen=True, slots=True)
class Server:
    """How to start a server over a folder, and whether its control channel is FTP's."""

    name: str
    start: Callable[[Path], ftp_servers.FtpServer]


SERVERS = (
    Server("vsftpd", lambda root: ftp_servers.start_vsftpd(root, max_per_ip=0)),
    Server("ProFTPD", ftp_servers.start_proftpd),
    Server("Pure-FTPd", lambda root: ftp_servers.start_pureftpd(root, "-C", "50")),
    Server("pyftpdlib", ftp_servers.start_pyftpdlib),
)


def cases(wish: Wish) -> list[results.Case]:
    """Each server, far and near."""
    root = wish.scratch / "tree"
    root.mkdir()
    want = plant(root, SMOKE_DIRECTORIES if wish.smoke else DIRECTORIES)
    found: list[results.Case] = []
    for server in SERVERS:
        for rtt_s in (FAR_S, 0.0):
            name = f"{server.name}, {rtt_s * 1000:.0f} ms"
            if not wish.only or any(word in name for word in wish.only):
                found += case(name, server, root, want, wish, rtt_s)
    return found


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
        running = stack.enter_context(server.start(root))
        target = lister.Target("ftp", running.port, running.user, running.password)
        if rtt_s:
            proxy = stack.enter_context(Proxy(running.port, delay_s=rtt_s / 2, ftp=True))
            target = replace(target, port=proxy.port)
        yield target


def versions() -> dict[str, str]:
    """The programs that took part."""
    lftp, _ = ftp_servers.lftp()
    return {
        "recon": results.version(lister.program("recon"), "--version"),
        "rclone": results.version(lister.program("rclone"), "version"),
        "lftp": results.version(lftp, "--version"),
    }
