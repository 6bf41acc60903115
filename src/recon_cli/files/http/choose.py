"""Which of the two HTTP stores a URL means."""

from __future__ import annotations

from urllib.parse import urlsplit

from recon_cli.core.place import Place
from recon_cli.files.base import FileStore
from recon_cli.files.http.actionlist import ActionListStore
from recon_cli.files.http.store import HttpStore


def open_http(place: Place) -> FileStore:
    """Index pages; or, where the URL names a `.php` file, the listing that this program answers."""
    return ActionListStore(place) if urlsplit(place.url).path.endswith(".php") else HttpStore(place)
