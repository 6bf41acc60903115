"""Tables of other engines as SQLite tables, so that the way back loses nothing.

What SQLite has no type for is kept as text, letter by letter, under a declared type that has no numeric affinity
(`DECIMAL_TEXT`; in a `DECIMAL` column `1.10` would become 1.1). Behind the column stands the other engine's type in a
comment, `/* recon:type numeric(10,2) */`, which SQLite keeps and `catalog()` gives back. A column that once was
SQLite's (`recon:type …`, `recon:cells …`) is declared as it was.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import orjson

from recon_cli.core import canonical
from recon_cli.core.catalog import Cell, DeclaredColumn, DeclaredIndex, DeclaredTable, Generated, Kind, Numbered
from recon_cli.core.errors import DataError
from recon_cli.stores.bulk.sqlite_words import quoted

CELLS = "recon:cells"
TYPE = "recon:type"
COUNTED = "AUTOINCREMENT"
_SAFE_TYPE = re.compile(r"[\w ]*(\( *[+-]?[\w.]+ *(, *[+-]?[\w.]+ *)?\))?")
_CLOCK = "to_char((CURRENT_TIMESTAMP AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD HH24:MI:SS'::text)"
"""What SQLite's CURRENT_TIMESTAMP became in Postgres, as Postgres prints it."""
_LITERAL = re.compile(r"(?s)('(?:[^']|'')*'|[+-]?\d+(?:\.\d+)?|null)(::[\w \"\[\]().,]+)?", re.IGNORECASE)
_KEPT = {
    Kind.ANY: "",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "INTEGER",
    Kind.REAL: "REAL",
    Kind.TEXT: "TEXT",
    Kind.BYTES: "BLOB",
}
_SAME = {"BIGINT": "INTEGER", "DOUBLE PRECISION": "REAL", "TEXT": "TEXT", "BYTEA": "BLOB"}
"""What these types mean without a comment, here and in `to_postgres`: nothing has to be remembered."""
_NAMES = {Kind.INTERVAL: "PERIOD_TEXT"}
_TAGS = {"$b", "$r", "$s"}


def affinity(declared: str) -> str:
    """The affinity of a declared type: integer, text, blob, real or numeric."""
    upper = declared.upper()
    if "INT" in upper:
        return "integer"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "text"
    if not upper or "BLOB" in upper:
        return "blob"
    return "real" if any(word in upper for word in ("REAL", "FLOA", "DOUB")) else "numeric"


@dataclass(frozen=True, slots=True)
class Translated:
    """A table as SQLite is to have it, what turns its rows, and what an operator should know."""

    declared: DeclaredTable
    turn: Callable[[list[tuple[Cell, ...]]], list[tuple[Cell, ...]]] | None = None
    notes: tuple[str, ...] = ()


def translate(table: DeclaredTable) -> Translated:
    """A table of Postgres, MySQL or PostgREST. Its rows keep their columns."""
    notes: list[str] = []
    columns = tuple(_column(table, column, notes) for column in table.stored)
    notes += [f"{table.name}.{one.name}: computed by the source, left out" for one in table.columns if one.generated]
    notes += [
        f"{table.name}: check {one.name or one.expression} is not carried to another engine" for one in table.checks
    ]
    indexes = tuple(replace(one, sql=None) for one in table.indexes if _plain_index(one))
    notes += [
        f"{table.name}: index {one.name} is not carried to another engine"
        for one in table.indexes
        if not _plain_index(one)
    ]
    declared = replace(table, columns=columns, indexes=indexes, checks=(), options={}, comment=None, sql=None)
    return Translated(declared, _turner(table), tuple(notes))


def _plain_index(index: DeclaredIndex) -> bool:
    return not index.expressions and index.where is None and index.method in (None, "btree", "BTREE")


def _column(table: DeclaredTable, column: DeclaredColumn, notes: list[str]) -> DeclaredColumn:
    declared, comment = sqlite_type(column)
    ours = (column.comment or "").startswith(TYPE)
    counted = (column.comment or "").endswith(f" {COUNTED}") if ours else bool(column.numbered)
    if table.key == (column.name,) and column.kind is Kind.INTEGER and not ours:
        declared, comment = "INTEGER", _remembered(column, "INTEGER")
    default = _default(column.default)
    if column.default is not None and default is None and not column.numbered:
        notes.append(f"{table.name}.{column.name}: default {column.default} is not carried to another engine")
    if comment is not None and comment.startswith(TYPE) and comment != column.comment:
        notes.append(f"{table.name}.{column.name}: {column.declared} → {declared or 'any'}")
    numbered = Numbered.AUTOINCREMENT if counted and declared.upper() == "INTEGER" else Numbered.NO
    return DeclaredColumn(column.name, declared, Kind.ANY, column.nullable, default, numbered, comment=comment)


def sqlite_type(column: DeclaredColumn) -> tuple[str, str | None]:
    """The declared type for SQLite, and the comment that remembers the other one."""
    for mark in (CELLS, TYPE):
        if column.comment is not None and (column.comment == mark or column.comment.startswith(mark + " ")):
            declared = column.comment[len(mark) :].strip().removesuffix(f" {COUNTED}")
            if "\0" not in declared:  # what is no plain word is quoted where it is declared
                return declared, None
    declared = _KEPT.get(column.kind, _NAMES.get(column.kind, f"{column.kind.value.upper()}_TEXT"))
    upper = column.declared.upper()
    if upper in _SAME:
        return _SAME[upper], None
    if column.kind in _KEPT and declared and affinity(upper) == affinity(declared) and _SAFE_TYPE.fullmatch(upper):
        declared = upper
    return declared, _remembered(column, declared)


def _remembered(column: DeclaredColumn, declared: str) -> str | None:
    if column.declared.upper() == declared or not column.declared:
        return None
    return f"{TYPE} {column.declared}"


def _default(default: str | None) -> str | None:
    """A literal, without its cast; anything else is the other engine's language."""
    if default is None:
        return None
    if default.strip().lower() in {"true", "false"}:
        return "1" if default.strip().lower() == "true" else "0"
    if default.strip() == _CLOCK:
        return "CURRENT_TIMESTAMP"
    found = _LITERAL.fullmatch(default.strip())
    return found[1] if found else None


def _turner(table: DeclaredTable) -> Callable[[list[tuple[Cell, ...]]], list[tuple[Cell, ...]]] | None:
    """What changes the cells of some columns; None where every cell stays as it is."""
    places: list[tuple[int, Callable[[Cell], Cell]]] = []
    for place, column in enumerate(table.stored):
        if column.comment is not None and column.comment.split(" ")[0] == CELLS:
            places.append((place, _cell))
        elif column.kind is Kind.REAL:
            places.append((place, _real))
    return _Turn(places) if places else None


class _Turn:
    """Rows with some columns turned, a column at a time."""

    def __init__(self, places: Sequence[tuple[int, Callable[[Cell], Cell]]]) -> None:
        self._places = places

    def __call__(self, rows: list[tuple[Cell, ...]]) -> list[tuple[Cell, ...]]:
        columns: list[Sequence[Cell]] = list(zip(*rows, strict=True))
        for place, turn in self._places:
            columns[place] = [turn(cell) for cell in columns[place]]
        return list(zip(*columns, strict=True))


def _real(cell: Cell) -> Cell:
    """SQLite would store NaN as NULL."""
    return "NaN" if isinstance(cell, float) and math.isnan(cell) else cell


def _cell(cell: Cell) -> Cell:
    """One JSON cell, as a row of a snapshot has it, as its value."""
    if not isinstance(cell, str):
        return cell
    try:
        return _value(orjson.loads(cell))
    except (ValueError, TypeError) as exc:
        raise DataError(f"a column marked `{CELLS}` holds what is not a cell", cause=str(exc)) from exc


def _value(found: object) -> Cell:
    if isinstance(found, dict) and _TAGS.issuperset(found):
        return canonical.decode(found)  # type: ignore[return-value]  # these three tags give bytes, float and str
    if isinstance(found, dict | list):
        raise TypeError("neither a value nor one of our tags")
    return found  # type: ignore[return-value]  # JSON scalars are cells


def create_table(table: DeclaredTable) -> str:
    """The CREATE TABLE of a table that has none of its own."""
    number = _row_number(table)
    lines = [_line(column, number) for column in table.columns]
    if table.key and number is None:
        lines.append(f"{_constraint(table.key_name)}PRIMARY KEY ({_names(table.key)})")
    lines += [
        f"{_constraint(one.constraint)}UNIQUE ({_names(one.parts)})"
        for one in table.indexes
        if one.constraint is not None
    ]
    lines += [f"{_constraint(one.name)}CHECK ({one.expression})" for one in table.checks]
    lines += [
        f"{_constraint(key.name)}FOREIGN KEY ({_names(key.columns)}) REFERENCES {quoted(key.table)}"
        + (f" ({_names(key.targets)})" if key.targets else "")
        + (f" ON DELETE {key.on_delete}" if key.on_delete in _ACTIONS else "")
        + (f" ON UPDATE {key.on_update}" if key.on_update in _ACTIONS else "")
        + (f" {key.deferrable}" if key.deferrable.upper() in _DEFERRABLE else "")
        for key in table.foreign_keys
    ]
    ends = [word for name, word in (("strict", "STRICT"), ("without_rowid", "WITHOUT ROWID")) if name in table.options]
    return f"CREATE TABLE {quoted(table.name)} (\n  " + ",\n  ".join(lines) + f"\n) {', '.join(ends)}".rstrip()


_ACTIONS = frozenset({"CASCADE", "RESTRICT", "SET NULL", "SET DEFAULT", "NO ACTION"})
_DEFERRABLE = frozenset(
    {"DEFERRABLE", "NOT DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE INITIALLY IMMEDIATE"}
)


def create_index(index: DeclaredIndex, table: str) -> str:
    """The CREATE INDEX of an index that has none of its own."""
    parts = ", ".join(part if place in index.expressions else quoted(part) for place, part in enumerate(index.parts))
    where = f" WHERE {index.where}" if index.where else ""
    return f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {quoted(index.name)} ON {quoted(table)} ({parts}){where}"


def _constraint(name: str | None) -> str:
    return f"CONSTRAINT {quoted(name)} " if name else ""


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names))


def _row_number(table: DeclaredTable) -> str | None:
    column = table.column(table.key[0]) if len(table.key) == 1 else None
    rowid = "without_rowid" not in table.options
    return column.name if rowid and column is not None and column.declared.upper() == "INTEGER" else None


def _bare(default: str) -> bool:
    """Whether a default may stand without brackets."""
    return default == "CURRENT_TIMESTAMP" or _LITERAL.fullmatch(default) is not None


def _line(column: DeclaredColumn, number: str | None) -> str:
    declared = column.declared if _SAFE_TYPE.fullmatch(column.declared) else quoted(column.declared)
    words = [quoted(column.name), declared]
    if column.name == number:
        words.append("PRIMARY KEY AUTOINCREMENT" if column.numbered is Numbered.AUTOINCREMENT else "PRIMARY KEY")
    if not column.nullable and column.name != number:
        words.append("NOT NULL")
    if column.default is not None:
        words.append(f"DEFAULT {column.default}" if _bare(column.default) else f"DEFAULT ({column.default})")
    if column.collation:
        words.append(f"COLLATE {quoted(column.collation)}")
    if column.generated is not Generated.NO and column.expression:
        words.append(f"AS ({column.expression}) {column.generated.value.upper()}")
    if column.comment and column.comment.startswith("recon:"):
        words.append("/* " + column.comment.replace("*/", "* /") + " */")
    return " ".join(word for word in words if word)
