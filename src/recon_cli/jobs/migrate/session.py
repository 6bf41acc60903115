"""A source held at one state, and hands that see it: what planning, copying and comparing begin with."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import apsw

from recon_cli.core.errors import UsageError
from recon_cli.core.place import Place
from recon_cli.jobs.migrate import tasks
from recon_cli.jobs.migrate.bench import Workbench
from recon_cli.jobs.migrate.hands import Hands, OwnHands, crew
from recon_cli.migration.reading import settle
from recon_cli.migration.target import Target
from recon_cli.stores.bulk import sqlite_open as opening
from recon_cli.stores.bulk.registry import open_bulk
from recon_cli.stores.bulk.sqlite import SqliteBulk
from recon_cli.stores.bulk.sqlite_view import SqliteView

SMALL_BYTES = 6 << 20
"""Up to here children cost more than they gain."""
_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Session:
    """The source at one state (`state` names it), and whoever works."""

    path: str
    view: SqliteView
    hands: Hands
    state: str
    large: bool

    @property
    def db(self) -> apsw.Connection:
        """The source."""
        return self.view.db


def sqlite_of(place: Place) -> SqliteBulk:
    """The source as SQLite.

    Raises:
        UsageError: it is something else.
    """
    store = open_bulk(place)
    if not isinstance(store, SqliteBulk):
        raise UsageError(f"{place.label} is not a SQLite file", hint="`recon migrate` moves SQLite files elsewhere")
    return store


@contextmanager
def opened(source: Place, target: Target | None, workers: int) -> Iterator[Session]:
    """The source's state as it is now, seen by all hands; writers are held up for milliseconds."""
    store = sqlite_of(source)
    opening.must_exist(store.path)
    size = store.path.stat().st_size
    many = workers or (_WORKERS if size > SMALL_BYTES else 1)
    with ExitStack() as stack:
        children = stack.enter_context(crew(many))
        with store.gate() as ticket:
            view = stack.enter_context(store.join(ticket))
            if children is not None:
                hello = tasks.Hello(
                    tasks.Address.of(source),
                    ticket,
                    tasks.Address.of(target.place) if target else None,
                    target.schema if target else "",
                    str(store.path.absolute()),
                )
                children.join(hello)
        stack.enter_context(opening.translated(store.path, store.timeout_s))
        settle(view.db)
        advanced: deque[tasks.Advanced] = deque()
        bench = Workbench(view.db, target, advanced.append)
        stack.callback(bench.close)
        hands: Hands = children or OwnHands(bench, advanced)
        yield Session(str(store.path.absolute()), view, hands, f"{size}.{ticket}", size > SMALL_BYTES)
