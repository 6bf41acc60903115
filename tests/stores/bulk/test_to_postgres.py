"""What other engines' tables become in Postgres: decided by what the rows hold, and said."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.core.catalog import (
    Catalog,
    DeclaredCheck,
    DeclaredColumn,
    DeclaredForeignKey,
    DeclaredIndex,
    DeclaredObject,
    DeclaredTable,
    Kind,
    Numbered,
)
from recon_cli.stores.bulk import to_sqlite
from recon_cli.stores.bulk.base import Incoming, Row
from recon_cli.stores.bulk.to_postgres import cell_of, converters, for_postgres, json_cell


def incoming(table: DeclaredTable, *rows: Row) -> Incoming:
    return Incoming(table, lambda: iter([list(rows)]), len(rows))


def translated(table: DeclaredTable, *rows: Row, engine: str = "sqlite") -> tuple[DeclaredTable, list[str]]:
    _, (one,), notes = for_postgres(Catalog(engine, (table,)), [incoming(table, *rows)])
    return one.declared, notes


def one_column(declared: str, *cells: object, engine: str = "sqlite", kind: Kind = Kind.ANY) -> DeclaredColumn:
    table = DeclaredTable("t", (DeclaredColumn("c", declared, kind),))
    found, _ = translated(table, *((cell,) for cell in cells), engine=engine)  # type: ignore[arg-type]  # cells
    return found.columns[0]


@pytest.mark.parametrize(
    ("declared", "cells", "becomes", "comment"),
    [
        ("INTEGER", (1, None, 2**63 - 1), "bigint", "recon:type INTEGER"),
        ("REAL", (0.5, -0.0, math.nan), "double precision", "recon:type REAL"),
        ("TEXT", ("a", ""), "text", None),
        ("BLOB", (b"\0",), "bytea", "recon:type BLOB"),
        ("VARCHAR(8)", ("abc",), "text", "recon:type VARCHAR(8)"),
        ("BOOLEAN", (0, 1), "bigint", "recon:type BOOLEAN"),
        ("TIMESTAMP", ("2024-01-01 10:00:00",), "text", "recon:type TIMESTAMP"),
        ("", (b"x",), "bytea", "recon:type"),
        ("INTEGER", (1, "two"), "text", "recon:cells INTEGER"),
        ("TEXT", ("a\0b",), "text", "recon:cells TEXT"),
        ("TEXT", ("\udcff",), "text", "recon:cells TEXT"),
        ("DECIMAL(10,2)", (1, 2.5), "text", "recon:cells DECIMAL(10,2)"),
        ("REAL", (), "double precision", "recon:type REAL"),
        ("DATETIME", (), "text", "recon:type DATETIME"),
        ("", (None,), "text", "recon:type"),
    ],
)
def test_a_sqlite_column_becomes_what_its_rows_hold(
    declared: str, cells: tuple[object, ...], becomes: str, comment: str | None
) -> None:
    column = one_column(declared, *cells)
    assert (column.declared, column.comment) == (becomes, comment)


@given(
    st.one_of(
        st.none(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.text(),
        st.binary(),
        st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    )
)
def test_every_cell_comes_back_from_its_json(cell: str | float | bytes | None) -> None:
    back = cell_of(json_cell(cell))
    assert type(back) is type(cell)
    assert repr(back) == repr(cell)


def test_cells_are_written_for_rows_of_another_engine_only() -> None:
    table = DeclaredTable("t", (DeclaredColumn("c", "text", Kind.TEXT, comment="recon:cells INTEGER"),))
    assert [convert(b"\0") for _, convert in converters(table, table, foreign=True)] == ['{"$b":"AA=="}']
    assert converters(table, table, foreign=False) == []


def test_every_translation_is_told() -> None:
    _, notes = translated(
        DeclaredTable(
            "t",
            (
                DeclaredColumn("a", "INTEGER", default="random()"),
                DeclaredColumn("b", "TEXT", collation="NOCASE"),
            ),
            checks=(DeclaredCheck("a GLOB 'x*'"),),
            indexes=(DeclaredIndex("i", ("lower(b)",), expressions=(0,)),),
        ),
        (1, "x"),
        (b"", "y"),
    )
    told = "\n".join(notes)
    for word in ("t.a: INTEGER → text with one JSON cell", "random()", "NOCASE", "GLOB", "index i"):
        assert word in told


def test_views_and_triggers_of_another_engine_are_named_not_run() -> None:
    table = DeclaredTable("t", (DeclaredColumn("a", "INTEGER"),))
    source = Catalog("sqlite", (table,), (DeclaredObject("view", "heavy", "CREATE VIEW heavy AS SELECT 1"),))
    found, _, notes = for_postgres(source, [incoming(table)])
    assert found.objects == ()
    assert any("heavy" in note for note in notes)


@pytest.mark.parametrize(
    ("check", "kept"),
    [
        ("n > 0", '"n" > 0'),
        ("n IN (1, 2)", '"n" IN (1, 2)'),
        ("s IN ('a', 'it''s')", "\"s\" IN ('a', 'it''s')"),
        ("n BETWEEN 1 AND 5", '"n" BETWEEN 1 AND 5'),
        ("n >= 1 AND s != ''", '"n" >= 1 AND "s" <> \'\''),
        ("s IS NOT NULL", '"s" IS NOT NULL'),
        ("s > 5", None),
        ("n = 'a'", None),
        ("length(s) > 3", None),
        ("n > 0); DROP TABLE t; --", None),
        ("other > 0", None),
    ],
)
def test_a_check_is_kept_where_it_means_the_same(check: str, kept: str | None) -> None:
    table = DeclaredTable(
        "t", (DeclaredColumn("n", "INTEGER"), DeclaredColumn("s", "TEXT")), checks=(DeclaredCheck(check),)
    )
    found, _ = translated(table, (1, "a"))
    assert [one.expression for one in found.checks] == ([kept] if kept else [])


@pytest.mark.parametrize(
    ("declared", "default", "kept"),
    [
        ("INTEGER", "5", "5"),
        ("INTEGER", "(-5)", "-5"),
        ("INTEGER", "TRUE", "1"),
        ("TEXT", "'web'", "'web'"),
        ("TEXT", "5", None),
        ("TEXT", "'a' || random()", None),
        ("REAL", "1.0", "1.0"),
    ],
)
def test_a_default_is_kept_where_it_means_the_same(declared: str, default: str, kept: str | None) -> None:
    table = DeclaredTable("t", (DeclaredColumn("c", declared, default=default),))
    found, _ = translated(table)
    assert found.columns[0].default == kept


def test_the_clock_of_sqlite_writes_the_same_text_in_postgres() -> None:
    table = DeclaredTable("t", (DeclaredColumn("c", "TIMESTAMP", default="CURRENT_TIMESTAMP"),))
    found, _ = translated(table, ("2024-01-01 00:00:00",))
    assert "YYYY-MM-DD HH24:MI:SS" in (found.columns[0].default or "")


def test_a_number_that_sqlite_gives_out_is_given_out_by_postgres() -> None:
    table = DeclaredTable("t", (DeclaredColumn("id", "INTEGER"),), key=("id",))
    found, _ = translated(table, (1,))
    assert found.columns[0].numbered is Numbered.DEFAULT
    ruled, _ = translated(DeclaredTable("t", table.columns, ("id",), options={"without_rowid": "yes"}), (1,))
    assert ruled.columns[0].numbered is Numbered.NO


def test_a_foreign_key_between_different_types_is_left_out_and_told() -> None:
    parent = DeclaredTable("p", (DeclaredColumn("id", "INTEGER"),), key=("id",))
    key = DeclaredForeignKey(("p",), "P", ())
    child = DeclaredTable("c", (DeclaredColumn("p", "TEXT"),), foreign_keys=(key,))
    alike = DeclaredTable("d", (DeclaredColumn("p", "INT"),), foreign_keys=(key,))
    source = Catalog("sqlite", (parent, child, alike))
    tables = [incoming(parent, (1,)), incoming(child, ("1",)), incoming(alike, (1,))]
    _, found, notes = for_postgres(source, tables)
    assert [len(one.declared.foreign_keys) for one in found] == [0, 0, 1]
    assert found[2].declared.foreign_keys[0].targets == ("id",)
    assert any("c: foreign key to P" in note for note in notes)


@pytest.mark.parametrize(
    ("declared", "kind", "cells", "becomes"),
    [
        ("bigint(20) unsigned", Kind.INTEGER, (2**64 - 1,), "numeric(20,0)"),
        ("bigint(20) unsigned", Kind.INTEGER, (5,), "bigint"),
        ("decimal(10,2)", Kind.DECIMAL, ("1.50",), "numeric(10,2)"),
        ("datetime", Kind.TIMESTAMP, ("2024-01-01 10:00:00",), "timestamp without time zone"),
        ("datetime", Kind.TIMESTAMP, ("0000-00-00 00:00:00",), "text"),
        ("time", Kind.TIME, ("838:59:59",), "text"),
        ("json", Kind.JSON, ('{"a": 1}',), "json"),
        ("tinyint(1)", Kind.BOOLEAN, (True,), "boolean"),
        ("enum('a')", Kind.ENUM, ("a",), "text"),
        ("varchar(5)", Kind.TEXT, ("a\0",), "text"),
    ],
)
def test_a_mysql_column_keeps_its_meaning_where_postgres_gives_the_same_text_back(
    declared: str, kind: Kind, cells: tuple[object, ...], becomes: str
) -> None:
    assert one_column(declared, *cells, engine="mysql", kind=kind).declared == becomes


def test_a_column_that_was_postgres_before_is_postgres_again() -> None:
    column = DeclaredColumn("c", "DECIMAL_TEXT", comment="recon:type numeric(10,2)")
    found, _ = translated(DeclaredTable("t", (column,)), ("1.50",))
    assert (found.columns[0].declared, found.columns[0].comment) == ("numeric(10,2)", None)
    spoiled, _ = translated(DeclaredTable("t", (column,)), (b"no number",))
    assert spoiled.columns[0].declared == "bytea"


def test_a_type_that_hides_a_statement_is_never_taken_over() -> None:
    column = DeclaredColumn("c", "TEXT", comment="recon:type numeric); DROP TABLE t; --")
    found, _ = translated(DeclaredTable("t", (column,)), ("1",))
    assert found.columns[0].declared == "text"


def test_a_key_with_a_null_in_it_is_unique_only_and_that_is_told() -> None:
    table = DeclaredTable("t", (DeclaredColumn("a"), DeclaredColumn("b")), key=("a", "b"))
    found, notes = translated(table, (1, None), (None, 2))
    assert (found.key, [one.nullable for one in found.columns]) == ((), [True, True])
    assert [(one.parts, one.unique, one.constraint is not None) for one in found.indexes] == [(("a", "b"), True, True)]
    assert "t: primary key → UNIQUE, for there are NULLs in it" in notes
    assert translated(table, (1, 2))[0].key == ("a", "b")


def test_any_of_a_strict_table_is_no_type_elsewhere_for_there_it_would_turn_text_into_numbers() -> None:
    strict = DeclaredTable("t", (DeclaredColumn("c", "ANY"),), options={"strict": "yes"})
    assert translated(strict, (1,), ("1",))[0].columns[0].comment == "recon:cells"
    loose = DeclaredTable("t", (DeclaredColumn("c", "ANY"),))
    assert translated(loose, (1,), ("x",))[0].columns[0].comment == "recon:cells ANY"


@pytest.mark.parametrize(("numbered", "comment"), [(Numbered.NO, ""), (Numbered.AUTOINCREMENT, " AUTOINCREMENT")])
def test_how_sqlite_counts_is_remembered_and_comes_back(numbered: Numbered, comment: str) -> None:
    column = DeclaredColumn("id", "INTEGER", nullable=False, numbered=numbered)
    found, _ = translated(DeclaredTable("t", (column,), ("id",)), (1,))
    assert found.columns[0].comment == f"recon:type INTEGER{comment}"
    back = to_sqlite.translate(found).declared.columns[0]
    assert (back.declared, back.numbered) == ("INTEGER", numbered)


def test_an_index_is_never_made_by_the_statement_of_another_engine() -> None:
    statement = "CREATE INDEX i ON public.t USING btree (a DESC)"
    table = DeclaredTable("t", (DeclaredColumn("a", "text"),), indexes=(DeclaredIndex("i", ("a",), sql=statement),))
    assert [one.sql for one in to_sqlite.translate(table).declared.indexes] == [None]
