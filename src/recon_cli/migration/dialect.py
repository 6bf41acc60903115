"""SQLite's SQL as Postgres's: read into a tree, every part of it known or refused, written anew. By sqlglot.

Nothing of the source's text reaches the target: names are looked up in the plan, literals are written by us, and a
function or construct that is not on the list below makes the whole expression `Untranslatable`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from recon_cli.migration.dialect_functions import FUNCTIONS
from recon_cli.migration.dialect_kinds import (
    Kind,
    kind,
    literal_as,
    loose,
    schema_type,
    spelled,
    target_type,
    truth,
)
from recon_cli.migration.dialect_sets import aligned
from recon_cli.migration.translation import MIXED, SPELLED, Known, Untranslatable

_Tree: TypeAlias = Any
"""A node of sqlglot's, whose classes say little about what they hold."""
_ROW_NUMBERS = frozenset({"rowid", "_rowid_", "oid"})

_PLAIN: tuple[type[exp.Expression], ...] = (
    *(exp.Select, exp.Subquery, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered),
    *(exp.Limit, exp.Offset, exp.Union, exp.Intersect, exp.Except, exp.With, exp.CTE, exp.Table, exp.TableAlias),
    *(exp.Alias, exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Star, exp.Distinct, exp.Paren),
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In, exp.Between),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe, exp.Case, exp.If, exp.Exists, exp.Tuple),
    *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseNot, exp.BitwiseLeftShift),
    *(exp.BitwiseRightShift, exp.Window, exp.WindowSpec, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead),
    *(exp.FirstValue, exp.LastValue, exp.NthValue, exp.Ntile, exp.PercentRank, exp.CumeDist, exp.Values, exp.Var),
    *(exp.DataType, exp.DataTypeParam, exp.Filter, exp.Escape),
)


_LOOKS_ONLY = (exp.Select, exp.Alias, exp.Is, exp.Count)
"""What may stand round a column of several kinds of values: it does not ask which kind one is."""


_SAME = (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ)
_TELLS_APART = (*_LOOKS_ONLY, *_SAME, exp.In, exp.Length, exp.Group, exp.Coalesce, exp.DPipe)
"""What may stand round a column that is spelled as text: it asks no more than which values are equal."""


def _schema(known: Known) -> MappingSchema:
    """For sqlglot."""
    tables: dict[str, object] = {
        name: {column: schema_type(declared) for column, (_, declared) in one.columns.items()}
        for name, one in known.relations.items()
    }
    return MappingSchema(tables, dialect="sqlite")


def expression(sql: str, known: Known, table: str, wanted: str = "") -> str:
    """An expression over one table's columns, as the target's SQL. `wanted`: the type that it should have, if any.

    Raises:
        Untranslatable: and why.
    """
    select = _parsed(f"SELECT {sql} AS x FROM {_quoted(table)}", known)
    if len(select.expressions) != 1:
        raise Untranslatable("it is not one expression")
    (found,) = select.expressions
    (changed,) = _translated(select, known).expressions if not isinstance(found, exp.Star) else (found,)
    body = changed.this if isinstance(changed, exp.Alias) else changed
    if wanted == "boolean":
        body = truth(body)
    elif wanted:
        body = literal_as(body, wanted)
    for column in list(body.find_all(exp.Column)):
        column.set("table", None)
    return _written(body)


def query_with_types(sql: str, known: Known) -> tuple[str, list[str]]:
    """The SELECT of a view as the target's SQL, and the types of its columns, empty where they are not known.

    Raises:
        Untranslatable: and why.
    """
    tree = _translated(_parsed(sql, known), known)
    return _written(tree), [_type_of(one) for one in tree.selects]


def _type_of(node: _Tree) -> str:
    return SPELLED if spelled(node.unalias()) else target_type(node)


def _written(node: _Tree) -> str:
    return str(node.sql("postgres", identify=True, comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _parsed(sql: str, known: Known) -> _Tree:
    try:
        tree = sqlglot.parse_one(sql, read="sqlite")
    except SqlglotError as exc:
        raise Untranslatable("its SQL could not be read") from exc
    if not isinstance(tree, exp.Query):
        raise Untranslatable("it is not a SELECT")
    for node in tree.walk():
        if not isinstance(node, _PLAIN) and type(node) not in FUNCTIONS:
            raise Untranslatable(f"`{_told(node)}` has no equal")
    _strings(tree, known)
    schema = _schema(known)
    try:
        tree = qualify(tree, schema=schema, dialect="sqlite", identify=True)
        return annotate_types(tree, schema=schema, dialect="sqlite")
    except (SqlglotError, RecursionError, ValueError) as exc:
        raise Untranslatable(str(exc).split(". Line")[0]) from exc


def _told(node: _Tree) -> str:
    if isinstance(node, exp.Anonymous):
        return f"{node.name}()"
    return node.sql("sqlite")[:60] or type(node).__name__


def _strings(tree: _Tree, known: Known) -> None:
    """Names that are none: `"text"` that SQLite reads as a string, and the row number by its own name."""
    tables = {table.name.lower() for table in tree.find_all(exp.Table)}
    columns = {name for table in tables if table in known.relations for name in known.relations[table].columns}
    aliases = {alias.alias.lower() for alias in tree.find_all(exp.Alias, exp.TableAlias, exp.CTE)}
    for column in list(tree.find_all(exp.Column)):
        name = column.name.lower()
        if name in columns or name in aliases:
            continue
        if name in _ROW_NUMBERS:
            column.this.set("this", _number_of(column, tree, known))
        elif isinstance(column.this, exp.Identifier) and column.this.quoted and not column.table:
            column.replace(exp.Literal.string(column.name))


def _number_of(column: exp.Column, tree: _Tree, known: Known) -> str:
    tables = [table for table in tree.find_all(exp.Table) if column.table in {"", table.alias_or_name}]
    found = known.relations.get(tables[0].name.lower()) if len(tables) == 1 else None
    if found is None or not found.number:
        raise Untranslatable("the row number has no name of its own")
    return found.number


def _translated(tree: _Tree, known: Known) -> _Tree:
    _name(tree, known)
    return _changed(tree)


def _changed(node: _Tree) -> _Tree:
    """The tree with every node translated, the innermost first; what was translated is not looked at again."""
    for child in list(node.iter_expressions()):
        found = _changed(child)
        if found is not child:
            child.replace(found)
    return _node(node)


def _name(tree: _Tree, known: Known) -> None:
    """Names as the target has them, before any node is replaced."""
    for scope in traverse_scope(tree):
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table):
                relation = known.relations[source.name.lower()]
                target, declared = relation.columns[column.name.lower()]
                if not _may_stand(column, declared):
                    raise Untranslatable(
                        f"`{column.name}` holds several kinds of values, which are written as one here"
                    )
                column.this.set("this", target)
    names = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.name.lower() in known.relations and table.name not in names:
            alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
            table.set("this", exp.to_identifier(known.relations[table.name.lower()].name, quoted=True))
            table.set("alias", alias)
        elif table.name not in names:
            raise Untranslatable(f"`{table.name}` is not migrated")


def _may_stand(column: _Tree, declared: str) -> bool:
    """Whether what stands round a column of several kinds of values means the same when they are written as one."""
    if declared == SPELLED:
        parent = column.parent
        result = isinstance(parent, exp.If | exp.Case) and column.arg_key in {"true", "false", "default"}
        return result or isinstance(parent, _TELLS_APART)
    return declared != MIXED or isinstance(column.parent, _LOOKS_ONLY)


def _node(node: _Tree) -> _Tree:
    change = FUNCTIONS.get(type(node)) or _OPERATORS.get(type(node))
    return change(node) if change is not None else node


def _compared(node: _Tree) -> _Tree:
    """Both sides of one kind, as SQLite's affinity has it."""
    left, right = node.this, node.expression
    node.set("this", _side(left, right))
    node.set("expression", _side(right, left))
    if _families(node.this, node.expression) is None:
        raise Untranslatable(f"`{node.sql('sqlite')[:60]}` compares two kinds of values")
    return node


def _side(one: _Tree, other: _Tree) -> _Tree:
    if spelled(other):
        return _beside_spelled(one)
    if isinstance(one, exp.Literal | exp.Neg) or (isinstance(one, exp.Boolean) and kind(other) is not Kind.BOOLEAN):
        return literal_as(one, _WRITTEN.get(kind(other), ""), of_loose=loose(other))
    if kind(one) is Kind.BOOLEAN and kind(other) in {Kind.INTEGER, Kind.REAL, Kind.NUMERIC}:
        if isinstance(other, exp.Literal) and other.name in {"0", "1"}:
            return one
        return _integer_of(one)
    return one


def _beside_spelled(one: _Tree) -> _Tree:
    """What is compared with a column that is spelled as text: integers as their digits, texts that are no numbers."""
    if isinstance(one, exp.Literal):
        return literal_as(one, "text", of_spelled=True)
    if kind(one) is Kind.INTEGER:
        return exp.cast(one, "text")
    if spelled(one) or isinstance(one, exp.Null):
        return one
    raise Untranslatable(f"`{one.sql('sqlite')[:60]}` may be a number to SQLite beside a column of numbers and texts")


_WRITTEN = {
    Kind.BOOLEAN: "boolean",
    Kind.TEXT: "text",
    Kind.INTEGER: "bigint",
    Kind.REAL: "double precision",
    Kind.NUMERIC: "numeric",
}
_NUMBERS = frozenset({Kind.INTEGER, Kind.REAL, Kind.NUMERIC})
_TIMES = frozenset({Kind.STAMP, Kind.STAMPTZ, Kind.DATE})


def _families(one: _Tree, other: _Tree) -> str | None:
    left, right = kind(one), kind(other)
    if left is right or Kind.UNKNOWN in {left, right}:
        return "same"
    if left in _NUMBERS and right in _NUMBERS:
        return "numbers"
    literal = isinstance(one, exp.Literal) or isinstance(other, exp.Literal)
    times = left in _TIMES or right in _TIMES or Kind.TIME in {left, right} or Kind.UUID in {left, right}
    return "times" if times and literal else None


def _integer_of(node: _Tree) -> _Tree:
    return exp.cast(exp.cast(node, "int"), "bigint")


def _in(node: _Tree) -> _Tree:
    listed = node.args.get("expressions") or []
    node.set("expressions", [_side(one, node.this) for one in listed])
    if any(_families(node.this, one) is None for one in node.args.get("expressions") or []):
        raise Untranslatable(f"`{node.sql('sqlite')[:60]}` compares two kinds of values")
    return node


def _between(node: _Tree) -> _Tree:
    for name in ("low", "high"):
        node.set(name, _side(node.args[name], node.this))
        if _families(node.this, node.args[name]) is None:
            raise Untranslatable(f"`{node.sql('sqlite')[:60]}` compares two kinds of values")
    return node


def _logic(node: _Tree) -> _Tree:
    node.set("this", truth(node.this))
    if node.args.get("expression") is not None:
        node.set("expression", truth(node.expression))
    return node


def _arithmetic(node: _Tree) -> _Tree:
    for name in ("this", "expression"):
        side = node.args[name]
        if kind(side) is Kind.BOOLEAN:
            side = _integer_of(side)
        if kind(side) not in {*_NUMBERS, Kind.UNKNOWN}:
            raise Untranslatable(f"`{node.sql('sqlite')[:60]}` counts with what is not a number")
        node.set(name, side)
    return node


def _joined(node: _Tree) -> _Tree:
    for name in ("this", "expression"):
        side = node.args[name]
        if kind(side) is Kind.TEXT:
            continue
        if kind(side) not in {Kind.INTEGER, Kind.BOOLEAN}:
            raise Untranslatable(f"`{node.sql('sqlite')[:60]}` makes text of what is written otherwise here")
        node.set(name, exp.cast(_integer_of(side) if kind(side) is Kind.BOOLEAN else side, "text"))
    return node


def _is(node: _Tree) -> _Tree:
    if isinstance(node.expression, exp.Null):
        return node
    if isinstance(node.expression, exp.Boolean):
        node.set("this", truth(node.this))
        return node
    return _compared(exp.NullSafeEQ(this=node.this, expression=node.expression))


def _where(node: _Tree) -> _Tree:
    node.set("this", truth(node.this))
    return node


def _join(node: _Tree) -> _Tree:
    if node.args.get("on") is not None:
        node.set("on", truth(node.args["on"]))
    return node


def _case(node: _Tree) -> _Tree:
    if node.args.get("this") is None:
        for one in node.args["ifs"]:
            one.set("this", truth(one.this))
    else:
        for one in node.args["ifs"]:
            one.set("this", _side(one.this, node.this))
    results = [one.args["true"] for one in node.args["ifs"]] + [node.args["default"]] * bool(node.args.get("default"))
    kinds = {kind(one) for one in results} - {Kind.UNKNOWN}
    if len(kinds) > 1 and not kinds <= _NUMBERS:
        raise Untranslatable(f"`{node.sql('sqlite')[:60]}` gives two kinds of values")
    return node


def _iif(node: _Tree) -> _Tree:
    if isinstance(node.parent, exp.Case):
        return node
    return _case(exp.Case(ifs=[exp.If(this=node.this, true=node.args["true"])], default=node.args.get("false")))


_OPERATORS: Mapping[type[exp.Expression], Callable[[_Tree], _Tree]] = {
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ), _compared),
    **dict.fromkeys((exp.And, exp.Or, exp.Not), _logic),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), _arithmetic),
    **dict.fromkeys((exp.Where, exp.Having), _where),
    exp.In: _in,
    exp.Between: _between,
    exp.DPipe: _joined,
    exp.Is: _is,
    exp.Join: _join,
    exp.Case: _case,
    exp.If: _iif,
    **dict.fromkeys((exp.Union, exp.Intersect, exp.Except), aligned),
}


def tables_of(sql: str) -> Sequence[str]:
    """The names of what a view reads, in lower case; empty if it cannot be read."""
    try:
        tree = sqlglot.parse_one(sql, read="sqlite")
    except (SqlglotError, RecursionError):
        return ()
    return [table.name.lower() for table in tree.find_all(exp.Table)]


def type_of(sql: str, known: Known, table: str) -> str:
    """The target's type of an expression, empty where that is not known."""
    select = _translated(_parsed(f"SELECT {sql} AS x FROM {_quoted(table)}", known), known)
    return target_type(select.expressions[0])
