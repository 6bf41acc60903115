"""Which reader of records a URL means. Each adapter is imported when it is asked for."""

from __future__ import annotations

from recon_cli.core.place import Place
from recon_cli.stores.records.base import Reader
from recon_cli.stores.schemes import Adapters, of_documents

_ADAPTERS = Adapters(
    {
        "sqlite": "records.sqlite:SqliteReader",
        "postgresql": "records.postgres:PostgresReader",
        "postgres": "records.postgres:PostgresReader",
        "mysql": "records.mysql:MysqlReader",
        "mariadb": "records.mysql:MysqlReader",
        "supabase+https": "records.postgrest:PostgrestReader",
        "supabase+http": "records.postgrest:PostgrestReader",
        "postgrest+https": "records.postgrest:PostgrestReader",
        "postgrest+http": "records.postgrest:PostgrestReader",
        **of_documents("open_reader"),
    },
    "records of {url} cannot be read",
)


def open_reader(place: Place) -> Reader:
    """The reader of the records at `place`. Nothing is connected yet.

    Raises:
        UsageError: no reader is known for this URL.
        ToolMissingError: the driver is not installed.
    """
    reader: Reader = _ADAPTERS.opened(place)
    return reader
