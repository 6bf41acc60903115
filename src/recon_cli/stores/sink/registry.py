"""Which sink a URL means. Each adapter is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from urllib.parse import urlsplit

from recon_cli.core.errors import UsageError
from recon_cli.core.place import Place, redact
from recon_cli.stores.sink.base import Sink

_FILES = (".db", ".sqlite", ".sqlite3", ".db3")
_ADAPTERS = {
    "sqlite": "sqlite:SqliteSink",
    "postgresql": "postgres:PostgresSink",
    "postgres": "postgres:PostgresSink",
    "mysql": "mysql:MysqlSink",
    "mariadb": "mysql:MysqlSink",
    "supabase+https": "postgrest:PostgrestSink",
    "supabase+http": "postgrest:PostgrestSink",
    "postgrest+https": "postgrest:PostgrestSink",
    "postgrest+http": "postgrest:PostgrestSink",
    "redis": "documents.kv_redis:open_sink",
    "rediss": "documents.kv_redis:open_sink",
    "kv+https": "documents.kv_rest:open_sink",
    "kv+http": "documents.kv_rest:open_sink",
    "firestore": "documents.firestore:open_sink",
    "git": "documents.git:open_sink",
    "git+file": "documents.git:open_sink",
    "git+ssh": "documents.git:open_sink",
    "git+https": "documents.git:open_sink",
    "git+http": "documents.git:open_sink",
}


def open_sink(place: Place) -> Sink:
    """The target at `place`. Nothing is connected yet.

    Raises:
        UsageError: no sink is known for this URL.
        ToolMissingError: the driver is not installed.
    """
    scheme = urlsplit(place.url).scheme.lower()
    if "://" not in place.url and place.url.lower().endswith(_FILES):
        scheme = "sqlite"
    if scheme not in _ADAPTERS:
        raise UsageError(
            f"no target for {redact(place.url)}",
            cause=f"known are {', '.join(f'{name}://' for name in _ADAPTERS)} and files ending in {', '.join(_FILES)}",
            hint="for example `supabase+https://PROJECT.supabase.co` or `postgresql://user@host/database`",
        )
    module, _, name = _ADAPTERS[scheme].partition(":")
    sink: Sink = getattr(import_module(f"recon_cli.stores.{'' if '.' in module else 'sink.'}{module}"), name)(place)
    return sink
