"""How to open a destination, as plain data, so that another process can open the same one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recon_cli.core.place import Place
from recon_cli.jobs.backup.destination import Destination
from recon_cli.jobs.backup.places import Wish, open_destination
from recon_cli.jobs.backup.shape import Packing

Recipe = Mapping[str, Any]


def recipe(url: str, *, secret: str = "", archive: bool = False, push: str = "", **options: str | float) -> Recipe:
    return {"url": url, "secret": secret, "archive": archive, "push": push, "options": options}


def place_of(one: Recipe) -> Place:
    return Place(one["url"], secret=lambda: one["secret"] or None, options=one["options"])


def wish_of(one: Recipe) -> Wish:
    identity = Path(one["identity"]) if "identity" in one else None
    return Wish(Packing(recipients=tuple(one.get("recipients", ())), identity=identity), one["archive"], one["push"])


def opened(one: Recipe) -> Destination:
    return open_destination(place_of(one), wish_of(one))
