"""What of a snapshot's SQL may be run without trust, on Postgres. Everything that is put into a statement is read here.

A type, a sequence, an index and a constraint are written by a grammar of our own, with only plain expressions in them
(`core/plain_sql.py`); extensions, functions, views and triggers are never run without trust.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence

from recon_cli.core.catalog import DeclaredColumn, DeclaredIndex, DeclaredObject, DeclaredTable
from recon_cli.core.plain_sql import is_plain

_NAME = r'(?:"(?:[^"\0]|"")+"|[^\W\d]\w*)'
_PATH = rf"(?:{_NAME}\.)?{_NAME}"
_STRING = r"'(?:[^'\0]|'')*'"
_UNIT = r"(?:year|month|day|hour|minute|second)"
_TYPE = (
    rf"(?:interval(?: {_UNIT})?(?: to {_UNIT})?(?:\(\d+\))?"
    rf"|{_PATH}(?: precision| varying)?(?:\([\w ,-]*\))?(?: with(?:out)? time zone)?)(?:\[\])*"
)
_NAMES = rf"\({_NAME}(?:, {_NAME})*\)"
_LATER = r"(?: DEFERRABLE(?: INITIALLY DEFERRED)?)?"
_PART = rf"(?:{_NAME}|\(?\?\)?)(?: COLLATE {_PATH})?(?: {_PATH}(?:\([\w=', ]*\))?)?(?: DESC)?(?: NULLS (?:FIRST|LAST))?"
_WHERE = r"(?: WHERE \(?\?\)?)?"
_WITH = r"(?: WITH \([\w.='%, -]*\))?"
_BOUND = rf"(?:{_STRING}|-?[\d.]+|MINVALUE|MAXVALUE|NULL|true|false)(?:::{_TYPE})?"
_BOUNDS = rf"\({_BOUND}(?:, {_BOUND})*\)"
_NUMBER = r"-?\d+"
_SIGN = "[-+*/<>=~!@#%^&|?]+"

_INDEX = re.compile(
    rf"CREATE (?:UNIQUE )?INDEX (?P<name>{_NAME}) ON (?:ONLY )?(?:{_NAME}\.)?(?P<table>{_NAME}) USING {_NAME}"
    rf" \({_PART}(?:, {_PART})*\)(?: INCLUDE {_NAMES})?(?: NULLS NOT DISTINCT)?{_WITH}{_WHERE}"
)
_CONSTRAINT = re.compile(
    rf"(?:UNIQUE|PRIMARY KEY)(?: NULLS NOT DISTINCT)? \({_NAME}(?:, {_NAME})*(?: WITHOUT OVERLAPS)?\)"
    rf"(?: INCLUDE {_NAMES})?{_LATER}"
    rf"|EXCLUDE USING {_NAME} \({_PART} WITH {_SIGN}(?:, {_PART} WITH {_SIGN})*\){_WHERE}{_LATER}"
)
_PARTITION = re.compile(
    rf"FOR VALUES (?:FROM {_BOUNDS} TO {_BOUNDS}|IN {_BOUNDS}|WITH \(modulus \d+, remainder \d+\))|DEFAULT"
)
_TYPES = (
    re.compile(rf"CREATE TYPE {_NAME} AS ENUM \((?:{_STRING}(?:, {_STRING})*)?\)"),
    re.compile(rf"CREATE TYPE {_NAME} AS \((?:{_NAME} {_TYPE}(?:, {_NAME} {_TYPE})*)?\)"),
    re.compile(rf"CREATE TYPE {_NAME} AS RANGE \(SUBTYPE = {_TYPE}\)"),
)
_DOMAIN = re.compile(
    rf"CREATE DOMAIN {_NAME} AS {_TYPE}(?: COLLATE {_PATH})?(?: DEFAULT (?P<default>.+?))?(?: NOT NULL)?"
    rf"(?P<checks>(?: CONSTRAINT {_NAME} CHECK \(.*\)(?: NOT VALID)?)?)",
    re.DOTALL,
)
_DOMAIN_CHECK = re.compile(rf"{_NAME} CHECK \((.*)\)(?: NOT VALID)?", re.DOTALL)
_SEQUENCE = re.compile(
    rf"CREATE SEQUENCE {_NAME} AS \w+ INCREMENT BY {_NUMBER} MINVALUE {_NUMBER} MAXVALUE {_NUMBER}"
    rf" START WITH {_NUMBER} CACHE {_NUMBER}(?: CYCLE)?"
    rf";\nSELECT pg_catalog.setval\({_STRING}, {_NUMBER}, (?:true|false)\)"
)
_STORAGE = re.compile(r"\w[\w.]*=[\w.-]+(?:, \w[\w.]*=[\w.-]+)*")
_COLUMNS = re.compile(rf"\({_PART}(?:, {_PART})*\)")
_METHOD = re.compile(r"(?:RANGE|LIST|HASH) (\(.*\))", re.DOTALL)


def suspects(tables: Sequence[DeclaredTable], objects: Sequence[DeclaredObject]) -> list[str]:
    """What of these would run SQL that is not plain, each in a few words."""
    types = frozenset(one.name for one in objects if one.kind == "type")
    found = [f"{one.kind} {one.name}" for one in objects if not _plain_object(one)]
    return found + [told for table in tables for told in _table(table, types)]


def is_type(declared: str) -> bool:
    """Whether the text is the name of a type, and nothing else."""
    return re.fullmatch(_TYPE, declared) is not None


def _plain_object(one: DeclaredObject) -> bool:
    if one.kind == "sequence":
        return _SEQUENCE.fullmatch(one.sql) is not None
    return one.kind == "type" and (any(shape.fullmatch(one.sql) for shape in _TYPES) or _plain_domain(one.sql))


def _plain_domain(sql: str) -> bool:
    found = _DOMAIN.fullmatch(sql)
    if found is None or (found["default"] and not is_plain(found["default"])):
        return False
    checks = found["checks"].split(" CONSTRAINT ")[1:]
    inside = [_DOMAIN_CHECK.fullmatch(one) for one in checks]
    return all(one is not None and is_plain(one[1]) for one in inside)


def _table(table: DeclaredTable, types: Collection[str]) -> Iterator[str]:
    for column in table.columns:
        yield from (f"{table.name}.{column.name}: {told}" for told in _column(column, types))
    for check in table.checks:
        if not is_plain(check.expression, types=types):
            yield f"{table.name}: check {check.expression}"
    for index in table.indexes:
        if not plain_index(table, index, types):
            yield f"{table.name}: index {index.name}"
    yield from (f"{table.name}: {told}" for told in _options(table))


def _column(column: DeclaredColumn, types: Collection[str]) -> Iterator[str]:
    if not is_type(column.declared):
        yield f"type {column.declared}"
    if column.collation and not re.fullmatch(_PATH, column.collation):
        yield f"collation {column.collation}"
    if column.default is not None and not is_plain(column.default, types=types):
        yield f"default {column.default}"
    if column.expression is not None and not is_plain(column.expression, types=types):
        yield f"generated as {column.expression}"


def _options(table: DeclaredTable) -> Iterator[str]:
    given = table.options
    if "with" in given and not _STORAGE.fullmatch(given["with"]):
        yield f"with {given['with']}"
    if "key" in given and not _CONSTRAINT.fullmatch(given["key"]):
        yield f"key {given['key']}"
    for _, _, bound, method in json.loads(given.get("partitions", "[]")):
        if not _PARTITION.fullmatch(bound) or (method and not _plain_method(method)):
            yield f"partition {bound}"
    for parent in json.loads(given.get("inherits", "[]")):
        if not re.fullmatch(_PATH, parent):
            yield f"inherits {parent}"
    if "partition_by" in given and not _plain_method(given["partition_by"]):
        yield f"partition by {given['partition_by']}"


def _plain_method(text: str) -> bool:
    found = _METHOD.fullmatch(text)
    return found is not None and (_COLUMNS.fullmatch(found[1]) is not None or is_plain(found[1]))


def plain_index(table: DeclaredTable, index: DeclaredIndex, types: Collection[str]) -> bool:
    """Whether an index's statement is ours to the letter, with plain expressions and for this very table."""
    written = [index.parts[place] for place in index.expressions]
    if not all(is_plain(one, types=types) for one in (*written, *([index.where] if index.where else []))):
        return False
    if index.sql is None:
        return re.fullmatch(_NAME, index.method or "btree") is not None
    bare = _bare(index, written)
    if index.constraint is not None:
        return _CONSTRAINT.fullmatch(bare) is not None
    found = _INDEX.fullmatch(bare)
    return found is not None and (_unquoted(found["name"]), _unquoted(found["table"])) == (index.name, table.name)


def _bare(index: DeclaredIndex, written: Sequence[str]) -> str:
    """The statement with a question mark for each expression; what is left must match the grammar by itself."""
    text = index.sql or ""
    if index.where:
        head, found, tail = text.rpartition(index.where)
        text = f"{head}?{tail}" if found else text
    for one in sorted(written, key=len, reverse=True):
        text = text.replace(one, "?", 1)
    return text


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
