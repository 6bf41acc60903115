"""CREATE TABLE for MySQL and MariaDB from what any engine declared. Pure; says what it translated and what it left out.

Text of other engines gets a binary collation without padding: keys that differ there differ here.
SQL of the catalog (defaults, checks, generated columns) is used if it is plain (`core/plain_sql.py`) or trusted; what
is neither is listed in `Translated.refused`, and whoever loads refuses with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from recon_cli.core.catalog import DeclaredColumn, DeclaredIndex, DeclaredTable, Generated, Kind, Numbered
from recon_cli.core.plain_sql import is_plain

_TYPE = re.compile(
    r"[a-z][a-z0-9 ]*(\(\d+(,\d+)?\)|\(('(''|[^'\\])*',?)+\))?( unsigned)?( zerofill)?( /\*.*?\*/)?", re.IGNORECASE
)
_COLLATION = re.compile(r"[a-z0-9_]+", re.IGNORECASE)
_CLOCK = re.compile(r"(current_timestamp|now)(\(\d?\))?", re.IGNORECASE)
_LITERAL = re.compile(r"[-+]?\d+(\.\d*)?|'(''|[^'\\])*'|NULL|b'[01]*'|TRUE|FALSE", re.IGNORECASE)
_CAST = re.compile(r"::[\w ]+(\(\d+(,\d+)?\))?(\[\])?$")
_ACTIONS = frozenset({"", "CASCADE", "SET NULL", "RESTRICT", "NO ACTION", "SET DEFAULT"})
_OURS = frozenset({"mysql", "mariadb"})
_LARGE = ("text", "blob", "json", "geometry")
_SHORT = 255
"""How long a text in a key may be: an index takes 3072 bytes at most, and a key may have several columns."""
_LONGEST_VARCHAR = 4000
_FIXED = {
    Kind.BOOLEAN: "tinyint(1)",
    Kind.DATE: "date",
    Kind.TIME: "time(6)",
    Kind.TIMETZ: "varchar(32)",
    Kind.TIMESTAMP: "datetime(6)",
    Kind.TIMESTAMPTZ: "datetime(6)",
    Kind.INTERVAL: "varchar(64)",
    Kind.UUID: "char(36)",
    Kind.JSON: "json",
    Kind.JSONB: "json",
    Kind.ENUM: f"varchar({_SHORT})",
}


@dataclass(slots=True)
class Translated:
    """A table for this engine, without its foreign keys."""

    sql: str = ""
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Flavour:
    """What the target is. MariaDB and MySQL 8 name their binary collation without padding differently."""

    mariadb: bool
    trusted: bool = False

    @property
    def collation(self) -> str:
        """Code points, no padding."""
        return "utf8mb4_nopad_bin" if self.mariadb else "utf8mb4_0900_bin"


def quote(name: str) -> str:
    """An identifier."""
    return "`" + name.replace("`", "``") + "`"


def create_table(
    table: DeclaredTable, source_engine: str, flavour: Flavour, *, comment: str | None = None, temporary: bool = False
) -> Translated:
    """The statement that creates `table`, with keys, indexes and checks, and without foreign keys."""
    done = Translated()
    same = source_engine in _OURS
    indexed = _indexed(table)
    lines = [_column(table, one, source_engine, flavour, done, indexed=one.name in indexed) for one in table.columns]
    if table.key:
        lines.append(f"PRIMARY KEY ({', '.join(map(quote, table.key))})")
    for index in table.indexes:
        if not (temporary and index.method in {"fulltext", "spatial"}):  # a temporary table cannot have them
            lines += _index(table, index, done, same=same)
    lines += _checks(table, flavour, done, same=same)
    word = "TEMPORARY TABLE" if temporary else "TABLE"
    body = ",\n  ".join(lines)
    options = " ".join(_options(table, flavour, comment if comment is not None else table.comment or "", same=same))
    done.sql = f"CREATE {word} {quote(table.name)} (\n  {body}\n) {options}"
    return done


def foreign_keys(table: DeclaredTable) -> Iterator[str]:
    """`ADD CONSTRAINT …` for each."""
    for link in table.foreign_keys:
        named = f"CONSTRAINT {quote(link.name)} " if link.name else ""
        text = f"ADD {named}FOREIGN KEY ({', '.join(map(quote, link.columns))}) REFERENCES {quote(link.table)}"
        text += f" ({', '.join(map(quote, link.targets))})"
        deleted, updated = (
            action.upper() if action.upper() in _ACTIONS else "" for action in (link.on_delete, link.on_update)
        )
        yield text + (f" ON DELETE {deleted}" if deleted else "") + (f" ON UPDATE {updated}" if updated else "")


def _indexed(table: DeclaredTable) -> Collection[str]:
    parts = {part for index in table.indexes for part in index.parts}
    links = {column for link in table.foreign_keys for column in link.columns}
    return {*table.key, *parts, *links}


def _column(
    table: DeclaredTable, column: DeclaredColumn, engine: str, flavour: Flavour, done: Translated, *, indexed: bool
) -> str:
    same = engine in _OURS
    declared = _own_type(table, column, done) if same else _foreign_type(table, column, done, indexed=indexed)
    words = [quote(column.name), declared]
    if column.collation and same and _COLLATION.fullmatch(column.collation):
        words.append(f"COLLATE {column.collation}")
    elif not same and declared.startswith(("varchar", "longtext", "char")):
        words.append(f"COLLATE {flavour.collation}")
    if column.generated is not Generated.NO:
        expression = _sql(column.expression or "NULL", f"{table.name}.{column.name}", flavour, done)
        return " ".join([*words, f"GENERATED ALWAYS AS ({expression}) {column.generated.upper()}"])
    words.append("NULL" if column.nullable and column.name not in table.key else "NOT NULL")
    rowid = column.kind is Kind.INTEGER and table.key == (column.name,) and column.numbered is Numbered.NO
    if (column.numbered is not Numbered.NO and column.name in table.key[:1]) or (rowid and engine == "sqlite"):
        words.append("AUTO_INCREMENT")
    elif column.default is not None:
        words += _default(table, column, declared, flavour, done, same=same)
    renewed = json.loads(table.options.get("on_update", "{}")).get(column.name, "") if same else ""
    words += [f"ON UPDATE {renewed}"] if _CLOCK.fullmatch(renewed) else []
    own = [check.expression for check in table.checks if check.name == column.name and flavour.mariadb and same]
    words += [f"CHECK ({_sql(text, f'a check of {table.name}', flavour, done)})" for text in own]
    return " ".join([*words, f"COMMENT {_text(column.comment)}"] if column.comment else words)


def _text(text: str) -> str:
    """A literal, also where a backslash escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _own_type(table: DeclaredTable, column: DeclaredColumn, done: Translated) -> str:
    if _TYPE.fullmatch(column.declared):
        return column.declared
    done.refused.append(f"the type of {table.name}.{column.name}")
    return "longtext"


def _foreign_type(table: DeclaredTable, column: DeclaredColumn, done: Translated, *, indexed: bool) -> str:
    chosen = _by_kind(column, indexed=indexed)
    told = column.declared or column.kind.value
    if told.lower() != chosen:
        done.notes.append(f"{table.name}.{column.name}: {told} → {chosen}")
    return chosen


def _by_kind(column: DeclaredColumn, *, indexed: bool) -> str:
    declared = column.declared.lower()
    if column.kind is Kind.ANY:
        return _by_affinity(declared, indexed=indexed)
    if column.kind is Kind.INTEGER:
        return "bigint"  # also for smaller ones: a link may lead from one width to another there, not here
    if column.kind is Kind.REAL:
        return "float" if declared == "real" else "double"
    if column.kind is Kind.DECIMAL:
        found = re.search(r"\((\d+)(?:,\s*(\d+))?\)", declared)
        return f"decimal({found[1]},{found[2] or 0})" if found and int(found[1]) <= 65 else "decimal(65,30)"  # noqa: PLR2004  MySQL's limits
    if column.kind is Kind.BYTES:
        return f"varbinary({_SHORT})" if indexed else "longblob"
    return _FIXED.get(column.kind) or _of_text(declared, indexed=indexed)


def _by_affinity(declared: str, *, indexed: bool) -> str:
    """By SQLite's rules (https://sqlite.org/datatype3.html, section 3.1)."""
    if "int" in declared:
        return "bigint"
    if any(word in declared for word in ("char", "clob", "text")):
        return _of_text(declared, indexed=indexed)
    if not declared or "blob" in declared:
        return f"varbinary({_SHORT})" if indexed else "longblob"
    if any(word in declared for word in ("real", "floa", "doub")):
        return "double"
    if "bool" in declared:
        return "bigint"
    # what is left is numeric by the rule, and holds text in practice: dates, UUID, JSON
    return "double" if any(word in declared for word in ("num", "dec")) else _of_text("", indexed=indexed)


def _of_text(declared: str, *, indexed: bool) -> str:
    found = re.fullmatch(r"(?:character varying|varchar|nvarchar|character|char)\s*\((\d+)\)", declared)
    if found and int(found[1]) <= (768 if indexed else _LONGEST_VARCHAR):
        return f"varchar({found[1]})"
    return f"varchar({_SHORT})" if indexed else "longtext"


def _default(
    table: DeclaredTable, column: DeclaredColumn, declared: str, flavour: Flavour, done: Translated, *, same: bool
) -> list[str]:
    name, text = f"{table.name}.{column.name}", column.default or ""
    if not same:
        text = _CAST.sub("", text.strip("()") if _LITERAL.fullmatch(text.strip("()")) else text)
        if not (_LITERAL.fullmatch(text) or _CLOCK.fullmatch(text)):
            done.notes.append(f"{name}: its default is left out ({column.default})")
            return []
    if _CLOCK.fullmatch(text):
        return [f"DEFAULT {_clock(declared)}"] if "time" in declared else [f"DEFAULT ({text})"]
    if _LITERAL.fullmatch(text) and not any(word in declared for word in _LARGE):
        return [f"DEFAULT {text}"]
    return [f"DEFAULT ({_sql(text, name, flavour, done)})"]


def _clock(declared: str) -> str:
    """With as many digits as the column has, as MySQL wants it."""
    found = re.search(r"\((\d)\)", declared)
    return f"current_timestamp({found[1]})" if found else "current_timestamp()"


def _sql(text: str, name: str, flavour: Flavour, done: Translated) -> str:
    if not flavour.trusted and not is_plain(text):
        done.refused.append(f"an expression of {name}")
        return "NULL"
    return text


def _index(table: DeclaredTable, index: DeclaredIndex, done: Translated, *, same: bool) -> Iterator[str]:
    parts = [_part(index, place, same=same) for place in range(len(index.parts))]
    if None in parts or index.where is not None:
        done.notes.append(f"{table.name}: index {index.name} is left out, its kind is unknown here")
        return
    method = (index.method or "").upper() if same else ""
    word = "UNIQUE KEY" if index.unique else f"{method} KEY" if method in {"FULLTEXT", "SPATIAL"} else "KEY"
    yield f"{word} {quote(index.name or '_'.join(index.parts))} ({', '.join(part for part in parts if part)})"


def _part(index: DeclaredIndex, place: int, *, same: bool) -> str | None:
    text = index.parts[place]
    if place not in index.expressions:
        return quote(text)
    return text if same and re.fullmatch(r"`(``|[^`])+`\(\d+\)", text) else None


def _checks(table: DeclaredTable, flavour: Flavour, done: Translated, *, same: bool) -> Iterator[str]:
    for check in table.checks:
        if same and flavour.mariadb and _of_column(table, check.name or ""):
            continue
        text = _sql(check.expression, f"a check of {table.name}", flavour, done)
        if not same and ("::" in text or '"' in text or "~" in text or "[" in text):
            done.notes.append(f"{table.name}: a check is left out ({check.expression})")
            continue
        named = f"CONSTRAINT {quote(check.name)} " if check.name and not _of_column(table, check.name) else ""
        yield f"{named}CHECK ({text})"


def _of_column(table: DeclaredTable, name: str) -> bool:
    """MariaDB names a column's own check like the column, and declares it there."""
    return table.column(name) is not None


def _options(table: DeclaredTable, flavour: Flavour, comment: str, *, same: bool) -> Iterator[str]:
    yield "ENGINE=InnoDB"
    collation = table.options.get("collation", "") if same else flavour.collation
    if _COLLATION.fullmatch(collation):
        yield f"COLLATE={collation}"
    if table.counter is not None and any(column.numbered is not Numbered.NO for column in table.columns):
        yield f"AUTO_INCREMENT={int(table.counter) + 1}"
    if comment:
        yield f"COMMENT={_text(comment)}"
