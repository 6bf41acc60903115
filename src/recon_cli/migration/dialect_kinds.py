"""What kind of value a part of an expression has, and values of one kind where another is needed."""

from __future__ import annotations

import re
from enum import Enum, auto

from sqlglot import exp

from recon_cli.migration.translation import LOOSE_TEXT, MIXED, SPELLED, Untranslatable

_T = exp.DataType.Type
_DIGITS = re.compile(r"0|-?[1-9]\d*")
_NUMERIC = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


class Kind(Enum):
    """Kinds of values, as far as their operators differ."""

    UNKNOWN = auto()
    BOOLEAN = auto()
    INTEGER = auto()
    REAL = auto()
    NUMERIC = auto()
    TEXT = auto()
    BYTES = auto()
    DATE = auto()
    TIME = auto()
    STAMP = auto()
    STAMPTZ = auto()
    JSON = auto()
    UUID = auto()


_KINDS = {
    Kind.BOOLEAN: (_T.BOOLEAN,),
    Kind.INTEGER: (_T.BIGINT, _T.INT, _T.SMALLINT, _T.TINYINT),
    Kind.REAL: (_T.DOUBLE, _T.FLOAT),
    Kind.NUMERIC: (_T.DECIMAL,),
    Kind.TEXT: (_T.TEXT, _T.VARCHAR, _T.CHAR, _T.NVARCHAR, _T.NCHAR),
    Kind.BYTES: (_T.VARBINARY, _T.BINARY, _T.BLOB),
    Kind.DATE: (_T.DATE,),
    Kind.TIME: (_T.TIME,),
    Kind.STAMP: (_T.TIMESTAMP, _T.DATETIME),
    Kind.STAMPTZ: (_T.TIMESTAMPTZ,),
    Kind.JSON: (_T.JSON, _T.JSONB),
    Kind.UUID: (_T.UUID,),
}
_OF_TYPE = {one: found for found, several in _KINDS.items() for one in several}
_LOOSE = _T.NVARCHAR
_SCHEMA = (
    (LOOSE_TEXT, "NVARCHAR"),
    (MIXED, "NVARCHAR"),
    (SPELLED, "NCHAR"),
    ("bigint", "BIGINT"),
    ("double", "DOUBLE"),
    ("numeric", "DECIMAL"),
    ("boolean", "BOOLEAN"),
    ("timestamp with time", "TIMESTAMPTZ"),
    ("timestamp", "TIMESTAMP"),
    ("date", "DATE"),
    ("time", "TIME"),
    ("bytea", "VARBINARY"),
    ("jsonb", "JSONB"),
    ("json", "JSON"),
    ("uuid", "UUID"),
)


def schema_type(declared: str) -> str:
    """A Postgres type as sqlglot's schema calls it."""
    return next((name for start, name in _SCHEMA if declared.startswith(start)), "TEXT")


def kind(node: exp.Expression) -> Kind:
    """What kind of value a node has."""
    if isinstance(node, exp.Literal):
        if node.is_string:
            return Kind.TEXT
        return Kind.INTEGER if node.is_int else Kind.REAL
    if isinstance(node, exp.Neg | exp.Paren):
        return kind(node.this)
    if isinstance(node, exp.Null):
        return Kind.UNKNOWN
    if isinstance(node, exp.Boolean | exp.Connector | exp.Not | exp.Predicate):
        return Kind.BOOLEAN
    if isinstance(node, exp.Cast):
        return _OF_TYPE.get(node.to.this, Kind.UNKNOWN)
    if node.type is None:
        return Kind.UNKNOWN
    return _OF_TYPE.get(node.type.this, Kind.UNKNOWN)


def loose(node: exp.Expression) -> bool:
    """Whether a node is a column of text that SQLite would compare with numbers as numbers."""
    return node.type is not None and node.type.this is _LOOSE


def spelled(node: exp.Expression) -> bool:
    """Whether a node is a column of integers and texts that is kept as text."""
    return node.type is not None and node.type.this is _T.NCHAR


def typed(node: exp.Expression, name: str) -> exp.Expression:
    """The node, with its type said."""
    node.type = exp.DataType.build(name)
    return node


def truth(node: exp.Expression) -> exp.Expression:
    """A node as a condition: a number is true unless it is zero."""
    found = kind(node)
    if found is Kind.BOOLEAN or isinstance(node, exp.Null):
        return node
    if isinstance(node, exp.Literal) and not node.is_string:
        return exp.Boolean(this=float(node.name) != 0)
    if found in {Kind.INTEGER, Kind.REAL, Kind.NUMERIC}:
        return exp.NEQ(this=exp.paren(node), expression=exp.Literal.number(0))
    raise Untranslatable(f"`{node.sql('sqlite')[:60]}` is not a condition here")


def literal_as(
    node: exp.Expression, wanted: str, *, of_loose: bool = False, of_spelled: bool = False
) -> exp.Expression:
    """A literal as the wanted type has it; anything else as it is.

    `of_loose`, `of_spelled`: beside a column that is.
    """
    if isinstance(node, exp.Paren) and isinstance(node.this, exp.Literal | exp.Neg | exp.Boolean | exp.Null):
        node = node.this
    if isinstance(node, exp.Boolean):
        return node if wanted == "boolean" else exp.Literal.number(int(node.this)) if wanted == "bigint" else node
    if not isinstance(node, exp.Literal):
        return node
    if of_loose and _NUMERIC.fullmatch(node.name):
        raise Untranslatable(f"`{node.name}` is a number to SQLite beside a column declared without a type of text")
    if of_spelled and _NUMERIC.fullmatch(node.name) and not _DIGITS.fullmatch(node.name):
        raise Untranslatable(f"`{node.name}` is a number to SQLite beside a column of numbers and texts")
    if wanted == "boolean":
        return _boolean(node)
    if wanted == "text" and not node.is_string:
        if not node.is_int:
            raise Untranslatable(f"`{node.name}` is a float where text is kept")
        return exp.Literal.string(node.name)
    if wanted in {"bigint", "double precision"} or wanted.startswith("numeric"):
        return _number(node, wanted)
    return node


def _boolean(node: exp.Literal) -> exp.Expression:
    word = node.name.lower()
    if word in {"1", "true", "t"}:
        return exp.true()
    if word in {"0", "false", "f"}:
        return exp.false()
    raise Untranslatable(f"`{node.name}` is neither true nor false")


def _number(node: exp.Literal, wanted: str) -> exp.Expression:
    try:
        value = float(node.name)
    except ValueError as exc:
        raise Untranslatable(f"`{node.name}` is not a number") from exc
    if wanted == "bigint" and not node.is_string and not value.is_integer():
        return node
    return exp.Literal.number(node.name.strip())


TARGETS = {
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "bigint",
    Kind.REAL: "double precision",
    Kind.NUMERIC: "numeric",
    Kind.TEXT: "text",
    Kind.BYTES: "bytea",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.STAMP: "timestamp without time zone",
    Kind.STAMPTZ: "timestamp with time zone",
    Kind.JSON: "jsonb",
    Kind.UUID: "uuid",
}
"""The Postgres type of each kind."""


def target_type(node: exp.Expression) -> str:
    """The Postgres type of a translated node, empty where that is not known."""
    return TARGETS.get(kind(node.this if isinstance(node, exp.Alias) else node), "")
