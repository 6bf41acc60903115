"""What every sink promises: twice is once, order does not matter, all or nothing, and each refusal in its class."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recon_cli.core.canonical import Value
from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.errors import GuardError, NotFoundError
from recon_cli.core.landing import Landing, Load, Mark, Parcel, Shape
from recon_cli.core.place import Place
from recon_cli.core.record import Record
from recon_cli.core.schema import Column, ColumnType, Schema
from recon_cli.stores.sink.base import Sink
from recon_cli.stores.sink.registry import open_sink
from tests.support.postgres import free_port
from tests.support.targets import MysqlTarget, RestTarget, SqliteTarget, Target

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
THINGS = Schema(
    "things",
    (
        Column("k"),
        Column("n", ColumnType.INTEGER),
        Column("who"),
        Column("path"),
        Column("doc", ColumnType.JSON),
        Column("at", ColumnType.TIMESTAMP),
        Column("source"),
    ),
    ("k",),
)
LANDING = Landing(THINGS, rank=("who", "path"), mark=Mark("source", "recon"))
SHAPE = Shape(LANDING, tuple(one.name for one in THINGS.columns), ("k",))
SIGHTS = Schema(
    "sights", (Column("k"), Column("first", ColumnType.TIMESTAMP), Column("last", ColumnType.TIMESTAMP)), ("k",)
)
SEEN = Shape(Landing(SIGHTS, earliest=("first",), latest=("last",)), ("k", "first", "last"), ("k",))
_TYPES = {
    "sqlite": ("text", "integer", "text", "text"),
    "mysql": ("varchar(64)", "bigint", "longtext", "datetime(6)"),
}
_PG = ("text", "bigint", "jsonb", "timestamptz")


@pytest.fixture
def made(target: Target) -> Target:
    """The target with both tables."""
    text, big, doc, moment = _TYPES.get(target.name, _PG)
    first, last = ("`first`", "`last`") if target.name == "mysql" else ('"first"', '"last"')
    target.make(
        f"CREATE TABLE things (k {text} PRIMARY KEY, n {big} NOT NULL, who {text}, path {text}, doc {doc}, "
        f"at {moment}, source {text})",
        f"CREATE TABLE sights (k {text} PRIMARY KEY, {first} {moment}, {last} {moment})",
    )
    return target


@pytest.fixture
def sink(made: Target) -> Iterator[Sink]:
    with closing(open_sink(made.place)) as opened:
        yield opened


def thing(k: str, n: int = 1, who: str = "PC02", **more: Value) -> Parcel:
    values: dict[str, Value] = {
        "k": k,
        "n": n,
        "who": who,
        "path": f"{who}/{n}",
        "doc": "{}",
        "at": NOON,
        "source": "recon",
        **more,
    }
    return Parcel(Record("things", values))


def sight(k: str, first: datetime, last: datetime) -> Parcel:
    values: Mapping[str, Value] = {"k": k, "first": first, "last": last}
    return Parcel(Record("sights", values))


def write(sink: Sink, *parcels: Parcel) -> None:
    shapes = {"things": SHAPE, "sights": SEEN}
    tables = dict.fromkeys(one.record.table for one in parcels)
    sink.write([Load.of(shapes[name], [one for one in parcels if one.record.table == name]) for name in tables])


def rows(sink: Sink) -> set[tuple[Any, ...]]:
    return {(k, int(str(n)), who) for k, n, who in sink.read("things", ["k", "n", "who"])}


def test_twice_is_once(sink: Sink) -> None:
    for _ in range(2):
        write(sink, thing("a"), thing("b", 2), sight("s", NOON, NOON))
    assert rows(sink) == {("a", 1, "PC02"), ("b", 2, "PC02")}
    assert len(list(sink.read("sights", ["k"]))) == 1


@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_first_the_same_row_stands(sink: Sink, seed: int) -> None:
    dice = random.Random(seed)
    wanted = [thing("a", 5, "PC01"), thing("a", 3, "PC02"), thing("a", 9, "pc01"), thing("a", 1, "김")]
    others = [thing("b", n, "PC0") for n in range(3)]
    for parcel in dice.sample([*wanted, *others], 7):
        write(sink, parcel)
    assert rows(sink) == {("a", 5, "PC01"), ("b", 0, "PC0")}


def test_two_of_one_key_in_one_batch_are_one(sink: Sink) -> None:
    write(sink, thing("a", 7, "PC02"), thing("a", 4, "PC01"), thing("b", 1))
    assert rows(sink) == {("a", 4, "PC01"), ("b", 1, "PC02")}


def test_a_row_of_another_program_gives_way_to_ours_and_never_the_other_way_round(sink: Sink, made: Target) -> None:
    made.ask(
        "INSERT INTO things (k, n, who, path, source) VALUES ('a', 1, 'A', 'A', 'older'), ('b', 1, 'A', 'A', NULL)"
    )
    write(sink, thing("a", 8, "Z"), thing("b", 9, "Z"))
    assert rows(sink) == {("a", 8, "Z"), ("b", 9, "Z")}
    write(sink, thing("a", 2, "A", source="adopted"), thing("c", 3, "A", source="adopted"))
    assert rows(sink) == {("a", 8, "Z"), ("b", 9, "Z"), ("c", 3, "A")}


def test_a_row_under_an_older_key_becomes_the_row_of_the_new_one(sink: Sink, made: Target) -> None:
    made.ask("INSERT INTO things (k, n, who, source) VALUES ('old', 1, 'A', 'older'), ('mine', 2, 'A', 'recon')")
    write(sink, Parcel(thing("new", 5).record, older=("old", "x")), Parcel(thing("other", 6).record, older=("mine",)))
    assert rows(sink) == {("new", 5, "PC02"), ("mine", 2, "A"), ("other", 6, "PC02")}
    write(sink, Parcel(thing("new", 5).record, older=("old", "x")))
    assert len(rows(sink)) == 3


@pytest.mark.parametrize("seed", range(3))
def test_the_first_and_the_last_time_are_kept_in_any_order(sink: Sink, made: Target, seed: int) -> None:
    days = [NOON + timedelta(days=n) for n in range(5)]
    spans = [(days[2], days[2]), (days[0], days[1]), (days[3], days[4]), (days[1], days[3])]
    for first, last in random.Random(seed).sample(spans, 4):
        write(sink, sight("s", first, last))
    ((first_seen, last_seen),) = made.ask(
        "SELECT `first`, `last` FROM sights" if made.name == "mysql" else 'SELECT "first", "last" FROM sights'
    )
    assert [_moment(one) for one in (first_seen, last_seen)] == [days[0], days[4]]


def _moment(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def test_numbers_texts_and_documents_arrive_as_they_are(sink: Sink, made: Target) -> None:
    document = '{"ID": 638961224831992165, "x": 1.10, "t": "겨울 \\" \\\\ \\n \U0001f0a1", "big": 1e400}'
    odd = "겨울 \"'\\ \t{},\U0001f0a1%s"
    write(sink, thing("a", 2**63 - 1, odd, doc=document, path=None), thing("b", -(2**63), "b", at=None))
    assert rows(sink) == {("a", 2**63 - 1, odd), ("b", -(2**63), "b")}
    ((kept,),) = made.ask("SELECT doc FROM things WHERE k = 'a'")
    if isinstance(kept, str):
        assert kept == document
    else:
        asked = "SELECT doc ->> 'ID', doc ->> 'x', length(doc ->> 'big'), doc ->> 't' FROM things WHERE k = 'a'"
        assert made.ask(asked) == [("638961224831992165", "1.10", 401, '겨울 " \\ \n \U0001f0a1')]
    ((at,),) = made.ask("SELECT at FROM things WHERE k = 'a'")
    assert _moment(at) == NOON


def test_a_refused_row_is_poison_and_takes_none_of_its_batch_along(sink: Sink) -> None:
    write(sink, thing("a"))
    with pytest.raises(DeliveryError) as refused:
        write(sink, thing("b"), thing("c", None), thing("d"))  # type: ignore[arg-type]  # NULL where none may be
    assert refused.value.failure is Failure.POISON
    assert refused.value.detail
    assert rows(sink) == {("a", 1, "PC02")}
    write(sink, thing("b"))
    assert len(rows(sink)) == 2


def test_a_table_or_a_column_that_is_gone_is_drift_and_the_way_back_needs_no_restart(sink: Sink, made: Target) -> None:
    write(sink, thing("a"))
    made.make("ALTER TABLE things RENAME COLUMN path TO road")
    with pytest.raises(DeliveryError) as refused:
        write(sink, thing("b"))
    assert refused.value.failure is Failure.DRIFT
    made.make("ALTER TABLE things RENAME COLUMN road TO path", "ALTER TABLE things RENAME TO others")
    with pytest.raises(DeliveryError) as refused:
        write(sink, thing("b"))
    assert refused.value.failure is Failure.DRIFT
    made.make("ALTER TABLE others RENAME TO things")
    write(sink, thing("b"))
    assert len(rows(sink)) == 2


def test_a_wrong_key_is_auth_and_a_server_that_is_away_is_transient(made: Target) -> None:
    if isinstance(made, SqliteTarget):
        with closing(open_sink(Place(f"sqlite:///{made.path}.none"))) as sink, pytest.raises(DeliveryError) as refused:
            write(sink, thing("a"))
        assert refused.value.failure is Failure.TRANSIENT
        return
    with closing(open_sink(Place(made.place.url, secret=lambda: "wrong"))) as sink:
        with pytest.raises(DeliveryError) as refused:
            write(sink, thing("a"))
        assert refused.value.failure is Failure.AUTH
    port = str(made.rest.port if isinstance(made, RestTarget) else made.server.port)  # type: ignore[attr-defined]
    away = Place(made.place.url.replace(port, str(free_port())), secret=made.place.secret, options={"timeout_s": 2})
    with closing(open_sink(away)) as sink, pytest.raises(DeliveryError) as refused:
        write(sink, thing("a"))
    assert refused.value.failure is Failure.TRANSIENT


def test_what_a_target_declares_can_be_asked_and_ddl_run_where_it_takes_any(sink: Sink, made: Target) -> None:
    assert sink.catalog().table("things") is not None
    if not sink.changeable:
        with pytest.raises(GuardError):
            sink.run(["CREATE TABLE x (a int)"])
        return
    sink.run(["CREATE TABLE one (a int)", "CREATE TABLE two (a int)"])
    assert made.ask("SELECT count(*) FROM two") == [(0,)]


def test_a_large_table_is_read_in_a_stream_and_whole(sink: Sink) -> None:
    for start in range(0, 2500, 500):
        write(sink, *[thing(f"k{number:05}", number) for number in range(start, start + 500)])
    assert sorted(rows(sink)) == [(f"k{number:05}", number, "PC02") for number in range(2500)]


def test_a_database_that_is_not_there_is_said(target: Target) -> None:
    if isinstance(target, RestTarget):
        pytest.skip("a REST server has one database")
    url = f"{target.place.url}_none"
    with closing(open_sink(Place(url, secret=target.place.secret))) as sink, pytest.raises(NotFoundError):
        sink.catalog()


def test_the_body_over_rest_holds_the_document_byte_for_byte(made: Target, sink: Sink) -> None:
    if isinstance(made, MysqlTarget | SqliteTarget):
        pytest.skip("over REST only")
    write(sink, thing("a", doc='{"n": 123456789012345678901234567890, "f": 0.1000}'))
    ((kept,),) = made.ask("SELECT doc::text FROM things")
    assert json.loads(kept, parse_float=str) == {"n": 123456789012345678901234567890, "f": "0.1000"}
