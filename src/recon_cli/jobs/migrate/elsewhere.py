"""migrate to MySQL, MariaDB or another SQLite file: by the bulk load that restores snapshots, and compared afterwards.

It is the second dialect: one transaction, rows as the bulk store translates them; the profile, the policies and the
rejects file are Postgres's alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from functools import partial
from urllib.parse import urlsplit

from recon_cli.core import words
from recon_cli.core.errors import ExitCode, GuardError, NotFoundError, UsageError
from recon_cli.core.place import Place, redact
from recon_cli.core.report import Problem, Report, Table
from recon_cli.jobs.backup.differ import DiffRequest, diff
from recon_cli.jobs.backup.sides import of_view
from recon_cli.jobs.migrate.request import MigrateRequest, OnExists, Verify
from recon_cli.jobs.migrate.session import sqlite_of
from recon_cli.ops.clock import Clock
from recon_cli.stores.bulk.base import BulkStore, Incoming, Loaded, Loading, Mode, View
from recon_cli.stores.bulk.registry import open_bulk

_POSTGRES = frozenset({"postgresql", "postgres"})
_LEFT_OUT = "left out"


def is_postgres(place: Place) -> bool:
    """Whether a place is what the rest of this package is for."""
    return urlsplit(place.url).scheme.lower() in _POSTGRES


def migrate(source: Place, place: Place, request: MigrateRequest, clock: Clock) -> Report:
    """Everything in one transaction, then compared row by row.

    Raises:
        GuardError: the target has tables of these names.
        UsageError: it is asked for what only Postgres has.
    """
    if request.plan is not None:
        raise UsageError("a plan can be applied to Postgres only")
    began = clock.monotonic()
    with closing(open_bulk(place)) as target, sqlite_of(source).join() as view:
        chosen = [table for table in view.catalog().tables if _wanted(table.name, request)]
        _room(target, [table.name for table in chosen], request)
        loaded = target.load(_loading(view, [table.name for table in chosen], request))
        found = _compared(view, target, source, place, request, clock)
    return _report(source, place, loaded, found, clock.monotonic() - began)


def verify(source: Place, place: Place, request: MigrateRequest, clock: Clock) -> Report:
    """Compare row by row."""
    with closing(open_bulk(place)) as target, sqlite_of(source).join() as view, target.join() as other:
        sides = of_view(view, source.label), of_view(other, redact(place.url))
        return diff(*sides, DiffRequest(request.tables, request.exclude), clock)


def _wanted(name: str, request: MigrateRequest) -> bool:
    included = not request.tables or any(fnmatchcase(name, glob) for glob in request.tables)
    return included and not any(fnmatchcase(name, glob) for glob in request.exclude)


def _room(target: BulkStore, names: Sequence[str], request: MigrateRequest) -> None:
    try:
        with target.join() as there:
            have = {table.name for table in there.catalog().tables} & set(names)
    except NotFoundError:
        return
    if have and request.on_exists is OnExists.REFUSE:
        raise GuardError(
            f"{target.url} has {', '.join(sorted(have)[:5])} already",
            cause="nothing was changed",
            hint="`--on-exists replace|append|upsert`; `recon migrate verify` compares",
        )


_MODES = {
    OnExists.REFUSE: Mode.INSERT,
    OnExists.APPEND: Mode.INSERT,
    OnExists.UPSERT: Mode.UPSERT,
    OnExists.REPLACE: Mode.REPLACE,
}


def _loading(view: View, names: Sequence[str], request: MigrateRequest) -> Loading:
    catalog = view.catalog()
    incoming = [
        Incoming(table, partial(view.rows, table.name), view.count(table.name))
        for table in catalog.tables
        if table.name in names
    ]
    done = 0

    def progress(rows: int) -> None:
        nonlocal done
        done += rows
        request.progress.update(done, sum(one.count for one in incoming))

    return Loading(catalog, incoming, _MODES[request.on_exists], trusted=True, progress=progress)


def _compared(
    view: View, target: BulkStore, source: Place, place: Place, request: MigrateRequest, clock: Clock
) -> Report | None:
    if request.verify is Verify.OFF:
        return None
    with target.join() as other:
        sides = of_view(view, source.label), of_view(other, redact(place.url))
        return diff(*sides, DiffRequest(request.tables, request.exclude), clock)


def _report(source: Place, place: Place, loaded: Loaded, found: Report | None, took_s: float) -> Report:
    rows = sum(one.inserted + one.updated + one.unchanged for one in loaded.tables)
    lost = [note for note in loaded.notes if _LEFT_OUT in note]
    differs = found is not None and found.exit_code is not ExitCode.DONE
    problems = [Problem(note.partition(":")[0], note.partition(": ")[2] or "it has no equal there") for note in lost]
    problems += [Problem(redact(place.url), found.summary)] if differs and found is not None else []
    code = ExitCode.DRIFT if differs else ExitCode.PARTIAL if problems else ExitCode.DONE
    told = "" if found is None else "; not equal" if differs else "; every value verified"
    target = redact(place.url)
    return Report(
        "recon.migrate/1",
        f"{words.count(rows, 'row')} in {words.count(len(loaded.tables), 'table')} → {target}"
        f" in {words.seconds(took_s)}{told}",
        {
            "source": source.url,
            "target": target,
            "rows": rows,
            "rejected": 0,
            "took_s": round(took_s, 3),
            "tables": [
                {"table": one.table, "rows": one.inserted + one.updated + one.unchanged} for one in loaded.tables
            ],
            "left_out": [{"item": one.item, "reason": one.reason} for one in problems],
            "notes": list(loaded.notes),
        },
        (Table(("table", "inserted", "updated", "unchanged"), list(_rows(loaded))),),
        tuple(problems),
        code,
    )


def _rows(loaded: Loaded) -> Iterator[tuple[str, int, int, int]]:
    for one in loaded.tables:
        yield one.table, one.inserted, one.updated, one.unchanged
