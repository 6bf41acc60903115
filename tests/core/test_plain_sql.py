"""Plain SQL: an expression out of a file may compute, and do nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.core.plain_sql import is_plain, statement_kind

PLAIN = [
    "0",
    "-1",
    "'it''s'",
    "NULL",
    "X'00ff'",
    "1.5e-3",
    "CURRENT_TIMESTAMP",
    "current_timestamp(6)",
    "now()",
    "(datetime('now'))",
    "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    "gen_random_uuid()",
    "extensions.uuid_generate_v4()",
    "nextval('jobs_id_seq'::regclass)",
    "'{}'::jsonb",
    "'a'::character varying(20)",
    "'{}'::text[]",
    "(0)::numeric(10,2)",
    "'2026-01-01 00:00:00+00'::timestamp with time zone",
    "timezone('utc'::text, now())",
    "(now() AT TIME ZONE 'utc'::text)",
    "length(name) > 0 AND name NOT LIKE '%/%'",
    "\"상태\" IN ('new', 'done')",
    "((status)::text = ANY ((ARRAY['new'::character varying, 'done'::character varying])::text[]))",
    "price BETWEEN 0 AND 1e6 OR price IS NULL",
    "CASE WHEN a > 1 THEN 'many' ELSE 'one' END",
    "CAST(a AS INTEGER) % 2 = 0",
    "json_valid(body)",
    "lower(email)",
    "coalesce(a, b, '')",
    "_utf8mb4'글'",
    "[na me] <> `other`",
    "a=-1",
    "a IS NOT DISTINCT FROM b",
    "name COLLATE nocase",
    "x ~ '^\\d+$'",
    "doc -> 'a' ->> 'b' IS NOT NULL",
    "to_tsvector('english'::regconfig, body)",
    "NOT (a OR b)",
    "date '2026-01-01'",
    "a NOT NULL",
    "extract(year FROM made)",
]
NOT_PLAIN = [
    "",
    "()",
    "SELECT 1",
    "(SELECT password FROM users)",
    "a IN (SELECT 1)",
    "a IN users",
    "EXISTS (SELECT 1)",
    "1; DROP TABLE x",
    "1 -- rest",
    "1 /* rest */",
    "1 # rest",
    "load_extension('x')",
    "pg_sleep(1000)",
    'pg_catalog."pg_sleep"(1)',
    '"pg_sleep"(1)',
    "`load_extension`('x')",
    "[load_extension]('x')",
    "public.lower('x')",
    "extensions.evil()",
    "nextval(currval('x'))",
    "nextval('x' || 'y')",
    "readfile('/etc/passwd')",
    "randomblob(1000000000)",
    "repeat('x', 1000000000)",
    "0, b TEXT",
    "0) , (1",
    "1) REFERENCES x (y",
    "0 REFERENCES x",
    "0 CHECK (1)",
    "0 UNIQUE",
    "'a' 'b'",
    "'open",
    "'\\'; DROP TABLE x; --'",
    "E'\\''",
    "`a; DROP TABLE x`",
    "[a; DROP TABLE x]",
    "ARRAY['x] , (SELECT 1) ; ']",
    "$$x$$",
    "a$b",
    "@@global.x",
    "@a := 1",
    ":name",
    "?",
    "a NOT",
    "a +",
    "CASE WHEN 1 THEN 2",
    "a b",
    "a\0b",
    "chec\u212a(1)",
    "'x'::evil_type",
    "CAST(a AS evil(1))",
    "raise(abort, 'x')",
    "a OPERATOR(public.=) b",
    "a =# b",
    "(" * 5000 + "1" + ")" * 5000,
]


@pytest.mark.parametrize("expression", PLAIN)
def test_what_schemas_really_contain_is_plain(expression: str) -> None:
    assert is_plain(expression)


@pytest.mark.parametrize("expression", NOT_PLAIN)
def test_what_could_do_something_is_not_plain(expression: str) -> None:
    assert not is_plain(expression)


def test_an_enum_of_the_same_catalog_is_plain_in_a_cast_and_nowhere_else() -> None:
    assert is_plain("'new'::job_state", types=["job_state"])
    assert is_plain("'new'::public.\"Job State\"", types=["public.Job State"])
    assert not is_plain("job_state('new')", types=["job_state"])
    assert not is_plain("'new'::job_state")


PIECES = st.sampled_from(
    [
        *"'\"`[]();,.+-*/\\$#@:?\0",
        *("SELECT", "FROM", "users", "a", "lower", "IN", "NOT", "CASE", "WHEN", "END", "AND", "'x'", '"q"', "1", "--"),
        *("/*", "*/", "::", "text", "E", "ARRAY", "load_extension", "||", "CAST", "AS", " ", "\n", "IS NULL", "now()"),
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_text_gets_a_verdict_and_a_plain_one_holds_no_statement(text: str) -> None:
    if not is_plain(text):
        return
    assert statement_kind(text) is None
    assert ";" not in text.replace("';'", "")
    assert "--" not in text
    assert "/*" not in text


@given(st.lists(PIECES, min_size=1, max_size=8).map("".join))
def test_a_plain_expression_never_reads_another_table_on_sqlite(text: str) -> None:
    if not is_plain(text):
        return
    read: list[str | None] = []

    def watch(action: int, one: str | None, *_: str | None) -> int:
        read.append(one) if action == sqlite3.SQLITE_READ else None
        return sqlite3.SQLITE_OK

    with closing(sqlite3.connect(":memory:")) as base:
        base.executescript("CREATE TABLE mine (a, q, text, E); CREATE TABLE users (a)")
        base.set_authorizer(watch)
        try:
            base.execute(f"SELECT {text} FROM mine").fetchall()  # noqa: S608  that is what is tried
        except (sqlite3.Error, sqlite3.Warning):
            return
    assert set(read) <= {"mine", ""}


SAMPLES = st.recursive(
    st.sampled_from(["a", "1", "'x'", '"q"', "NULL", "now()", "CURRENT_DATE"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "=", "AND", "LIKE", "IS NOT", "||", "BETWEEN 1 AND"]), inner).map(
            " ".join
        ),
        inner.map(lambda one: f"({one})"),
        inner.map(lambda one: f"lower({one})"),
        inner.map(lambda one: f"CASE WHEN {one} THEN {one} END"),
        inner.map(lambda one: f"CAST({one} AS varchar(10))"),
        inner.map(lambda one: f"({one})::text[]"),
    ),
    max_leaves=8,
)


@given(SAMPLES, st.sampled_from(["; x", " -- x", " SELECT", ", b", ")", " evil(1)", "'", " b"]))
def test_whatever_is_built_of_plain_parts_is_plain_until_something_is_hung_on(expression: str, evil: str) -> None:
    assert is_plain(expression)
    assert not is_plain(expression + evil)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("CREATE TABLE a (b TEXT DEFAULT ';')", "table"),
        ("create table if not exists [a;b] (c) -- the end", "table"),
        ("CREATE TEMP TABLE a (b);", "table"),
        ("CREATE TABLE a AS SELECT 1", "table as"),
        ("CREATE VIRTUAL TABLE a USING fts5(b)", "virtual table"),
        ("CREATE UNIQUE INDEX a ON b (c) WHERE d IS NULL", "index"),
        ("CREATE VIEW a AS SELECT ';' FROM b", "view"),
        (
            "CREATE TRIGGER a AFTER INSERT ON b BEGIN UPDATE b SET c = CASE WHEN 1 THEN 2 END; DELETE FROM d; END",
            "trigger",
        ),
        ("CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1; END; DROP TABLE b", None),
        ("CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1; END SELECT 2; END", None),
        ("CREATE TABLE a (b); DROP TABLE c", None),
        ("CREATE VIEW a AS SELECT 1; DROP TABLE c", None),
        ("DROP TABLE a", None),
        ("", None),
        ("CREATE", None),
        ("CREATE TABLE a (b TEXT DEFAULT 'open)", None),
        ("CREATE TABLE a (b)\0; DROP TABLE c", None),
        ("-- CREATE TABLE a\nDROP TABLE b", None),
    ],
)
def test_a_text_counts_as_a_statement_only_if_it_is_one_alone(sql: str, kind: str | None) -> None:
    assert statement_kind(sql) == kind


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; SELECT 2 $$", "function"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $a$ SELECT '$$'; $a$; DROP TABLE x", None),
        ("CREATE MATERIALIZED VIEW a AS SELECT (ARRAY[1,2])[1]", "materialized"),
        ("CREATE TYPE a AS ENUM ('x', 'y')", "type"),
        ("CREATE VIEW a AS SELECT x[1] FROM b; DROP TABLE c; SELECT y[1]", None),
    ],
)
def test_dollar_quotes_and_subscripts_are_read_as_postgres_reads_them(sql: str, kind: str | None) -> None:
    assert statement_kind(sql, "postgresql") == kind


def test_what_a_statement_text_looks_like_on_an_engine_not_known_is_not_guessed() -> None:
    assert statement_kind("CREATE TABLE a (b)", "mysql") is None
