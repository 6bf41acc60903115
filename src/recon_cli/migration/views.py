"""Whether a view gives in the target what it gives in the source: small ones row by row, large ones by their number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import apsw

from recon_cli.migration import ddl
from recon_cli.migration.plan import ObjectPlan
from recon_cli.stores.bulk.postgres_link import Connection, ask
from recon_cli.stores.bulk.sqlite_open import ask as ask_source
from recon_cli.stores.bulk.sqlite_words import quoted

_MOST_ROWS = 20_000
_DIGITS = 9
_PLAIN = (int, float, Decimal, str, bytes, bool, type(None))


class Seen(NamedTuple):
    """What is worth telling (`note`), and what makes the view another one (`wrong`); empty where there is nothing."""

    notes: tuple[str, ...] = ()
    wrong: str = ""


def compare_view(db: apsw.Connection, connection: Connection, schema: str, view: ObjectPlan) -> Seen:
    """Compare what a view gives on both sides. A view that the source itself cannot read is not compared."""
    on = ddl.relation(schema, view.target)
    try:
        ours = ask_source(db, f"SELECT * FROM {quoted(view.name)} LIMIT {_MOST_ROWS + 1}")
    except (apsw.Error, UnicodeDecodeError):
        return Seen()
    if len(ours) > _MOST_ROWS:
        return Seen()
    theirs = ask(connection, f"SELECT * FROM {on} LIMIT {_MOST_ROWS + 1}")
    if len(ours) != len(theirs):
        return Seen(wrong=f"it gives {len(ours)} rows in the source and {len(theirs)} here")
    plain = [place for place in range(len(ours[0]) if ours else 0) if _comparable(theirs, place)]
    spelled = frozenset(place for place in plain if _is_spelled(ours, theirs, place))
    pairs = zip(_ordered(ours, plain, spelled), _ordered(theirs, plain, spelled), strict=True)
    odd, last = Counter[int](), Counter[int]()
    for one, other in pairs:
        for place, mine, found in zip(plain, one, other, strict=True):
            if mine != found:
                (last if _close(mine, found) else odd)[place] += 1
    if odd:
        return Seen(wrong=f"{sum(odd.values())} of its values are others here")
    names = [name for name, *_ in db.execute(f"SELECT name FROM pragma_table_info({_text(view.name)})").fetchall()]
    texts = tuple(f"view {view.name}.{names[place]}: its numbers are text here" for place in sorted(spelled))
    return Seen((*texts, *_told(view, names, last)))


def _text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _told(view: ObjectPlan, names: Sequence[Any], last: Counter[int]) -> Iterator[str]:
    for place, number in last.items():
        why = "floats are added in another order"
        yield f"view {view.name}.{names[place]}: {number} values differ in the last digits, {why}"


def _comparable(rows: Sequence[Sequence[Any]], place: int) -> bool:
    return all(isinstance(row[place], _PLAIN) for row in rows)


def _is_spelled(ours: Sequence[Sequence[Any]], theirs: Sequence[Sequence[Any]], place: int) -> bool:
    """Whether a column of integers, or of integers and texts, is text in the target."""
    kinds = {type(row[place]) for row in theirs} - {type(None)}
    mine = {type(row[place]) for row in ours} - {type(None)}
    return kinds == {str} and int in mine and mine <= {int, str}


def _ordered(rows: Sequence[Sequence[Any]], plain: Sequence[int], spelled: frozenset[int]) -> list[list[Any]]:
    """The rows' plain cells, in an order that does not hang on the last digits of a float."""
    cells = [[_spelled(row[place]) if place in spelled else _cell(row[place]) for place in plain] for row in rows]
    return sorted(cells, key=lambda row: [f"{one:.{_DIGITS}g}" if isinstance(one, float) else repr(one) for one in row])


def _spelled(value: Any) -> Any:  # noqa: ANN401  a cell of either side
    return str(value) if isinstance(value, int) else value


def _cell(value: Any) -> Any:  # noqa: ANN401  a cell of either side
    """Numbers of all kinds as floats, where that is exact."""
    if isinstance(value, bool | Decimal):
        return float(value)
    if isinstance(value, int) and abs(value) < 1 << 53:
        return float(value)
    return value


def _close(one: object, other: object) -> bool:
    return isinstance(one, float) and isinstance(other, float) and math.isclose(one, other, rel_tol=1e-9)
