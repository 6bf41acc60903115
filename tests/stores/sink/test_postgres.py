"""Postgres: rows that are new go in by COPY alone. Where that cannot be, or somebody is quicker, the merge decides."""

from __future__ import annotations

import threading
from contextlib import closing
from urllib.parse import urlsplit

from recon_cli.core.landing import Landing, Load, Parcel, Shape
from recon_cli.core.place import Place
from recon_cli.core.record import Record
from recon_cli.core.schema import Column, Schema
from recon_cli.stores.sink.registry import open_sink
from tests.support.targets import PostgresTarget

SCHEMA = Schema("things", (Column("k"), Column("who")), ("k",))
SHAPE = Shape(Landing(SCHEMA, rank=("who",)), ("k", "who"), ("k",))


def load(numbers: range, who: str) -> Load:
    return Load.of(SHAPE, [Parcel(Record("things", {"k": f"{number:06}", "who": who})) for number in numbers])


def test_two_that_write_the_same_new_rows_at_once_end_with_the_better_ones(pg: PostgresTarget) -> None:
    pg.make("CREATE TABLE things (k text PRIMARY KEY, who text)")
    rounds, each = 20, 200
    gate = threading.Barrier(2)

    def agent(who: str) -> None:
        with closing(open_sink(pg.place)) as sink:
            for number in range(rounds):
                rows = load(range(number * each, (number + 1) * each), who)
                gate.wait(60)
                sink.write([rows])

    workers = [threading.Thread(target=agent, args=(who,)) for who in ("PC01", "PC02")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert pg.ask("SELECT count(*), min(who), max(who) FROM things") == [(rounds * each, "PC01", "PC01")]


def test_rows_that_a_policy_guards_are_written_all_the_same(pg: PostgresTarget) -> None:
    """COPY obeys no policy, and says so."""
    pg.make(
        "CREATE TABLE things (k text PRIMARY KEY, who text)",
        "ALTER TABLE things ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY ours ON things USING (true) WITH CHECK (who <> 'nobody')",
        "DROP ROLE IF EXISTS recon_guarded",
        f"CREATE ROLE recon_guarded LOGIN PASSWORD '{pg.server.password}'",
        "GRANT ALL ON things TO recon_guarded",
    )
    parts = urlsplit(pg.url)
    _, _, host = parts.netloc.rpartition("@")
    place = Place(parts._replace(netloc=f"recon_guarded@{host}").geturl(), secret=lambda: pg.server.password)
    try:
        with closing(open_sink(place)) as sink:
            sink.write([load(range(3), "PC02")])
            sink.write([load(range(2, 5), "PC01")])
        assert pg.ask("SELECT k, who FROM things ORDER BY k") == [
            *((f"{number:06}", "PC02") for number in range(2)),
            *((f"{number:06}", "PC01") for number in range(2, 5)),
        ]
    finally:
        pg.make("DROP OWNED BY recon_guarded", "DROP ROLE recon_guarded")
