"""Postgres and MariaDB: logins, errors, existing tables with types of their own."""

from __future__ import annotations

import socket
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from recon_cli.core.canonical import Value
from recon_cli.core.errors import AuthError, DataError, NotFoundError, ReconError, ToolMissingError, UnreachableError
from recon_cli.core.place import Place
from recon_cli.core.plan import Change, ChangeKind
from recon_cli.core.schema import Column, ColumnType, Schema
from recon_cli.stores.registry import open_records
from tests.stores.conformance import MODELS, Bench, create, keys, model, row, update, write
from tests.stores.engines import MariaBench, PostgresBench
from tests.support.mariadb import MariaServer
from tests.support.postgres import PostgresServer


@pytest.fixture
def pg(postgres_server: PostgresServer) -> Iterator[Bench]:
    bench = PostgresBench(postgres_server)
    yield bench
    bench.store.close()


@pytest.fixture
def maria(mariadb_server: MariaServer) -> Iterator[Bench]:
    bench = MariaBench(mariadb_server)
    yield bench
    bench.store.close()


@pytest.fixture(params=["pg", "maria"])
def server(request: pytest.FixtureRequest) -> Bench:
    bench: Bench = request.getfixturevalue(request.param)
    return bench


def _fails(url: str, password: str) -> ReconError:
    store = open_records(Place(url, secret=lambda: password, options={"timeout_s": 2}))
    with pytest.raises(ReconError) as caught:
        store.columns()
    store.close()
    shown = "".join(traceback.format_exception(caught.value)) + str(caught.value.document()) + repr(store.__dict__)
    assert password not in shown
    assert caught.value.hint
    return caught.value


def test_a_wrong_password_is_told_and_never_shown(server: Bench) -> None:
    assert isinstance(_fails(server.url, "wr0ng-s3cret"), AuthError)


def test_an_unknown_user_is_told(server: Bench) -> None:
    assert isinstance(_fails(server.url.replace("recon@", "nobody_here@"), "wr0ng-s3cret"), AuthError)


def test_an_unknown_database_is_told(server: Bench) -> None:
    assert isinstance(_fails(server.url.rpartition("/")[0] + "/no_such_db", server.password or ""), NotFoundError)


def test_a_server_that_is_not_there_is_told_as_retryable(server: Bench) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    url = server.url.rpartition(":")[0] + f":{port}/x"
    caught = _fails(url, "wr0ng-s3cret")
    assert isinstance(caught, UnreachableError)
    assert caught.retryable


def test_a_password_in_the_url_works_and_is_not_shown(server: Bench) -> None:
    url = server.url.replace("recon@", f"recon:{server.password}@")
    store = open_records(Place(url))
    assert store.columns() == {}
    assert store.url == server.url
    store.close()


def test_libpq_finds_the_password_in_its_own_places(pg: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGPASSWORD", pg.password or "")
    for url in (pg.url, pg.url.replace("postgresql://", "postgres://") + "?sslmode=prefer"):
        store = open_records(Place(url))
        assert store.columns() == {}
        store.close()
    monkeypatch.delenv("PGPASSWORD")
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"*:*:*:*:{pg.password}\n")
    passfile.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    store = open_records(Place(pg.url))
    assert store.columns() == {}
    store.close()


@pytest.mark.parametrize(
    ("url", "driver", "extra"), [("postgresql://h/d", "psycopg", "postgres"), ("mysql://h/d", "pymysql", "mysql")]
)
def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch, url: str, driver: str, extra: str) -> None:
    for name in [one for one in sys.modules if one.startswith((driver, f"recon_cli.stores.{extra}"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(ToolMissingError) as caught:
        open_records(Place(url))
    assert f"pip install 'recon-cli[{extra}]'" in (caught.value.hint or "")


def test_existing_postgres_columns_decide_what_is_written(pg: Bench) -> None:
    pg.sql(
        "CREATE TABLE models (id uuid PRIMARY KEY, name varchar(10) NOT NULL, paths text, share_token text UNIQUE,"
        " created_at text, real_height numeric(6,2), public int, access_count text, at timestamp(0),"
        " day date, sizes int[], single real, kind interval)"
    )
    wide = Schema(
        "models",
        (
            *MODELS.columns,
            Column("at", ColumnType.TIMESTAMP),
            Column("day", ColumnType.TIMESTAMP),
            Column("sizes", ColumnType.JSON),
            Column("single", ColumnType.REAL),
            Column("kind"),
        ),
        ("id",),
    )
    key = "12345678-1234-5678-1234-567812345678"
    values: dict[str, Value] = {
        "id": key,
        "name": "n",
        "paths": {"a": 1},
        "created_at": "2024-03-01T09:00:00+09:00",
        "real_height": 2.3,
        "public": True,
        "access_count": 7,
        "at": "2024-03-01 09:00:00.75",
        "day": "2024-03-01",
        "sizes": [1, 2],
        "single": 1.1,
        "kind": "2 days",
    }
    change = Change(ChangeKind.CREATE, "models", (key,), values)
    pg.store.apply([change], {"models": wide}, base={}, prepared=lambda _undo: None)
    got = next(iter(pg.store.read("models"))).values
    for name, value in values.items():
        assert got[name] == pg.store.insert_literal(wide, name, value), name
    assert got["id"] == UUID(key)
    assert got["created_at"] == "2024-03-01 00:00:00"
    assert got["paths"] == '{"a": 1}'
    assert got["real_height"] == Decimal("2.30")
    assert (got["at"], got["day"]) == (datetime(2024, 3, 1, 9, 0, 0), date(2024, 3, 1))  # noqa: DTZ001  no zone there
    assert (got["sizes"], got["kind"], got["public"]) == ([1, 2], "2 days", 1)


def test_postgres_values_that_python_lacks_are_read_as_text(pg: Bench) -> None:
    pg.sql(
        "CREATE TABLE odd (id int PRIMARY KEY, at timestamptz, day date, doc jsonb, net inet, amount numeric)",
        "INSERT INTO odd VALUES (1, 'infinity', '0044-03-15 BC', '{\"n\": 1.10000000000000000001}', '10.0.0.1', 'NaN')",
        "INSERT INTO odd VALUES (2, '2024-01-01 09:00+09', '2024-01-01', '\"text\"', NULL, 1.50)",
    )
    first, second = (found.values for found in pg.store.read("odd", ("id",)))
    assert (first["at"], first["day"], first["net"]) == ("infinity", "0044-03-15 BC", "10.0.0.1/32")
    assert first["doc"] == '{"n": 1.10000000000000000001}'
    assert second["at"] == datetime(2024, 1, 1, tzinfo=UTC)
    assert (second["doc"], str(second["amount"])) == ('"text"', "1.50")
    assert pg.store.fingerprint("odd").rows == 2


def test_the_applications_next_id_is_free_after_rows_with_ids_of_their_own(pg: Bench) -> None:
    write(pg.store, model("a"), create("notes", id=41, model_token="t-a", text="recovered"))
    pg.sql("INSERT INTO notes (model_token) VALUES ('t-a')")
    assert keys(pg.store, "notes") == [41, 42]


def test_a_value_too_long_for_its_column_names_row_and_column(server: Bench) -> None:
    with pytest.raises(DataError, match=r"row b .*share_token"):
        write(server.store, model("a"), model("b", share_token="x" * 65))
    assert server.store.columns() == {}


def test_a_row_without_its_parent_is_refused_by_name(server: Bench) -> None:
    write(server.store, model("a"))
    before = server.dump()
    with pytest.raises(DataError, match="notes"):
        write(server.store, create("notes", id=5, model_token="nobody"))
    assert server.dump() == before


def test_another_postgres_schema_is_used_when_asked_for(pg: Bench) -> None:
    pg.sql("CREATE SCHEMA apps")
    store = open_records(Place(pg.url, secret=lambda: pg.password, options={"schema": "apps"}))
    write(store, model("a"), create("notes", model_token="t-a"))
    assert pg.store.columns() == {}
    assert set(store.columns()) == {"models", "notes"}
    store.close()


def test_mariadb_columns_that_stamp_themselves_stay_as_they_are(maria: Bench) -> None:
    maria.sql(
        "CREATE TABLE models (id VARCHAR(32) PRIMARY KEY, name TEXT, real_height FLOAT,"
        " touched TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP)",
        "INSERT INTO models VALUES ('a', 'n', 1.1, '2001-01-01 00:00:00')",
    )
    before = maria.dump()
    undo = write(maria.store, update("models", "a", name="x", real_height=2.3))
    assert row(maria.store, "models", "a")["touched"] == datetime(2001, 1, 1)  # noqa: DTZ001  no zone there
    maria.store.revert(undo)
    assert maria.dump() == before


def test_a_mariadb_table_without_transactions_is_refused(maria: Bench) -> None:
    maria.sql("CREATE TABLE models (id VARCHAR(32) PRIMARY KEY, name TEXT) ENGINE=MyISAM")
    with pytest.raises(DataError, match="MyISAM") as caught:
        write(maria.store, create("models", id="a", name="n"))
    assert "InnoDB" in (caught.value.hint or "")


def test_a_mariadb_table_without_a_key_is_still_written_and_undone(maria: Bench) -> None:
    maria.sql("CREATE TABLE t (id INT, v TEXT)", "INSERT INTO t VALUES (1, 'a'), (2, NULL)")
    schema = Schema("t", (Column("id", ColumnType.INTEGER), Column("v")), ("id",))
    before = maria.dump()
    changes = [
        Change(ChangeKind.UPDATE, "t", (2,), {"v": "b"}),
        Change(ChangeKind.CREATE, "t", (3,), {"id": 3, "v": None}),
    ]
    undo = maria.store.apply(changes, {"t": schema}, base={}, prepared=lambda _undo: None)
    assert [found.values["v"] for found in maria.store.read("t", ("id",))] == ["a", "b", None]
    maria.store.revert(undo)
    assert maria.dump() == before
