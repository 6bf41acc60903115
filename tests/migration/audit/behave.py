"""Expressions compared by what they do: both engines are asked about the same rows.

An expression cannot be compared as text across dialects. Rows are made for it (those of the table, each with one
column changed at a time, among others to the constants in the expression and their neighbours), and each engine
says what the expression gives for each of them.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from tests.migration.audit.model import Column, Table
from tests.migration.audit.postgres_side import Connection
from tests.migration.audit.sqlite_side import Text, quoted

Row = tuple[Any, ...]
_NUMBER = re.compile(r"(?<![\w.'])-?\d+(?:\.\d+)?")
_TEXT = re.compile("CHAR|CLOB|TEXT", re.IGNORECASE)
_STRING = re.compile(r"'((?:[^']|'')*)'")
WHOLE, FLOAT, WORDS = {"int2", "int4", "int8"}, {"float8", "float4", "numeric"}, {"text", "varchar", "bpchar"}
ERROR = "cannot be computed"


@dataclass(frozen=True, slots=True)
class Trial:
    """Rows that both engines are asked about: the columns that both have, and the values on either side."""

    one: Table
    columns: tuple[tuple[Column, Column], ...]
    here: tuple[Row, ...]
    there: tuple[Row, ...]

    def in_sqlite(self, expression: str) -> list[object]:
        """What the expression gives for each row; `ERROR` where it fails."""
        with closing(sqlite3.connect(":memory:")) as db:
            declared = ", ".join(
                f"{quoted(was.name)} {_plain(was.declared)}{_collated(was)}" for was, _ in self.columns
            )
            db.execute(f"CREATE TABLE {quoted(self.one.name)} ({declared})")
            marks = ", ".join("?" * len(self.columns))
            answers: list[object] = []
            for row in self.here:
                db.execute(f"DELETE FROM {quoted(self.one.name)}")
                db.execute(f"INSERT INTO {quoted(self.one.name)} VALUES ({marks})", row)
                try:
                    answers.append(db.execute(f"SELECT ({expression}) FROM {quoted(self.one.name)}").fetchone()[0])
                except sqlite3.Error:
                    answers.append(ERROR)
            return answers

    def in_postgres(self, db: Connection, expression: str) -> list[object]:
        """The same, for the expression as the server prints it."""
        values = ", ".join(
            f"%s::{became.declared}{_ordered(became)} AS {quoted(became.name).replace('%', '%%')}"
            for _, became in self.columns
        )
        query = f"SELECT ({expression.replace('%', '%%')}) FROM (SELECT {values}) AS trial"
        answers: list[object] = []
        for row in self.there:
            try:
                answers.append((db.execute(query, row).fetchone() or (None,))[0])
            except psycopg.Error:
                answers.append(ERROR)
        return answers


def trial(one: Table, other: Table, names: dict[str, str], pairs: Sequence[tuple[Row, Row]], *about: str) -> Trial:
    """Rows for expressions. `pairs`: rows that are the same on both sides, each in its own table's order."""
    columns = tuple(
        (was, became) for was in one.columns if (became := other.column(names.get(was.name, ""))) is not None
    )
    here_at = [one.columns.index(was) for was, _ in columns]
    there_at = [other.columns.index(became) for _, became in columns]
    bases: list[tuple[list[Any], list[Any]]] = [
        ([_plain_cell(row[at]) for at in here_at], [there[at] for at in there_at]) for row, there in pairs[:3]
    ]
    if not bases:
        first = [next(iter(_candidates(was, became, about)), (None, None)) for was, became in columns]
        bases = [([pair[0] for pair in first], [pair[1] for pair in first])]
    here, there = [tuple(bases[0][0])], [tuple(bases[0][1])]
    for base_here, base_there in bases:
        here.append(tuple(base_here))
        there.append(tuple(base_there))
        for place, (was, became) in enumerate(columns):
            for mine, yours in _candidates(was, became, about):
                here.append((*base_here[:place], mine, *base_here[place + 1 :]))
                there.append((*base_there[:place], yours, *base_there[place + 1 :]))
    return Trial(one, columns, tuple(here), tuple(there))


def truths(answers: Sequence[object], *, unknown: bool) -> list[bool]:
    """Answers as truth values; NULL counts as `unknown` (a CHECK lets it pass, a WHERE does not)."""
    return [_truth(one, unknown=unknown) for one in answers]


def alike(one: Sequence[object], other: Sequence[object]) -> bool:
    """Whether two lists of results are the same values, whatever types they have."""
    return len(one) == len(other) and all(_value(a) == _value(b) for a, b in zip(one, other, strict=True))


def _truth(one: object, *, unknown: bool) -> bool:
    if one is None:
        return unknown
    if isinstance(one, str):
        found = re.match(r"\s*[-+]?\d+(\.\d+)?", one)
        return one != ERROR and found is not None and float(found[0]) != 0
    return bool(one)


def _value(one: object) -> object:
    if isinstance(one, (bool, int, float, Decimal)):
        return float(one)
    return one


def _plain_cell(cell: object) -> object:
    return cell.decode("utf-8", "replace") if isinstance(cell, Text) else cell


def _plain(declared: str) -> str:
    """The declared type, for its affinity; odd ones as names."""
    return declared if re.fullmatch(r"[\w ]*(\(\s*\d+\s*(,\s*\d+\s*)?\))?", declared) else quoted(declared)


def _collated(column: Column) -> str:
    return f" COLLATE {column.collation}" if column.collation in {"NOCASE", "RTRIM"} else ""


def _ordered(column: Column) -> str:
    return "" if column.base not in WORDS or column.collation in {"", "default", "nondeterministic"} else ' COLLATE "C"'


def _candidates(was: Column, column: Column, about: Sequence[str]) -> Iterator[tuple[object, object]]:
    """Values to try in a column, as either side spells them."""
    for mine, yours in _tried(column, about):
        if not (isinstance(mine, str) and _NUMBER.fullmatch(mine) and not _TEXT.search(was.declared)):
            yield mine, yours  # without TEXT affinity SQLite would keep that text as a number


def _tried(column: Column, about: Sequence[str]) -> Iterator[tuple[object, object]]:
    numbers = sorted({float(found[0]) for text in about for found in _NUMBER.finditer(text)})
    strings = sorted({found[1].replace("''", "'") for text in about for found in _STRING.finditer(text)})
    near = sorted({value for number in numbers for value in (number - 1, number, number + 1)} | {0.0, 1.0, -1.0})
    if column.base in WHOLE:
        yield from ((int(value), int(value)) for value in near if abs(value) < 2**31)
    elif column.base in FLOAT:
        yield from ((value, value) for value in [*near, *(number + 0.5 for number in numbers)])
    elif column.base == "bool":
        yield from ((0, False), (1, True))
    elif column.base in WORDS:
        more = ("x", "", "X", "a@b.c", "ab", "1", "12345", "x" * 300, '{"a":1}', "한글", "É")
        yield from ((word, word) for word in [*more, *strings, *map(str.swapcase, strings)])
        yield from ((one + "x", one + "x") for one in strings)
    if column.nullable:
        yield None, None
