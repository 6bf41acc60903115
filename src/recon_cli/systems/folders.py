"""Folders that stand for records: what is in them, and whether they are surely gone."""

from __future__ import annotations

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing
from recon_cli.core.ports import Tree
from recon_cli.systems.base import Item

SIDECAR = "_recon.json"
"""The one file in a record's folder that is ours."""


def item_at(tree: Tree, folder: str) -> Item:
    """The folder at `folder` as an item: every file in it and below, without the sidecar, by path."""
    found = (entry for listing in tree.listings(folder) for entry in listing.entries if entry.type is EntryType.FILE)
    files = tuple(sorted((one for one in found if one.name != SIDECAR), key=lambda one: one.path))
    return Item((folder.rpartition("/")[2],), folder, files, tree.complete_below(folder))


def sidecar_of(tree: Tree, folder: str) -> Entry | None:
    """The sidecar in a folder, if there is one."""
    listing = tree.listing(folder)
    return next((one for one in listing.entries if one.name == SIDECAR), None) if listing else None


def missing(tree: Tree, folder: str) -> str:
    """Why the files of a folder are surely gone, or an empty string where that is not proven."""
    listing = tree.listing(folder)
    if listing is not None and listing.incomplete is not Incomplete.MISSING:
        item = item_at(tree, folder)
        return f"`{folder}` is empty" if item.complete and not item.files else ""
    above = folder.rpartition("/")[0]
    while above and tree.listing(above) is None:
        above = above.rpartition("/")[0]
    if not tree.complete(above) or _leads_to(tree.listing(above), folder):
        return ""
    return f"no folder `{folder}`, and `{above or '.'}` was listed completely"


def _leads_to(listing: Listing | None, folder: str) -> bool:
    """Whether the listing names the folder or what leads to it."""
    return listing is not None and any(f"{folder}/".startswith(f"{one.path}/") for one in listing.entries)
