"""Peak memory of a listing as the tree grows: ours must stay flat, since finished directories go to disk."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.bench import lister, results
from tests.bench.__main__ import Wish
from tests.bench.grove import plant
from tests.bench.turns import in_turn
from tests.support import ftp_servers

FILES = tuple(f"texture_{number:03}.png" for number in range(100))
SIZES = (1_000, 10_000, 100_000)
SMOKE_SIZES = (100, 1_000)


def cases(wish: Wish) -> Iterator[results.Case]:
    """One tree for each size, 100 files in a directory, on vsftpd without delay."""
    return (case(size, wish) for size in (SMOKE_SIZES if wish.smoke else SIZES))


def case(size: int, wish: Wish) -> results.Case:
    """Ours and rclone on a tree of `size` files."""
    name = f"vsftpd, 0 ms, {size} files"
    sys.stderr.write(f"{name} …\n")
    scratch = wish.scratch / str(size)
    (scratch / "tree").mkdir(parents=True)
    scratch.chmod(0o755)
    want = plant(scratch / "tree", size // len(FILES), FILES)
    with ftp_servers.start_vsftpd(scratch / "tree", max_per_ip=0) as running:
        target = lister.Target("ftp", running.port, running.user, running.password)
        contestants = [lister.ours(target, want, scratch, exact=False), lister.rclone(target, want, exact=False)]
        outcomes = in_turn(contestants, min(wish.runs, 3), scratch)
    return results.Case(name, tuple(outcomes), "rclone", {"files": size})


def versions() -> dict[str, str]:
    """The programs that took part."""
    return {
        "recon": results.version(lister.program("recon"), "--version"),
        "rclone": results.version(lister.program("rclone"), "version"),
    }
