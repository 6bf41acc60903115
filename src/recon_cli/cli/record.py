"""`recon record`: records as they happen."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from recon_cli.cli import options
from recon_cli.cli import record_ends as ends
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
from recon_cli.jobs.record.search import search_records
from recon_cli.jobs.record.stats import stats as counted

app = options.App(help="Add records as they happen; search, count, archive and follow them.")


@app.command(dry_run=True)
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
    order: Annotated[str | None, typer.Option(metavar="COLUMN", help="Sort by it; by time, unless set.")] = None,
    descending: Annotated[bool, typer.Option("--desc", help="The last first.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="Records of one page.")] = 100,
    every: Annotated[bool, typer.Option("--all", help="All of them, streamed.")] = False,
    after: Annotated[str | None, typer.Option(metavar="PLACE", help="Behind `next` of the page before.")] = None,
    json_lines: Annotated[bool, typer.Option("--json-lines", help="One JSON object a line.")] = False,
) -> None:
    """Find records by owner, number, time, source or text; sorted, page by page.

    Example: `recon record search --to postgresql://recon@db/gate --owner TCNU --since 7d --desc`
    """
    call = options.current()
    with ends.reading(call, Flags(records, system, target, table, zone)) as (found, rules, reader):
        named = ends.pairs(where, owner=owner, number=number, source=source)
        query = ends.asked(rules, found, named, (since, until, text))
        place = searching.place_of(after) if after else None
        page = replace(query, order=order or "", descending=descending, limit=None if every else limit, after=place)
        call.show(search_records(reader, rules.book, page), json_lines=json_lines)


@app.command(dry_run=True)
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
    """Count records, by day (UTC), owner, source or what else the system has.

    Example: `recon record stats --to gate.db --by day --by owner`
    """
    call = options.current()
    with ends.reading(call, Flags(records, system, target, table, zone)) as (found, rules, reader):
        named = ends.pairs(where, owner=owner, number=number, source=source)
        call.show(counted(reader, rules.book, by or (), ends.asked(rules, found, named, (since, until, text))))
