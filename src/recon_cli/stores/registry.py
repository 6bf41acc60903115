"""Which record store a URL means. Each adapter is imported when it is asked for."""

from __future__ import annotations

from recon_cli.core.place import Place
from recon_cli.stores.base import RecordStore
from recon_cli.stores.schemes import Adapters, of_documents

_ADAPTERS = Adapters(
    {
        "sqlite": "sqlite:open_sqlite",
        "postgresql": "postgres:open_postgres",
        "postgres": "postgres:open_postgres",
        "mysql": "mysql:open_mysql",
        "mariadb": "mysql:open_mysql",
        "memory": "memory:open_memory",
        **of_documents("open_store"),
    },
    "no record store for {url}",
    "for example `sqlite:///data/models.db` or `postgresql://user@host/database`",
    files=(".db", ".sqlite", ".sqlite3"),
)


def open_records(place: Place) -> RecordStore:
    """The store at `place`. Nothing is connected yet.

    Raises:
        UsageError: no store is known for this URL.
        ToolMissingError: the driver is not installed.
    """
    store: RecordStore = _ADAPTERS.opened(place)
    return store
