"""What a PostgREST URL asks for, as SQL: select, order, limit, filters and logic trees, as its documentation has them.

https://docs.postgrest.org/en/stable/references/api/tables_views.html. Values go in as literals without a type, so that
the column decides, as they do there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

_OPERATORS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "LIKE",
    "ilike": "ILIKE",
    "match": "~",
    "cs": "@>",
    "cd": "<@",
}
_IS = {"null": "NULL", "true": "TRUE", "false": "FALSE", "unknown": "UNKNOWN", "not_null": "NOT NULL"}
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_RESERVED = frozenset({"select", "order", "limit", "offset", "on_conflict", "columns"})


class QueryError(Exception):
    """The URL cannot be read: PGRST100."""


@dataclass(frozen=True, slots=True)
class Query:
    """The parts of a URL's query, as SQL."""

    select: sql.Composable
    where: sql.Composable
    order: sql.Composable
    limit: int | None
    offset: int


def parsed(table: sql.Composable, pairs: Sequence[tuple[str, str]]) -> Query:
    """The query of a request on `table`."""
    words = dict(pairs)
    try:
        limit = int(words["limit"]) if "limit" in words else None
        offset = int(words.get("offset", "0"))
    except ValueError as exc:
        raise QueryError(f"failed to parse limit ({exc})") from exc
    return Query(_select(words.get("select", "*")), _where(pairs), _order(table, words.get("order", "")), limit, offset)


def _select(text: str) -> sql.Composable:
    return sql.SQL(", ").join(_selected(part) for part in split(text)) if text.strip() else sql.SQL("")


def _selected(part: str) -> sql.Composable:
    if part == "*":
        return sql.SQL("*")
    found = re.fullmatch(rf'(?:({_QUOTED}|[^:"()]+):(?!:))?({_QUOTED}|[^:"()]+?)(?:::([a-z0-9_ \[\]]+))?', part)
    if found is None:
        raise QueryError(f"failed to parse select parameter ({part})")
    alias, name, cast = found.groups()
    column: sql.Composable = sql.Identifier(bare(name))
    if cast:
        column = sql.SQL("CAST({} AS {})").format(column, sql.SQL(cast))  # the pattern lets no other SQL through
    return sql.SQL("{} AS {}").format(column, sql.Identifier(bare(alias or name)))


def _order(table: sql.Composable, text: str) -> sql.Composable:
    if not text:
        return sql.SQL("")
    terms = [_term(table, term) for term in split(text)]
    return sql.SQL(" ORDER BY ") + sql.SQL(", ").join(terms)


def _term(table: sql.Composable, term: str) -> sql.Composable:
    name, rest = _name(term)
    words = rest.split(".")[1:] if rest else []
    known = {"asc": "ASC", "desc": "DESC", "nullsfirst": "NULLS FIRST", "nullslast": "NULLS LAST"}
    if any(word not in known for word in words):
        raise QueryError(f"failed to parse order ({term})")
    how = sql.SQL(" ".join(known[word] for word in words))
    return sql.SQL("{}.{} {}").format(table, sql.Identifier(name), how)


def _where(pairs: Sequence[tuple[str, str]]) -> sql.Composable:
    parts = [_filter(name, text) for name, text in pairs if name not in _RESERVED]
    return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(parts) if parts else sql.SQL("")


def _filter(name: str, text: str) -> sql.Composable:
    negated, _, tail = name.rpartition("not.")
    if name in {"or", "and"} or (not negated and tail in {"or", "and"}):
        return _tree(f"{name}{text}")
    return _condition(bare(name), text, quoted=False)


def _tree(text: str) -> sql.Composable:
    """`or(a.eq.1,not.and(…))` or one condition `a.eq.1`."""
    found = re.match(r"(not\.)?(or|and)\(", text)
    if found is None:
        name, rest = _name(text)
        return _condition(name, rest.removeprefix("."), quoted=True)
    if not text.endswith(")"):
        raise QueryError(f"failed to parse logic tree ({text})")
    word = sql.SQL(f" {found[2].upper()} ")
    inner = word.join(_tree(part) for part in split(text[found.end() : -1]))
    return sql.SQL("NOT ({})" if found[1] else "({})").format(inner)


def _condition(name: str, text: str, *, quoted: bool) -> sql.Composable:
    if text.startswith("not."):
        return sql.SQL("NOT ({})").format(_condition(name, text.removeprefix("not."), quoted=quoted))
    column = sql.Identifier(name)
    operator, dot, value = text.partition(".")
    if dot and operator == "is" and value.lower() in _IS:
        return sql.SQL("{} IS {}").format(column, sql.SQL(_IS[value.lower()]))
    if dot and operator == "in" and value.startswith("(") and value.endswith(")"):
        listed = [sql.Literal(bare(one)) for one in split(value[1:-1])]
        return sql.SQL("{} IN ({})").format(column, sql.SQL(", ").join(listed)) if listed else sql.SQL("false")
    if dot and operator in _OPERATORS:
        literal = sql.Literal(bare(value) if quoted else value)
        return sql.SQL("{} {} {}").format(column, sql.SQL(_OPERATORS[operator]), literal)
    raise QueryError(f"failed to parse filter ({text})")


def _name(text: str) -> tuple[str, str]:
    """A column's name and what follows it."""
    if found := re.match(_QUOTED, text):
        return bare(found[0]), text[found.end() :]
    name, dot, rest = text.partition(".")
    return name, dot + rest


def split(text: str) -> list[str]:
    """At the commas that stand neither in quotes nor in brackets."""
    parts, held, depth, quoted, escaped = [], "", 0, False, False
    for sign in text:
        if sign == "," and not depth and not quoted:
            parts.append(held)
            held = ""
            continue
        held += sign
        if escaped or (quoted and sign == "\\"):
            escaped = not escaped
        elif sign == '"':
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(sign, 0)
    if quoted or depth:
        raise QueryError(f"failed to parse logic tree ({text})")
    return [*parts, held] if held or parts else []


def bare(text: str) -> str:
    """Without the quotes around a name or a value."""
    text = text.strip() if text.strip().startswith('"') else text
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def keys_of(body: Any) -> list[str] | None:
    """The columns of a body of rows, None where two rows have unequal keys (PGRST102)."""
    rows = body if isinstance(body, list) else [body]
    if not all(isinstance(row, dict) for row in rows):
        return None
    names = [set(row) for row in rows]
    return sorted(names[0]) if names and all(one == names[0] for one in names) else ([] if not names else None)


def names(text: str) -> list[str]:
    """The columns of `columns` and `on_conflict`."""
    return [bare(name) for name in split(text)]
