"""What is wrong with a target, told before the first write, in words and with the statement that mends it.

It reads what the target declares (`core.catalog`). A REST server declares no constraints: what it leaves open is said,
and `explained` puts its first refusal into the same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from recon_cli.core.catalog import Catalog, DeclaredColumn, DeclaredIndex, DeclaredTable, Kind
from recon_cli.systems.gfx import statements
from recon_cli.systems.gfx.table import COLUMNS, REQUIRED, SENT, TABLE_TYPES, USUAL, VOCABULARIES, Names, SyncStatus
from recon_cli.systems.tables.columns import Dialect, dialect_of, literal
from recon_cli.systems.tables.faults import PRIMARY, Fault, computed, must_be_given, uniques, worst_first
from recon_cli.systems.tables.statements import add_column, add_unique, drop_unique, nullable, quoted

_HASH = "file_hash"
_KEYS = ((_HASH,), ("gfx_pc_id", _HASH))
_CODES = {"23505": "unique", "42P10": "no-key", "PGRST204": "column", "42703": "column"}
_STRINGS = re.compile(r"'((?:[^']|'')*)'")
_SMALL = {"mysql": ("int", "mediumint", "smallint", "tinyint"), "postgresql": ("integer", "smallint")}
_LENGTH = re.compile(r"char[^(]*\(([0-9]+)\)")
_HASH_DIGITS = 64
_SHORT_TEXTS = ("text", "tinytext", "varchar", "char")
_WHY_UNIQUE = (
    "the same session is exported again as it grows, and by more than one PC: every export after the first would be"
    " refused, or would stand in the place of a fuller one"
)


class Trouble(StrEnum):
    """What kind of thing is wrong."""

    NO_TABLE = "no table"
    UNIQUE = "unique"
    """Two exports of one session cannot both stand in the table."""
    NO_KEY = "no key"
    """Nothing makes a content stand once."""
    MISSING_COLUMN = "missing column"
    UNKNOWN_COLUMN = "unknown column"
    """A column that must hold a value, and that recon does not write."""
    TYPE = "type"
    """A column that is too small for what goes into it."""
    WORDS = "words"
    """A column whose vocabulary lacks words."""
    UNTOLD = "untold"
    """The target does not say."""
    NOT_READY = "not ready"
    """The observations table or the view is not there."""


def faults(catalog: Catalog, names: Names = USUAL) -> tuple[Fault, ...]:
    """Everything that is wrong with the target, what blocks first."""
    table = catalog.table(names.sessions)
    if table is None:
        return (Fault(names.sessions, Trouble.NO_TABLE, "the target has no such table; `recon sync init` makes it"),)
    dialect = dialect_of(catalog)
    found = [
        *_keys(catalog, table, dialect),
        *_missing(table, dialect),
        *_unknown(table, dialect),
        *_types(table, dialect),
        *_words(catalog, table, dialect),
        *_beside(catalog, names),
    ]
    return worst_first(found)


def migration(catalog: Catalog, names: Names = USUAL, *, exposed: bool = False) -> tuple[str, ...]:
    """The statements that make the target fit, from whatever it is: they add and widen, and drop no row and no column.

    A view of the name of ours is made anew. What no statement can mend stays a fault: ask `faults` again afterwards.
    `exposed` is as in `statements.create`.
    """
    table, dialect = catalog.table(names.sessions), dialect_of(catalog)
    if table is None:
        return statements.create(dialect, names, exposed=exposed)
    mending = [fault.sql for fault in faults(catalog, names) if fault.sql]
    has = {column.name for column in table.columns} | set(SENT)
    made = statements.create(dialect, names, exposed=exposed, has=has)
    types = len(VOCABULARIES) if dialect is Dialect.POSTGRES else 0
    unseen = statements.latest(dialect, names)[:-1]  # Postgres widens no column that a view shows
    return (*made[:types], *unseen, *mending, *made[types:])


def conflict_key(table: DeclaredTable) -> tuple[str, ...] | None:
    """The columns by which a content is found again: `file_hash`, else `gfx_pc_id, file_hash`; None without either."""
    unique = [index.parts for index in uniques(table)]
    return next((key for wanted in _KEYS for key in unique if sorted(key) == sorted(wanted)), None)


def explained(code: str, message: str, names: Names = USUAL) -> Fault | None:
    """A refusal by the server (SQLSTATE or PostgREST code, and its words) as the fault behind it, if it is one.

    For REST servers, whose constraints nobody can read: the first write finds out. Give the server's `message` and
    `details` as one text: PostgREST names the columns in either.
    """
    known = _CODES.get(code)
    if known == "unique" and _HASH not in message and re.search(r"session_id|file_name|nas_path", message):
        drop = "find the constraint with \\d and drop it"
        return Fault(names.sessions, Trouble.UNIQUE, f"{_WHY_UNIQUE}; {drop} (the server says: {message})")
    if known == "no-key":
        return _no_key(Dialect.POSTGRES, names.sessions)
    if known == "column":
        return Fault(names.sessions, Trouble.MISSING_COLUMN, f"the server says: {message}")
    return None


def _keys(catalog: Catalog, table: DeclaredTable, dialect: Dialect) -> Iterator[Fault]:
    for index in uniques(table):
        if _HASH not in index.parts and set(index.parts) <= set(SENT):
            pointing = _pointing(catalog, table, index)
            why = f"{_WHY_UNIQUE}; first let {' and '.join(pointing)} point elsewhere" if pointing else _WHY_UNIQUE
            sql = "" if pointing else _lifted(dialect, table, index)
            yield Fault(f"{table.name} ({', '.join(index.parts)})", Trouble.UNIQUE, why, sql)
    partly = [one for one in table.indexes if one.unique and (one.expressions or one.where is not None)]
    for index in partly:
        why = "a unique index on a part of the rows or on an expression: it may refuse an export"
        yield Fault(f"{table.name}, index {index.name}", Trouble.UNIQUE, why, blocks=False)
    if conflict_key(table) is None and catalog.engine == "postgrest":
        why = f"a REST server does not tell whether {_HASH} is unique, nor whether session_id is; the first write will"
        yield Fault(table.name, Trouble.UNTOLD, why, add_unique(dialect, table.name, _HASH), blocks=False)
    elif conflict_key(table) is None:
        yield _no_key(dialect, table.name)


def _pointing(catalog: Catalog, table: DeclaredTable, index: DeclaredIndex) -> list[str]:
    """The tables whose foreign keys need this index."""
    return [
        other.name
        for other in catalog.tables
        if any(key.table == table.name and set(key.targets) == set(index.parts) for key in other.foreign_keys)
    ]


def _no_key(dialect: Dialect, table: str) -> Fault:
    why = f"nothing makes {_HASH} unique, so a content sent twice would stand there twice"
    return Fault(f"{table}.{_HASH}", Trouble.NO_KEY, why, add_unique(dialect, table, _HASH))


def _lifted(dialect: Dialect, table: DeclaredTable, index: DeclaredIndex) -> str:
    if index.constraint == PRIMARY:
        return ""
    return drop_unique(dialect, table.name, index.name, constraint=index.constraint is not None)


def _missing(table: DeclaredTable, dialect: Dialect) -> Iterator[Fault]:
    for column in COLUMNS:
        there = table.column(column.name)
        if not column.sent or (there is not None and not computed(there)):
            continue
        needed = column.name in REQUIRED
        if there is not None:
            why = "the database computes it: recon leaves it out"
            yield Fault(f"{table.name}.{column.name}", Trouble.MISSING_COLUMN, why, blocks=needed)
            continue
        why = "without it a row is not the file" if needed else "it is left out; the document itself is kept whole"
        sql = add_column(dialect, table.name, column)
        yield Fault(f"{table.name}.{column.name}", Trouble.MISSING_COLUMN, why, sql, blocks=needed)


def _unknown(table: DeclaredTable, dialect: Dialect) -> Iterator[Fault]:
    for column in table.columns:
        if column.name not in SENT and must_be_given(dialect, table, column):
            why = "it must hold a value, has no default, and recon knows no value for it"
            mended = dialect is Dialect.POSTGRES and column.name not in table.key
            sql = nullable(dialect, table.name, column) if mended else ""
            yield Fault(f"{table.name}.{column.name}", Trouble.UNKNOWN_COLUMN, why, sql)


def _types(table: DeclaredTable, dialect: Dialect) -> Iterator[Fault]:
    for name, judge in (("session_id", _small_id), (_HASH, _short_hash), ("raw_json", _short_document)):
        column = table.column(name)
        if column is not None and (why := judge(column, dialect)):
            yield Fault(
                f"{table.name}.{name}", Trouble.TYPE, f"{why}, and it is {column.declared or column.kind.value}"
            )
    paid = table.column("payouts")
    if paid is not None and paid.declared.lower() in {"integer[]", "int[]", "int4[]"}:
        sql = f"ALTER TABLE {quoted(dialect, table.name)} ALTER COLUMN payouts TYPE bigint[]"
        why = "a payout over 2147483647 would be refused with its whole file, and it is integer[]"
        yield Fault(f"{table.name}.payouts", Trouble.TYPE, why, sql, blocks=False)


def _small_id(column: DeclaredColumn, dialect: Dialect) -> str:
    word = re.split(r"[( ]", column.declared.lower())[0]
    if column.kind is Kind.REAL or word in {"real", "float", "double"}:
        return "a session id has 18 digits, and a float holds 15"
    return "a session id needs 64 bits" if word in _SMALL.get(dialect.value, ()) else ""


def _short_hash(column: DeclaredColumn, dialect: Dialect) -> str:
    length = None if dialect is Dialect.SQLITE else _LENGTH.search(column.declared.lower())
    return "a hash has 64 digits" if length and int(length[1]) < _HASH_DIGITS else ""


def _short_document(column: DeclaredColumn, dialect: Dialect) -> str:
    """SQLite keeps no length, and Postgres only one that is written."""
    declared = column.declared.lower()
    short = dialect is Dialect.MYSQL and re.split(r"[( ]", declared)[0] in _SHORT_TEXTS
    limited = dialect is Dialect.POSTGRES and _LENGTH.search(declared)
    return "a document has up to a megabyte" if short or limited else ""


def _words(catalog: Catalog, table: DeclaredTable, dialect: Dialect) -> Iterator[Fault]:
    for column in COLUMNS:
        if column.words is None or (there := table.column(column.name)) is None:
            continue
        wanted = column.words.words if column.words is TABLE_TYPES else (SyncStatus.SYNCED,)
        known, sure = _vocabulary(catalog, table, there)
        for word in [] if known is None else [str(one) for one in wanted if one not in known]:
            why = f"it does not take {word}: it takes {', '.join(known or ()) or 'nothing'}"
            sql = _taught(there, word) if dialect is Dialect.POSTGRES and there.kind is Kind.ENUM else ""
            yield Fault(f"{table.name}.{column.name}", Trouble.WORDS, why, sql, blocks=sure)


def _taught(column: DeclaredColumn, word: str) -> str:
    return f"ALTER TYPE {column.declared} ADD VALUE {literal(word)}"


def _vocabulary(catalog: Catalog, table: DeclaredTable, column: DeclaredColumn) -> tuple[list[str] | None, bool]:
    """The words that a column takes, None where it takes any or nobody tells; and whether that is sure."""
    if column.kind is Kind.ENUM and column.declared.lower().startswith("enum("):
        return _strings(column.declared), True
    named = column.declared.rpartition(".")[2].strip('"')
    made = next((one.sql for one in catalog.objects if one.kind == "type" and one.name == named), None)
    if column.kind is Kind.ENUM and made is not None:
        return _strings(made), True
    checks = [one.expression for one in table.checks if re.search(rf"\b{column.name}\b", one.expression)]
    listed = [_strings(one) for one in checks if re.search(r"\b(in|any)\b", one, re.IGNORECASE)]
    return (listed[0], False) if listed and listed[0] else (None, False)


def _strings(sql: str) -> list[str]:
    return [found.replace("''", "'") for found in _STRINGS.findall(sql)]


def _beside(catalog: Catalog, names: Names) -> Iterator[Fault]:
    if catalog.table(names.observations) is None:
        why = "it keeps every place where a content was seen; `recon sync init` makes it"
        yield Fault(names.observations, Trouble.NOT_READY, why, blocks=False)
    views = {one.name for one in catalog.objects if "view" in one.kind}
    if catalog.engine != "postgrest" and names.latest not in views:
        why = "the view of the fullest export of each session; `recon sync init` makes it"
        yield Fault(names.latest, Trouble.NOT_READY, why, blocks=False)
