"""What the tables of all feeds have in common; what single ones are is in the tests of their systems."""

from __future__ import annotations

import pytest

from recon_cli.core.catalog import Catalog, DeclaredColumn, DeclaredIndex, DeclaredTable, Kind, Numbered
from recon_cli.systems.conversations import table as conversations
from recon_cli.systems.tables import statements
from recon_cli.systems.tables.columns import Dialect, Sort, TableColumn, Vocabulary, declared
from recon_cli.systems.tables.faults import Fault, must_be_given, uniques, worst_first

TEXT = DeclaredColumn("id", "text", Kind.TEXT, nullable=False)


def integer(name: str, *, nullable: bool = False, default: str | None = None) -> DeclaredColumn:
    return DeclaredColumn(name, "INTEGER", Kind.INTEGER, nullable, default)


def test_a_whole_number_that_must_be_there_is_given_by_nobody_but_in_a_row_number_of_sqlite() -> None:
    rowid = DeclaredTable("t", (integer("id"),), ("id",))
    beside = DeclaredTable("t", (TEXT, integer("n")), ("id",))
    assert not must_be_given(Dialect.SQLITE, rowid, integer("id"))
    assert must_be_given(Dialect.POSTGRES, rowid, integer("id"))
    assert must_be_given(Dialect.SQLITE, beside, integer("n"))


@pytest.mark.parametrize(
    "column",
    [
        integer("n", nullable=True),
        integer("n", default="0"),
        DeclaredColumn("n", "bigint", Kind.INTEGER, nullable=False, numbered=Numbered.ALWAYS),
    ],
)
def test_what_the_database_fills_in_need_not_be_given(column: DeclaredColumn) -> None:
    assert not must_be_given(Dialect.POSTGRES, DeclaredTable("t", (TEXT, column), ("id",)), column)


def test_a_foreign_whole_number_in_a_table_of_turns_is_told_before_the_first_write() -> None:
    ours, _files = conversations.declared_tables(Dialect.POSTGRES, conversations.Names())
    table = DeclaredTable(ours.name, (*ours.columns, integer("tenant")), ours.key)
    found = conversations.faults(catalog(table), conversations.Names(), files=False)
    assert [(one.trouble, one.blocks) for one in found] == [("unknown column", True)]


def test_what_blocks_is_told_first() -> None:
    mild, grave = Fault("a", "mild", "", blocks=False), Fault("b", "grave", "")
    assert worst_first([mild, grave]) == (grave, mild)


def test_an_index_on_a_part_of_the_rows_makes_nothing_unique() -> None:
    whole = DeclaredIndex("whole", ("id",), unique=True)
    partly = DeclaredIndex("partly", ("n",), unique=True, where="n > 0")
    found = uniques(DeclaredTable("t", (TEXT, integer("n")), (), indexes=(whole, partly)))
    assert [one.name for one in found] == ["whole"]


def test_a_vocabulary_is_a_type_an_enum_or_a_check() -> None:
    column = TableColumn("state", Sort.VOCABULARY, words=Vocabulary("states", ("new", "it's")))
    table = {one: DeclaredTable("t", declared(one, (column,)), ("state",)) for one in Dialect}
    made = {one: statements.table_sql(one, table[one], (column,)) for one in Dialect}
    assert '"state" states,' in made[Dialect.POSTGRES]
    assert "CHECK (\"state\" IN ('new', 'it''s'))" in made[Dialect.SQLITE]
    assert "`state` enum('new','it''s')" in made[Dialect.MYSQL]


def catalog(*tables: DeclaredTable) -> Catalog:
    return Catalog("postgresql", tables)
