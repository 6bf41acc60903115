"""Where things lie on the web host: `files/<id>/…`, database copies beside `files/`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from recon_cli.core.entry import Entry, EntryType, Listing
from recon_cli.core.ports import Tree
from recon_cli.systems import folders
from recon_cli.systems.base import Item

DATABASE = "streamlit_3d.db"
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp"})
_FILES = "files"
_ID = re.compile(r"[0-9a-fA-F]{32}")
_BACKUP = re.compile(r"backup_.*streamlit_3d\.db")
_STAMP = re.compile(r"(\d{8})[_-]?(\d{6})")


def is_id(name: str) -> bool:
    """Whether a directory name is a model id: a uuid4 as 32 hex digits."""
    return bool(_ID.fullmatch(name))


def base(tree: Tree) -> str:
    """The directory that holds the model folders: `files` below the root, the root itself, or a `files` further down.

    Where nothing looks like one, `files` is what is missing.
    """
    if tree.listing(_FILES) is not None:
        return _FILES
    if _ids(tree.listing("")):
        return ""
    deeper = (one.path for one in tree.listings() if one.path.endswith(f"/{_FILES}") and _ids(one))
    return min(deeper, key=lambda path: (path.count("/"), path), default=_FILES)


def folder_of(under: str, name: str) -> str:
    """The folder of a model."""
    return f"{under}/{name}" if under else name


def copies(tree: Tree) -> tuple[Entry, ...]:
    """The databases beside `files/`: the one in use, then its backups, newest first by the time in the name."""
    beside = tree.listing(base(tree).rpartition("/")[0])
    found = [one for one in beside.entries if one.type is EntryType.FILE] if beside else []
    backups = [one for one in found if _BACKUP.fullmatch(one.name)]
    current = [one for one in found if one.name == DATABASE]
    return (*current, *sorted(backups, key=lambda one: (stamp(one.name), one.name), reverse=True))


def stamp(name: str) -> str:
    """The time in a backup's name as sortable digits, empty where there is none."""
    found = _STAMP.search(name)
    return found[1] + found[2] if found else ""


def directories(tree: Tree) -> tuple[Entry, ...]:
    """Every directory where model folders lie, by name."""
    listing = tree.listing(base(tree))
    found = [one for one in listing.entries if one.type is EntryType.DIR] if listing else []
    return tuple(sorted(found, key=lambda one: one.name))


def items(tree: Tree) -> Iterator[Item]:
    """The model folders by id."""
    return (folders.item_at(tree, one.path) for one in directories(tree) if is_id(one.name))


def _ids(listing: Listing | None) -> bool:
    return listing is not None and any(one.type is EntryType.DIR and is_id(one.name) for one in listing.entries)
