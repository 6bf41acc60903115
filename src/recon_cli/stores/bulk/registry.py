"""Which bulk store a URL means. Each adapter is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from urllib.parse import urlsplit

from recon_cli.core.errors import UsageError
from recon_cli.core.place import Place, redact
from recon_cli.stores.bulk.base import BulkStore

_FILES = (".db", ".sqlite", ".sqlite3", ".db3")
_ADAPTERS = {
    "sqlite": "sqlite:open_sqlite",
    "postgresql": "postgres:open_postgres",
    "postgres": "postgres:open_postgres",
    "mysql": "mysql:open_mysql",
    "mariadb": "mysql:open_mysql",
    "supabase+https": "postgrest:open_postgrest",
    "supabase+http": "postgrest:open_postgrest",
    "postgrest+https": "postgrest:open_postgrest",
    "postgrest+http": "postgrest:open_postgrest",
}


def open_bulk(place: Place) -> BulkStore:
    """The database at `place`. Nothing is connected yet.

    Raises:
        UsageError: no bulk store is known for this URL.
        ToolMissingError: the driver is not installed.
    """
    scheme = _scheme(place.url)
    if scheme not in _ADAPTERS:
        raise UsageError(
            f"no database for {redact(place.url)}",
            cause=f"known are {', '.join(f'{name}://' for name in _ADAPTERS)} and files ending in {', '.join(_FILES)}",
            hint="for example `sqlite:///data/models.db` or `postgresql://user@host/database`",
        )
    module, _, name = _ADAPTERS[scheme].partition(":")
    store: BulkStore = getattr(import_module(f"recon_cli.stores.bulk.{module}"), name)(place)
    return store


def serves(url: str) -> bool:
    """Whether a URL means a database at all."""
    return _scheme(url) in _ADAPTERS


def _scheme(url: str) -> str:
    if "://" not in url and url.lower().endswith(_FILES):
        return "sqlite"
    return urlsplit(url).scheme.lower()
