"""Which bulk store a URL means. Each adapter is imported when it is asked for."""

from __future__ import annotations

from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import BulkStore
from recon_cli.stores.schemes import Adapters

_ADAPTERS = Adapters(
    {
        "sqlite": "bulk.sqlite:open_sqlite",
        "postgresql": "bulk.postgres:open_postgres",
        "postgres": "bulk.postgres:open_postgres",
        "mysql": "bulk.mysql:open_mysql",
        "mariadb": "bulk.mysql:open_mysql",
        "supabase+https": "bulk.postgrest:open_postgrest",
        "supabase+http": "bulk.postgrest:open_postgrest",
        "postgrest+https": "bulk.postgrest:open_postgrest",
        "postgrest+http": "bulk.postgrest:open_postgrest",
    },
    "no database for {url}",
    "for example `sqlite:///data/models.db` or `postgresql://user@host/database`",
)


def open_bulk(place: Place) -> BulkStore:
    """The database at `place`. Nothing is connected yet.

    Raises:
        UsageError: no bulk store is known for this URL.
        ToolMissingError: the driver is not installed.
    """
    store: BulkStore = _ADAPTERS.opened(place)
    return store


def serves(url: str) -> bool:
    """Whether a URL means a database at all."""
    return _ADAPTERS.serves(url)
