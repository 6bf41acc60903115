"""Schemes: which adapter a URL means, the same way for every kind of store. Adapters are imported when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from recon_cli.core.errors import UsageError
from recon_cli.core.place import Place, redact

DATABASE_FILES = (".db", ".sqlite", ".sqlite3", ".db3")
DOCUMENTS = {
    "redis": "kv_redis",
    "rediss": "kv_redis",
    "kv+https": "kv_rest",
    "kv+http": "kv_rest",
    "firestore": "firestore",
    "git": "git",
    "git+file": "git",
    "git+ssh": "git",
    "git+https": "git",
    "git+http": "git",
}
"""Stores of documents, and their modules in `stores/documents`."""


def scheme_of(url: str, files: tuple[str, ...] = DATABASE_FILES) -> str:
    """The scheme of a URL in lower case; the path of a database file means `sqlite`."""
    if "://" not in url and url.lower().endswith(files):
        return "sqlite"
    return urlsplit(url).scheme.lower()


def of_documents(function: str) -> dict[str, str]:
    """Every scheme of a store of documents, with that function of `stores/documents/opening`."""
    return dict.fromkeys(DOCUMENTS, f"documents.opening:{function}")


@dataclass(frozen=True, slots=True)
class Adapters:
    """The adapters of one kind of store: by scheme `module:function`, below `stores`.

    `refusal` says what a URL with another scheme is not, with `{url}` in it; `hint` what one looks like.
    """

    known: Mapping[str, str]
    refusal: str
    hint: str | None = None
    files: tuple[str, ...] = DATABASE_FILES

    def serves(self, url: str) -> bool:
        """Whether there is one for a URL."""
        return scheme_of(url, self.files) in self.known

    def opened(self, place: Place) -> Any:  # noqa: ANN401  each kind of store has its own type
        """What the adapter makes of a place.

        Raises:
            UsageError: there is no adapter for this URL.
            ToolMissingError: the driver is not installed.
        """
        scheme = scheme_of(place.url, self.files)
        if scheme not in self.known:
            names = ", ".join(f"{name}://" for name in self.known)
            raise UsageError(
                self.refusal.format(url=redact(place.url)),
                cause=f"known are {names} and files ending in {', '.join(self.files)}",
                hint=self.hint,
            )
        module, _, function = self.known[scheme].partition(":")
        return getattr(import_module(f"recon_cli.stores.{module}"), function)(place)
