"""Which record store a URL means. Each adapter is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from urllib.parse import urlsplit

from recon_cli.core.errors import UsageError
from recon_cli.core.place import Place, redact
from recon_cli.stores.base import RecordStore

_FILES = (".db", ".sqlite", ".sqlite3")
_ADAPTERS = {
    "sqlite": "sqlite:open_sqlite",
    "postgresql": "postgres:open_postgres",
    "postgres": "postgres:open_postgres",
    "mysql": "mysql:open_mysql",
    "mariadb": "mysql:open_mysql",
    "memory": "memory:open_memory",
    "redis": "documents.kv_redis:open_store",
    "rediss": "documents.kv_redis:open_store",
    "kv+https": "documents.kv_rest:open_store",
    "kv+http": "documents.kv_rest:open_store",
    "firestore": "documents.firestore:open_store",
    "git": "documents.git:open_store",
    "git+file": "documents.git:open_store",
    "git+ssh": "documents.git:open_store",
    "git+https": "documents.git:open_store",
    "git+http": "documents.git:open_store",
}


def open_records(place: Place) -> RecordStore:
    """The store at `place`. Nothing is connected yet.

    Raises:
        UsageError: no store is known for this URL.
        ToolMissingError: the driver is not installed.
    """
    scheme = urlsplit(place.url).scheme.lower()
    if (not scheme or "://" not in place.url) and place.url.lower().endswith(_FILES):
        scheme = "sqlite"
    if scheme not in _ADAPTERS:
        raise UsageError(
            f"no record store for {redact(place.url)}",
            cause=f"known are {', '.join(f'{name}://' for name in _ADAPTERS)} and files ending in {', '.join(_FILES)}",
            hint="for example `sqlite:///data/models.db` or `postgresql://user@host/database`",
        )
    module, _, name = _ADAPTERS[scheme].partition(":")
    store: RecordStore = getattr(import_module(f"recon_cli.stores.{module}"), name)(place)
    return store
