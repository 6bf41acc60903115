"""What the double of PostgREST answers, where others build on it: as PostgREST's documentation has it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest

from tests.support import postgres, postgrest
from tests.support.postgrest import Rest


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.PostgresServer]:
    with postgres.running() as running:
        yield running


@pytest.fixture
def rest(server: postgres.PostgresServer) -> Iterator[Rest]:
    with postgrest.serving(server.database(), server.password) as served:
        served.sql(
            "CREATE TABLE hands (id integer PRIMARY KEY, hash text NOT NULL UNIQUE, body jsonb, size integer DEFAULT 7)"
        )
        yield served


def ask(
    rest: Rest, method: str, path: str, body: Any = None, *, prefer: str = "", key: str | None = None
) -> tuple[int, Any, dict[str, str]]:
    token = rest.key if key is None else key
    headers = {"apikey": token, "Authorization": f"Bearer {token}", "Prefer": prefer}
    with closing(http.client.HTTPConnection("127.0.0.1", rest.port, timeout=5)) as link:
        text = None if body is None else json.dumps(body)
        link.request(method, quote(path, safe="/?=&,.()*:\"'"), text, headers)
        answer = link.getresponse()
        read = answer.read()
        return answer.status, json.loads(read) if read else None, dict(answer.getheaders())


def filled(rest: Rest, rows: int = 5) -> None:
    ask(rest, "POST", "/hands", [{"id": number, "hash": f"h{number}"} for number in range(rows)])


def test_an_insert_answers_201_and_gives_rows_only_when_they_are_asked_for(rest: Rest) -> None:
    assert ask(rest, "POST", "/hands", [{"id": 1, "hash": "a"}])[:2] == (201, None)
    status, rows, _headers = ask(
        rest, "POST", "/hands?select=id,size", [{"id": 2, "hash": "b"}], prefer="return=representation"
    )
    assert (status, rows) == (201, [{"id": 2, "size": 7}])


def test_unequal_keys_are_refused_unless_the_columns_are_named(rest: Rest) -> None:
    rows = [{"id": 1, "hash": "a"}, {"id": 2, "hash": "b", "size": 3}]
    status, body, _headers = ask(rest, "POST", "/hands", rows)
    assert (status, body["code"], body["message"]) == (400, "PGRST102", "All object keys must match")
    assert ask(rest, "POST", "/hands?columns=id,hash,size", rows)[0] == 201
    assert rest.sql("SELECT size FROM hands ORDER BY id") == [(None,), (3,)]


@pytest.mark.parametrize(
    ("rows", "prefer", "status", "code"),
    [
        ([{"id": 1, "hash": "x"}], "", 409, "23505"),
        ([{"id": 9, "hash": "x"}] * 2, "resolution=merge-duplicates", 500, "21000"),
        ([{"id": 9, "hash": None}], "", 400, "23502"),
        ([{"id": "many", "hash": "x"}], "", 400, "22P02"),
        ([{"id": 9, "hash": "x", "colour": 1}], "", 400, "PGRST204"),
        ([{"id": 9, "hash": "h1"}], "resolution=merge-duplicates", 409, "23505"),
    ],
)
def test_what_the_database_refuses_comes_with_its_code(
    rest: Rest, rows: list[dict[str, Any]], prefer: str, status: int, code: str
) -> None:
    filled(rest)
    got, body, _headers = ask(rest, "POST", "/hands", rows, prefer=prefer)
    assert set(body) == {"code", "message", "details", "hint"}
    assert (got, body["code"]) == (status, code)
    assert rest.sql("SELECT count(*) FROM hands") == [(5,)]


def test_duplicates_are_merged_or_ignored_by_the_named_constraint(rest: Rest) -> None:
    filled(rest, 2)
    rows = [{"id": 0, "hash": "h0", "size": 1}, {"id": 2, "hash": "h2", "size": 2}]
    merged = ask(rest, "POST", "/hands?on_conflict=hash", rows, prefer="resolution=merge-duplicates")
    assert merged[0] == 201
    changed = [{"id": 0, "hash": "h0", "size": 99}]
    prefer = "resolution=ignore-duplicates,return=representation"
    assert ask(rest, "POST", "/hands?on_conflict=hash", changed, prefer=prefer)[1] == []
    assert rest.sql("SELECT id, size FROM hands ORDER BY id") == [(0, 1), (1, 7), (2, 2)]
    status, body, _headers = ask(rest, "POST", "/hands?on_conflict=size", rows, prefer="resolution=merge-duplicates")
    assert (status, body["code"]) == (400, "42P10")


def test_a_capped_page_and_the_exact_count_are_told_in_the_range(rest: Rest) -> None:
    filled(rest)
    rest.max_rows = 2
    status, rows, headers = ask(rest, "GET", "/hands?order=id.desc&select=id&limit=4", prefer="count=exact")
    assert (status, rows, headers["Content-Range"]) == (206, [{"id": 4}, {"id": 3}], "0-1/5")
    assert ask(rest, "GET", "/hands?id=gt.99")[2]["Content-Range"] == "*/*"
    assert ask(rest, "HEAD", "/hands", prefer="count=exact")[2]["Content-Range"] == "0-1/5"
    status, body, _headers = ask(rest, "GET", "/hands?offset=9", prefer="count=exact")
    assert (status, body["code"]) == (416, "PGRST103")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("id=eq.2", [2]),
        ("id=gt.1&id=lte.3", [2, 3]),
        ("id=not.lt.3", [3, 4]),
        ('hash=in.(h1,"h4")', [1, 4]),
        ("body=is.null&id=lt.2", [0, 1]),
        ("or=(id.eq.0,and(id.gt.2,hash.neq.h3))", [0, 4]),
        ("and=(id.gte.1,not.or(hash.eq.h2,hash.eq.h3))", [1, 4]),
        ("hash=like.*", []),
        ("order=hash.desc.nullslast,id.asc&limit=1", [4]),
    ],
)
def test_filters_find_what_they_say(rest: Rest, query: str, ids: list[int]) -> None:
    filled(rest)
    _status, rows, _headers = ask(rest, "GET", f"/hands?select=id&{query}")
    assert sorted(row["id"] for row in rows) == ids


def test_a_cast_gives_text_under_the_columns_name(rest: Rest) -> None:
    ask(rest, "POST", "/hands", [{"id": 1, "hash": "a", "body": {"n": 1.10}}])
    _status, rows, _headers = ask(rest, "GET", "/hands?select=id::text,body::text,other:hash")
    assert rows == [{"id": "1", "body": '{"n": 1.1}', "other": "a"}]


def test_rows_are_changed_and_deleted_by_filters(rest: Rest) -> None:
    filled(rest)
    assert ask(rest, "PATCH", "/hands?id=lt.2", {"size": 1}, prefer="count=exact")[2]["Content-Range"] == "*/2"
    status, rows, _headers = ask(rest, "DELETE", "/hands?size=eq.1&select=id", prefer="return=representation")
    assert (status, rows) == (200, [{"id": 0}, {"id": 1}])
    assert ask(rest, "DELETE", "/hands?id=eq.4")[:2] == (204, None)
    assert rest.sql("SELECT id FROM hands ORDER BY id") == [(2,), (3,)]


def test_what_cannot_be_read_and_what_is_not_there_have_their_own_codes(rest: Rest) -> None:
    assert ask(rest, "GET", "/nothing")[:2][0] == 404
    assert ask(rest, "GET", "/nothing")[1]["code"] == "PGRST205"
    assert ask(rest, "GET", "/hands?id=near.3")[1]["code"] == "PGRST100"
    assert ask(rest, "GET", "/hands?select=colour")[1]["code"] == "42703"
    assert ask(rest, "GET", "/hands", key="wrong")[0] == 401


def test_a_fault_comes_as_often_as_it_was_asked_for_and_only_to_its_method(rest: Rest) -> None:
    rest.faults.answer(429, times=2, retry_after_s=3, method="POST")
    row = [{"id": 1, "hash": "a"}]
    first, second, third = (ask(rest, "POST", "/hands", row) for _ in range(3))
    assert [first[0], second[0], third[0]] == [429, 429, 201]
    assert first[2]["Retry-After"] == "3"
    assert ask(rest, "GET", "/hands?select=id")[1] == [{"id": 1}]


@pytest.mark.parametrize(("after_commit", "there"), [(False, 0), (True, 1)])
def test_a_connection_closed_after_the_commit_leaves_the_row(rest: Rest, *, after_commit: bool, there: int) -> None:
    rest.faults.close(after_commit=after_commit)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(rest, "POST", "/hands", [{"id": 1, "hash": "a"}])
    assert rest.sql("SELECT count(*) FROM hands") == [(there,)]


def test_a_black_hole_takes_the_request_and_says_nothing(rest: Rest) -> None:
    rest.faults.black_hole()
    with closing(http.client.HTTPConnection("127.0.0.1", rest.port, timeout=0.1)) as link:
        link.request("GET", "/hands")
        with pytest.raises(TimeoutError):
            link.getresponse()
    rest.faults.delay(0.01)
    assert ask(rest, "GET", "/hands")[0] == 200
