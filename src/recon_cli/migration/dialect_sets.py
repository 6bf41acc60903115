"""UNION and its like: every branch gives values of one kind, which SQLite does not ask for and Postgres does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from sqlglot import exp

from recon_cli.migration.dialect_kinds import TARGETS, Kind, kind
from recon_cli.migration.translation import Untranslatable

_Tree: TypeAlias = Any
_ALIGNED = frozenset({Kind.BOOLEAN, Kind.INTEGER, Kind.REAL, Kind.NUMERIC, Kind.TEXT, Kind.BYTES})


def aligned(node: _Tree) -> _Tree:
    """A set operation whose branches agree, column by column.

    Raises:
        Untranslatable: it is sorted by what would be text then, which sorts otherwise.
    """
    branches = [branch.expressions for branch in _branches(node)]
    if len({len(one) for one in branches}) != 1:
        return node
    for place in range(len(branches[0])):
        _align(node, [one[place] for one in branches])
    return node


def _branches(node: _Tree) -> Iterator[_Tree]:
    if isinstance(node, exp.SetOperation):
        yield from _branches(node.this)
        yield from _branches(node.expression)
    elif isinstance(node, exp.Subquery):
        yield from _branches(node.this)
    else:
        yield node


def _align(node: _Tree, cells: list[_Tree]) -> None:
    bare = [one.unalias() for one in cells]
    kinds = {kind(one) for one in bare} - {Kind.UNKNOWN}
    empty = any(isinstance(one, exp.Null) for one in bare)
    wanted = _common(kinds, bare)
    if wanted is None or (len(kinds) == 1 and not empty):
        return
    if wanted is Kind.TEXT and len(kinds) > 1 and node.args.get("order"):
        raise Untranslatable("it sorts by a column of numbers and texts")
    for one in bare:
        if kind(one) is not wanted and (kind(one) is not Kind.UNKNOWN or isinstance(one, exp.Null)):
            one.replace(_as(one, wanted))


def _common(kinds: set[Kind], cells: list[_Tree]) -> Kind | None:
    if len(kinds) == 1:
        (only,) = kinds
        return only if only in _ALIGNED else None
    if kinds == {Kind.BOOLEAN, Kind.INTEGER}:
        numbers = [one for one in cells if kind(one) is Kind.INTEGER]
        return Kind.BOOLEAN if all(_is_truth(one) for one in numbers) else Kind.INTEGER
    return Kind.TEXT if kinds in ({Kind.INTEGER, Kind.TEXT}, {Kind.INTEGER, Kind.TEXT, Kind.BOOLEAN}) else None


def _is_truth(node: _Tree) -> bool:
    return isinstance(node, exp.Literal) and node.name in {"0", "1"}


def _as(node: _Tree, wanted: Kind) -> _Tree:
    if wanted is Kind.BOOLEAN and isinstance(node, exp.Literal):
        return exp.true() if node.name == "1" else exp.false()
    if kind(node) is Kind.BOOLEAN and wanted in {Kind.INTEGER, Kind.TEXT}:
        number = exp.cast(exp.cast(node.copy(), "int"), "bigint")
        return number if wanted is Kind.INTEGER else exp.cast(number, "text")
    return exp.cast(node.copy(), TARGETS[wanted], dialect="postgres")
