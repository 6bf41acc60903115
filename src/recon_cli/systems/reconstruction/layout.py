"""Job folders of both generations, and what in them is what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from recon_cli.core.entry import Entry, EntryType, Listing
from recon_cli.core.ports import Tree
from recon_cli.systems import folders
from recon_cli.systems.base import Item

_ID = re.compile(r"[0-9A-Za-z]{8}")
_MARKS = frozenset({"upload", "colmap", "work", "gs_output", "output", "export", "logs", "run.log", "key.txt"})
_LOGS = ("run.log", "logs/process.log")
_DATABASES = (".db", ".sqlite", ".sqlite3")
_IMAGES = (".jpg", ".jpeg", ".png")
_ITERATION = re.compile(r"(?:gs_output|output)/(?:.*/)?iteration_(\d+)/([^/]+)")
_MODEL = re.compile(r"((?:colmap|work|output)/(?:.*/)?sparse(?:/\d+)?)/(images|points3D)\.(bin|txt)")


@dataclass(frozen=True, slots=True)
class Job:
    """A job folder taken apart; paths are relative to it."""

    item: Item
    files: dict[str, Entry]

    @property
    def id(self) -> str:
        """The job id: the folder's name."""
        return str(self.item.key[0])

    @property
    def images(self) -> tuple[Entry, ...]:
        """The uploaded images, else those prepared for training."""
        for place in ("upload/images/", "upload/", "work/images/"):
            found = self._under(place)
            if found:
                return found
        return ()

    @property
    def log(self) -> Entry | None:
        """The log of either generation."""
        return next((self.files[name] for name in _LOGS if name in self.files), None)

    @property
    def key(self) -> Entry | None:
        """`key.txt` of the old generation."""
        return self.files.get("key.txt")

    def iterations(self) -> dict[int, dict[str, Entry]]:
        """The output files by iteration."""
        found: dict[int, dict[str, Entry]] = {}
        for name, entry in self.files.items():
            match = _ITERATION.fullmatch(name)
            if match:
                found.setdefault(int(match[1]), {})[match[2]] = entry
        return found

    def export(self) -> Entry | None:
        """The exported cloud of the old generation."""
        return self.files.get("export/cloud.ply")

    def models(self) -> dict[str, dict[str, Entry]]:
        """The sparse models: folder → `images` and `points3D`, the binary form before the text form."""
        found: dict[str, dict[str, Entry]] = {}
        for name in sorted(self.files, key=lambda one: (one.endswith(".bin"), one)):
            match = _MODEL.fullmatch(name)
            if match:
                found.setdefault(match[1], {})[match[2]] = self.files[name]
        return found

    def _under(self, place: str) -> tuple[Entry, ...]:
        return tuple(
            entry
            for name, entry in self.files.items()
            if name.startswith(place) and "/" not in name[len(place) :] and name.lower().endswith(_IMAGES)
        )


def is_id(name: str) -> bool:
    """Whether a directory name is a job id: eight hex digits or eight alphanumerics."""
    return bool(_ID.fullmatch(name))


def base(tree: Tree) -> str:
    """The directory that holds the most job folders, the shallowest at a tie; `data/jobs` where there is none."""
    holders = Counter(one.path.rpartition("/")[0] for one in tree.listings() if _is_job(one))
    return min(holders, key=lambda path: (-holders[path], path.count("/") + bool(path), path), default="data/jobs")


def copies(tree: Tree) -> tuple[Entry, ...]:
    """Databases beside the job folders or above them, the nearest first; COLMAP's own lie inside the jobs."""
    found: list[Entry] = []
    place: str | None = base(tree)
    while place is not None:
        listing = tree.listing(place)
        here = listing.entries if listing else ()
        named = (one for one in here if one.type is EntryType.FILE and one.name.lower().endswith(_DATABASES))
        found += sorted(named, key=lambda one: ("backup" in one.name.lower(), one.name))
        place = place.rpartition("/")[0] if place else None
    return tuple(found)


def directories(tree: Tree, under: str) -> tuple[Entry, ...]:
    """Every directory where job folders lie, by name."""
    listing = tree.listing(under)
    found = [one for one in listing.entries if one.type is EntryType.DIR] if listing else []
    return tuple(sorted(found, key=lambda one: one.name))


def items(tree: Tree) -> Iterator[Item]:
    """The job folders by id."""
    for entry in directories(tree, base(tree)):
        listing = tree.listing(entry.path)
        if is_id(entry.name) and (listing is None or _is_job(listing) or not listing.complete):
            yield folders.item_at(tree, entry.path)


def job_of(item: Item) -> Job:
    """A job folder taken apart."""
    return Job(item, {entry.path.removeprefix(f"{item.folder}/"): entry for entry in item.files})


def _is_job(listing: Listing) -> bool:
    return is_id(listing.path.rpartition("/")[2]) and any(one.name in _MARKS for one in listing.entries)
