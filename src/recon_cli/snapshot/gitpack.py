"""Packing a repository of snapshots so that a day's change stays small.

git looks for what a file resembles among some ten others of a like name and size. The versions of a table's file have
sizes by chance, and names that its hash confuses, so that it mostly compares with another day or another file. Here
each version is handed to `git pack-objects` under a name whose hash puts it next to the version of the day before;
later packing by git itself keeps what was found. One thread looks: several would each begin with a version that has
no neighbour.
"""

from __future__ import annotations

from collections.abc import Iterator

from recon_cli.ops.gitrepo import Repo

_VERSIONS = 4096
_SIGNS = 13
_SMALL_KIB = 1 << 18


def loose(repo: Repo) -> int:
    """How many objects are not packed."""
    return int(_counted(repo).get("count", "0"))


def is_small(repo: Repo) -> bool:
    """Whether all of it can be packed anew in passing: packs of up to 256 MiB."""
    return int(_counted(repo).get("size-pack", "0")) < _SMALL_KIB


def _counted(repo: Repo) -> dict[str, str]:
    lines = repo.run("count-objects", "-v").decode().splitlines()
    return {name: value for name, _, value in (line.partition(": ") for line in lines)}


def pack(repo: Repo) -> None:
    """Put everything reachable into one pack.

    Raises:
        ReconError: git refuses, or there is no room.
    """
    listed = repo.run("rev-list", "--objects", "--all").decode("utf-8", "replace").splitlines()
    start = str(repo.git_dir / "objects" / "pack" / "pack")
    named = "".join(f"{line}\n" for line in _named(listed)).encode()
    repo.run("pack-objects", "-q", "--threads=1", "--delta-base-offset", start, stdin=named)
    repo.run("repack", "-q", "-A", "-d", "-l")
    repo.run("prune", "--expire=2.weeks.ago")


def _named(listed: list[str]) -> Iterator[str]:
    """Objects, newest first, as pack-objects reads them: an id, and a name by which they are put in order."""
    numbers: dict[str, int] = {}
    versions: dict[str, int] = {}
    for line in listed:
        number, _, path = line.partition(" ")
        if not path:
            yield number
            continue
        place = numbers.setdefault(path, len(numbers) + 1)
        versions[path] = versions.get(path, -1) + 1
        yield f"{number} {_name(place * _VERSIONS + max(0, _VERSIONS - 1 - versions[path]))}"


def _name(order: int) -> str:
    """A name that git hashes in this order: it takes two bits a sign, of the last one most."""
    return "".join(chr(ord("0") + (order >> 2 * sign) % 4) for sign in range(_SIGNS))
