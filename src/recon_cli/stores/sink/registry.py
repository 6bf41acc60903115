"""Which sink a URL means. Each adapter is imported when it is asked for."""

from __future__ import annotations

from recon_cli.core.place import Place
from recon_cli.stores.schemes import Adapters, of_documents
from recon_cli.stores.sink.base import Sink

_ADAPTERS = Adapters(
    {
        "sqlite": "sink.sqlite:SqliteSink",
        "postgresql": "sink.postgres:PostgresSink",
        "postgres": "sink.postgres:PostgresSink",
        "mysql": "sink.mysql:MysqlSink",
        "mariadb": "sink.mysql:MysqlSink",
        "supabase+https": "sink.postgrest:PostgrestSink",
        "supabase+http": "sink.postgrest:PostgrestSink",
        "postgrest+https": "sink.postgrest:PostgrestSink",
        "postgrest+http": "sink.postgrest:PostgrestSink",
        **of_documents("open_sink"),
    },
    "no target for {url}",
    "for example `supabase+https://PROJECT.supabase.co` or `postgresql://user@host/database`",
)


def open_sink(place: Place) -> Sink:
    """The target at `place`. Nothing is connected yet.

    Raises:
        UsageError: no sink is known for this URL.
        ToolMissingError: the driver is not installed.
    """
    sink: Sink = _ADAPTERS.opened(place)
    return sink
