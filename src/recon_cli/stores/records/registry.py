"""Which reader of records a URL means. Each adapter is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from urllib.parse import urlsplit

from recon_cli.core.errors import UsageError
from recon_cli.core.place import Place, redact
from recon_cli.stores.records.base import Reader

_FILES = (".db", ".sqlite", ".sqlite3", ".db3")
_ADAPTERS = {
    "sqlite": "sqlite:SqliteReader",
    "postgresql": "postgres:PostgresReader",
    "postgres": "postgres:PostgresReader",
    "mysql": "mysql:MysqlReader",
    "mariadb": "mysql:MysqlReader",
    "supabase+https": "postgrest:PostgrestReader",
    "supabase+http": "postgrest:PostgrestReader",
    "postgrest+https": "postgrest:PostgrestReader",
    "postgrest+http": "postgrest:PostgrestReader",
}


def open_reader(place: Place) -> Reader:
    """The reader of the records at `place`. Nothing is connected yet.

    Raises:
        UsageError: no reader is known for this URL.
        ToolMissingError: the driver is not installed.
    """
    scheme = urlsplit(place.url).scheme.lower()
    if "://" not in place.url and place.url.lower().endswith(_FILES):
        scheme = "sqlite"
    if scheme not in _ADAPTERS:
        raise UsageError(
            f"records of {redact(place.url)} cannot be read",
            cause=f"known are {', '.join(f'{name}://' for name in _ADAPTERS)} and files ending in {', '.join(_FILES)}",
        )
    module, _, name = _ADAPTERS[scheme].partition(":")
    reader: Reader = getattr(import_module(f"recon_cli.stores.records.{module}"), name)(place)
    return reader
