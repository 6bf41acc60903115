"""What becomes of another engine's declarations on MySQL and MariaDB, as text."""

from __future__ import annotations

import pytest

from recon_cli.core.catalog import DeclaredCheck, DeclaredColumn, DeclaredIndex, DeclaredTable, Generated, Kind
from recon_cli.stores.bulk.to_mysql import Flavour, Translated, create_table

MARIA = Flavour(mariadb=True)


def made(*columns: DeclaredColumn, engine: str = "postgresql", flavour: Flavour = MARIA, **more: object) -> Translated:
    return create_table(DeclaredTable("t", columns, **more), engine, flavour)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("declared", "kind", "becomes"),
    [
        ("smallint", Kind.INTEGER, "bigint"),
        ("bigint", Kind.INTEGER, "bigint"),
        ("real", Kind.REAL, "float"),
        ("double precision", Kind.REAL, "double"),
        ("numeric(12,3)", Kind.DECIMAL, "decimal(12,3)"),
        ("numeric", Kind.DECIMAL, "decimal(65,30)"),
        ("boolean", Kind.BOOLEAN, "tinyint(1)"),
        ("character varying(40)", Kind.TEXT, "varchar(40) COLLATE utf8mb4_nopad_bin"),
        ("text", Kind.TEXT, "longtext COLLATE utf8mb4_nopad_bin"),
        ("bytea", Kind.BYTES, "longblob"),
        ("timestamp with time zone", Kind.TIMESTAMPTZ, "datetime(6)"),
        ("jsonb", Kind.JSONB, "json"),
        ("uuid", Kind.UUID, "char(36) COLLATE utf8mb4_nopad_bin"),
        ("integer[]", Kind.ARRAY, "longtext COLLATE utf8mb4_nopad_bin"),
    ],
)
def test_a_postgres_type_becomes(declared: str, kind: Kind, becomes: str) -> None:
    assert f"`a` {becomes} NULL" in made(DeclaredColumn("a", declared, kind)).sql


@pytest.mark.parametrize(
    ("declared", "becomes"),
    [
        ("INTEGER", "bigint"),
        ("VARCHAR(8)", "varchar(8) COLLATE utf8mb4_0900_bin"),
        ("", "longblob"),
        ("REAL", "double"),
        ("DATETIME", "longtext COLLATE utf8mb4_0900_bin"),
        ("BOOLEAN", "bigint"),
    ],
)
def test_a_sqlite_type_becomes_by_its_affinity(declared: str, becomes: str) -> None:
    flavour = Flavour(mariadb=False)
    assert f"`a` {becomes} NULL" in made(DeclaredColumn("a", declared), engine="sqlite", flavour=flavour).sql


def test_a_text_that_is_a_key_is_short_enough_for_an_index_and_that_is_said() -> None:
    done = made(DeclaredColumn("a", "text", Kind.TEXT, nullable=False), key=("a",))
    assert "`a` varchar(255) COLLATE utf8mb4_nopad_bin NOT NULL" in done.sql
    assert done.notes == ["t.a: text → varchar(255)"]


@pytest.mark.parametrize(
    ("default", "becomes"),
    [
        ("'it''s'::character varying", "DEFAULT 'it''s'"),
        ("0", "DEFAULT 0"),
        ("now()", "DEFAULT current_timestamp(6)"),
        ("nextval('x'::regclass)", None),
        ("'a\\b'", None),
    ],
)
def test_a_default_is_taken_if_it_means_the_same_and_else_left_out_and_said(default: str, becomes: str | None) -> None:
    kind = Kind.TIMESTAMP if default == "now()" else Kind.TEXT
    declared = "timestamp without time zone" if kind is Kind.TIMESTAMP else "character varying(20)"
    done = made(DeclaredColumn("a", declared, kind, default=default))
    assert (becomes in done.sql) if becomes else ("DEFAULT" not in done.sql.replace("DEFAULT NULL", ""))
    assert any("default is left out" in note for note in done.notes) == (becomes is None)


def test_names_and_comments_cannot_end_the_statement() -> None:
    column = DeclaredColumn("a` int); DROP TABLE x; -- ", "integer", Kind.INTEGER, comment="it's \\' --")
    done = made(column)
    assert "`a`` int); DROP TABLE x; -- ` bigint NULL COMMENT 'it''s \\\\'' --'" in done.sql


@pytest.mark.parametrize("trusted", [False, True])
def test_expressions_that_are_not_plain_are_refused_unless_trusted(*, trusted: bool) -> None:
    column = DeclaredColumn("a", "int(11)", Kind.INTEGER, generated=Generated.STORED, expression="sleep(5)")
    check = DeclaredCheck("benchmark(9, 9) = 0")
    done = made(column, engine="mysql", flavour=Flavour(mariadb=True, trusted=trusted), checks=(check,))
    assert bool(done.refused) != trusted
    assert ("sleep" in done.sql) == trusted


def test_an_index_of_a_kind_that_is_unknown_here_is_left_out_and_said() -> None:
    index = DeclaredIndex("part", ("a",), where="a > 0")
    lower = DeclaredIndex("low", ("lower(a)",), expressions=(0,))
    done = made(DeclaredColumn("a", "integer", Kind.INTEGER), indexes=(index, lower))
    assert "KEY" not in done.sql
    assert len(done.notes) == 3


def test_a_sqlite_rowid_key_is_as_wide_as_sqlites_and_numbers_itself() -> None:
    done = made(DeclaredColumn("id", "INTEGER", Kind.INTEGER, nullable=False), engine="sqlite", key=("id",))
    assert "`id` bigint NOT NULL AUTO_INCREMENT" in done.sql
