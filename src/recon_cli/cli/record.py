"""`recon record`: records as they happen."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from recon_cli.cli import options
from recon_cli.cli import record_ends as ends
from recon_cli.cli.queue import open_queue
from recon_cli.cli.record_ends import (
    From,
    Number,
    Owner,
    Records,
    Since,
    SystemName,
    TableName,
    Target,
    Text,
    Until,
    Where,
    Zone,
)
from recon_cli.config.records import Flags
from recon_cli.core import search as searching
from recon_cli.core.errors import UsageError
from recon_cli.core.search import Book
from recon_cli.jobs.record import add as adding
from recon_cli.jobs.record import init as making
from recon_cli.jobs.record import prune as pruning
from recon_cli.jobs.record import tail as tailing
from recon_cli.jobs.record.archive import Packing
from recon_cli.jobs.record.given import Sources
from recon_cli.jobs.record.search import document, for_people, search_records
from recon_cli.jobs.record.stats import stats as counted
from recon_cli.jobs.watched import Watch, watched
from recon_cli.ops.clock import SystemClock
from recon_cli.stores.records.base import Row
from recon_cli.stores.records.keepers import open_keeper
from recon_cli.stores.sink.registry import open_sink
from recon_cli.ui import escape
from recon_cli.ui.show import dumps

app = options.App(help="Add records as they happen; search, count, archive and follow them.")


class Partition(StrEnum):
    """How tables are cut."""

    MONTH = "month"


@app.command(dry_run=True)
@options.examples(
    "recon record add --to gate.db TCNU8971796",
    "recon record add --to gate.db Gate_In-20250214-100249-1739552569200-7_log.json",
)
def add(
    things: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NUMBER|FILE|-]…", help="Numbers, lists (.csv, .xlsx, .json, .jsonl), `-` for lines."),
    ] = None,
    records: Records = None,
    system: SystemName = None,
    target: Target = None,
    table: TableName = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When the numbers were seen; now by default.")] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="When the video began, if the file's name does not say it.")
    ] = None,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="The video, if it has another name.")] = None,
    image: Annotated[str | None, typer.Option(metavar="REF", help="Where the cut-out image is.")] = None,
    zone: Zone = None,
    later: Annotated[bool, typer.Option("--later", help="Only put them into the outbox.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="Also those that were sent lately: they were lost.")] = False,
) -> None:
    """Add readings; what cannot be delivered waits in the outbox. Exit code 3 if any was refused, 13 if any waits."""
    call = options.current()
    found = ends.chosen(call, Flags(records, system, target, table, zone))
    route = ends.route_of(found, later=later, resend=resend)
    hints = ends.hints(found, (at, start), source or "", image or "")
    given = Sources(ends.adds(found, route), things or [], hints, sys.stdin.buffer, route.batch_items)
    if not things:
        raise UsageError("nothing to add is named", hint="name numbers or files, or `-` for lines of JSON")
    if call.dry_run:
        call.show(adding.would(route, given.batches(), given.left()))
    with open_queue(call) as queue:
        call.show(adding.add(route, queue, given.batches(), given.left(), call.progress))


@app.command("init", dry_run=True)
@options.examples("recon record init --to postgresql://recon@db/gate --partition month")
def init(
    records: Records = None,
    system: SystemName = None,
    target: Target = None,
    table: TableName = None,
    partition: Annotated[
        Partition | None, typer.Option(help="Partition tables that are made now by their time (Postgres).")
    ] = None,
    window: Annotated[
        float | None, typer.Option(min=0.001, metavar="SECONDS", help="How long a number is a duplicate; 300.")
    ] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print what would make it fit, and change nothing.")] = False,
) -> None:
    """Create or mend the tables; no row and no column is dropped."""
    call = options.current()
    found = ends.chosen(call, Flags(records, system, target, table))
    asked = window or found.numbers.get("window_s")
    feed = ends.tables(found, asked, partitioned=partition is not None)
    with closing(open_sink(found.target)) as sink:
        call.show(making.init(feed, sink, found.target, apply=not (sql or call.dry_run), window_s=asked))


@app.command(dry_run=True)
@options.examples("recon record search --to postgresql://recon@db/gate --owner TCNU --since 7d --desc")
def search(
    records: Records = None,
    system: SystemName = None,
    target: Target = None,
    table: TableName = None,
    owner: Owner = None,
    number: Number = None,
    source: From = None,
    where: Where = None,
    since: Since = None,
    until: Until = None,
    text: Text = None,
    zone: Zone = None,
    order: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Sort by this column; by time by default.")
    ] = None,
    descending: Annotated[bool, typer.Option("--desc", help="The last first.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, metavar="N", help="Records of one page.")] = 100,
    every: Annotated[bool, typer.Option("--all", help="All of them, streamed.")] = False,
    after: Annotated[str | None, typer.Option(metavar="PLACE", help="Behind `next` of the page before.")] = None,
    json_lines: Annotated[bool, typer.Option("--json-lines", help="One JSON object a line.")] = False,
) -> None:
    """Find records by owner, number, time, source or text; sorted, page by page."""
    call = options.current()
    with ends.reading(call, Flags(records, system, target, table, zone)) as (found, rules, reader):
        named = ends.pairs(where, owner=owner, number=number, source=source)
        query = ends.asked(rules, found, named, (since, until, text))
        place = searching.place_of(after) if after else None
        page = replace(query, order=order or "", descending=descending, limit=None if every else limit, after=place)
        call.show(search_records(reader, rules.book, page), json_lines=json_lines)


@app.command(dry_run=True)
@options.examples("recon record stats --to gate.db --by day --by owner")
def stats(
    records: Records = None,
    system: SystemName = None,
    target: Target = None,
    table: TableName = None,
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="WORD", help="Count by day, owner, source; room, model, …")
    ] = None,
    owner: Owner = None,
    number: Number = None,
    source: From = None,
    where: Where = None,
    since: Since = None,
    until: Until = None,
    text: Text = None,
    zone: Zone = None,
) -> None:
    """Count records, by day (UTC), owner, source or what else the system has."""
    call = options.current()
    with ends.reading(call, Flags(records, system, target, table, zone)) as (found, rules, reader):
        named = ends.pairs(where, owner=owner, number=number, source=source)
        call.show(counted(reader, rules.book, by or (), ends.asked(rules, found, named, (since, until, text))))


@app.command(dry_run=True)
@options.examples("recon record prune --to gate.db --older-than 90d --archive-to /srv/archive")
def prune(
    records: Records = None,
    system: SystemName = None,
    target: Target = None,
    table: TableName = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="TIME", help="Before this time: `90d` ago, or ISO 8601.")
    ] = None,
    archive_to: Annotated[
        Path | None, typer.Option("--archive-to", metavar="DIR", help="The folder that the archive is written to.")
    ] = None,
    compress: Annotated[Packing, typer.Option(help="How the archive is compressed.")] = Packing.ZSTD,
    zone: Zone = None,
) -> None:
    """Archive old records, read the archive back, and only then delete them; exit code 3 if any changed meanwhile."""
    call = options.current()
    found = ends.chosen(call, Flags(records, system, target, table, zone))
    folder = archive_to or found.archive_to
    if older_than is None or folder is None:
        raise UsageError("`--older-than` or `--archive-to` is missing", hint="say `--older-than 90d --archive-to DIR`")
    before, kept = ends.moment(older_than, found.zone).astimezone(UTC), pruning.kept_of(ends.system_of(found))
    clock = SystemClock()
    with closing(open_keeper(found.target)) as keeper:
        if call.dry_run:
            call.show(pruning.would(keeper, kept, before))
        now = clock.now().astimezone(UTC)
        watch = Watch(f"record prune {found.name}", found.ping_url, None)
        call.show(watched(watch, clock, lambda: pruning.prune(keeper, kept, before, folder, compress, now=now)))


@app.command(dry_run=True)
@options.examples("recon record tail -f --to gate.db --owner TCNU")
def tail(
    records: Records = None,
    system: SystemName = None,
    target: Target = None,
    table: TableName = None,
    owner: Owner = None,
    number: Number = None,
    source: From = None,
    where: Where = None,
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, metavar="N", help="How many of the last records.")] = 10,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with those that come.")] = False,
    every: Annotated[float, typer.Option(min=0.05, metavar="SECONDS", help="How often to look.")] = 1.0,
) -> None:
    """Show the last records to come in, and with `-f` those that come; with `--json` one object a line."""
    call = options.current()
    with ends.reading(call, Flags(records, system, target, table)) as (found, rules, reader):
        book = rules.book
        query = ends.asked(rules, found, ends.pairs(where, owner=owner, number=number, source=source), (None,) * 3)
        seen = tailing.last(reader, book, query, lines)
        write = call.screen.out.write
        for row in seen:
            write(_line(book, row, json=call.json))
        call.screen.out.flush()
        for row in tailing.follow(reader, book, query, seen, lambda: time.sleep(every)) if follow else ():
            write(_line(book, row, json=call.json))
            call.screen.out.flush()


def _line(book: Book, row: Row, *, json: bool) -> str:
    told = document(book, row)
    return f"{dumps(told) if json else chr(9).join(escape.cell(told[name]) for name in for_people(book))}\n"
