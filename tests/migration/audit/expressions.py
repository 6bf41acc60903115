"""CHECK, indexes, defaults: each of the source's needs one on the other side that does the same, or a word about it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from tests.migration.audit import moments
from tests.migration.audit.behave import ERROR, WORDS, Row, Trial, _plain, alike, trial, truths
from tests.migration.audit.model import Column, Index, Part, Table
from tests.migration.audit.postgres_side import Connection
from tests.migration.audit.sqlite_side import Text
from tests.migration.audit.sqlite_words import tokens
from tests.migration.audit.told import Told
from tests.migration.audit.values import RULE, shown, verdict

Pairs = Sequence[tuple[Row, Row]]
NOW_S = 300
"""Two clocks that are read one after the other differ by less."""


def checks(db: Connection, one: Table, other: Table, names: dict[str, str], pairs: Pairs, told: Told) -> Iterator[str]:
    """Each CHECK lets the same rows pass."""
    if not one.checks and not other.checks:
        return
    rows = trial(one, other, names, pairs, *one.checks, *other.checks)
    there = {check: truths(rows.in_postgres(db, check), unknown=True) for check in other.checks}
    left = list(other.checks)
    for check in one.checks:
        wanted = truths(rows.in_sqlite(check), unknown=True)
        same = next((each for each in left if there[each] == wanted), None)
        if same is not None:
            left.remove(same)
        elif all(wanted) and not _cannot(rows.in_sqlite(check)):
            continue  # nothing that the type can hold would be refused
        elif not _told_of(told, one, check):
            yield f"{one.name}: CHECK ({check}) is missing or lets other rows pass"
    passed = [check for check in left if not all(there[check]) and not told.names(one.name, about="check")]
    yield from (f"{one.name}: CHECK {check} is new" for check in passed)


def _cannot(answers: Sequence[object]) -> bool:
    return bool(answers) and all(one == ERROR for one in answers)


def _told_of(told: Told, one: Table, expression: str) -> bool:
    if told.names(one.name, expression) or told.names(one.name, " ".join(expression.split())):
        return True
    columns = [token.name for token in tokens(expression) if one.column(token.name)]
    return told.names(one.name, *columns[:1], about="check")


def indexes(db: Connection, one: Table, other: Table, names: dict[str, str], pairs: Pairs, told: Told) -> Iterator[str]:
    """Each index: parts in order, direction, collation, uniqueness, predicate; its name, if it has one of its own."""
    left = list(other.indexes)
    for was in one.indexes:
        about = [was.where or "", *(part.expression for part in was.parts)]
        rows = trial(one, other, names, pairs, *about) if any(about) else None
        said = [(list(_index(db, was, each, names, one, rows)), each) for each in left]
        best = min(said, key=lambda pair: (len(pair[0]), pair[1].name != was.name), default=None)
        spelled = was.name if not was.constraint else f"on {', '.join(part.column for part in was.parts)}"
        if _index_told(told, one, was):
            left = [each for each in left if each.name != was.name]
            continue
        if best is None or (best[0] and best[1].name != was.name):
            close = f"; closest is {best[1].name}: {', '.join(best[0])}" if best else ""
            yield f"{one.name}: index {spelled} is missing{close}"
            continue
        left.remove(best[1])
        yield from (f"{one.name}: index {spelled} {word}" for word in best[0])
        if not was.constraint and best[1].name != was.name:
            yield f"{one.name}: index {spelled} is called {best[1].name} now"
    extra = [each.name for each in left if not told.names(each.name) and not _for_key(each, one, other, names)]
    yield from (f"{one.name}: index {name} is new" for name in extra)


def _for_key(index: Index, one: Table, other: Table, names: dict[str, str]) -> bool:
    """Whether it stands for a primary key that could not be one (`shape.key` asks that this is told), or folds it."""
    wanted = [names.get(column, column) for column in one.key]
    parts = [part.column or part.expression for part in index.parts]
    each = zip(wanted, parts, strict=False)
    instead = not other.key or any((column := one.column(name)) and column.collation == "NOCASE" for name in one.key)
    return index.unique and instead and len(parts) == len(wanted) and all(name in part for name, part in each)


def _index_told(told: Told, one: Table, index: Index) -> bool:
    if not index.constraint:
        return told.names(index.name)
    return told.names(one.name, *(part.column for part in index.parts), about="unique")


def _index(
    db: Connection, was: Index, became: Index, names: dict[str, str], one: Table, rows: Trial | None
) -> Iterator[str]:
    if was.unique != became.unique:
        yield "is unique no more" if was.unique else "is unique now"
    if not became.valid:
        yield "is not valid"
    if len(was.parts) != len(became.parts):
        yield f"has {len(became.parts)} parts and not {len(was.parts)}"
        return
    for number, (part, there) in enumerate(zip(was.parts, became.parts, strict=True), 1):
        for said in _part(db, part, there, names, one, rows):
            yield f"part {number} {said}"
    if (was.where is None) != (became.where is None):
        yield "lost its WHERE" if was.where else "has a WHERE now"
    elif was.where is not None and became.where is not None and rows is not None:
        mine = truths(rows.in_sqlite(was.where), unknown=False)
        if mine != truths(rows.in_postgres(db, became.where), unknown=False):
            yield f"covers other rows: WHERE {was.where} became {became.where}"


def _part(
    db: Connection, was: Part, became: Part, names: dict[str, str], one: Table, rows: Trial | None
) -> Iterator[str]:
    if was.descending != became.descending:
        yield "lost DESC" if was.descending else "is DESC now"
    folds = was.collation == "NOCASE" and _words(one, was)
    if folds and became.collation != "nondeterministic":
        column = names.get(was.column, was.column)
        if not re.search(rf"\blower\(.*{re.escape(column)}", became.expression):
            yield "tells upper from lower case (was NOCASE)"
        return
    if was.collation == "RTRIM" and "rtrim" not in became.expression and became.collation != "nondeterministic":
        yield "tells trailing spaces (was RTRIM)"
        return
    if was.collation == "RTRIM":
        return
    if bool(was.column) != bool(became.column) or (was.column and names.get(was.column) != became.column):
        yield f"is {became.column or became.expression} and not {was.column or was.expression}"
    elif was.expression and rows is not None:
        mine, yours = rows.in_sqlite(was.expression), rows.in_postgres(db, became.expression)
        if not alike(mine, yours):
            yield f"computes something else: {was.expression} became {became.expression}"


def _words(one: Table, part: Part) -> bool:
    """Whether a collation matters: a column of numbers has none."""
    column = one.column(part.column)
    return column is None or "INT" not in column.declared.upper()


def defaults(db: Connection, one: Table, other: Table, names: dict[str, str], told: Told) -> Iterator[str]:
    """Each default gives the same value, the same moment, or something of the same form if it is random."""
    for was in one.columns:
        became = other.column(names.get(was.name, ""))
        if became is None or was.generated or was.numbered or told.names(one.name, was.name):
            continue
        said = _default(db, was, became)
        if said:
            yield f"{one.name}.{was.name}: {said}"


def _default(db: Connection, was: Column, became: Column) -> str | None:
    wanted, again = _given(was), _given(was)
    if became.default is None:
        return None if wanted is None else f"default {was.default} is missing"
    if was.default is None:
        return f"has a default now: {became.default}"
    try:
        found = (db.execute(f"SELECT ({became.default})::{became.declared}").fetchone() or (None,))[0]
    except psycopg.Error as error:
        return f"default {became.default} fails: {error}"
    said = verdict(wanted, found, became.base)
    if said is None or said.startswith(RULE):
        return None
    if wanted != again or _clock(wanted):
        return (
            None
            if _like(wanted, found, became.base)
            else f"default {was.default} gave {shown(wanted)} and gives {shown(found)}"
        )
    return f"default {was.default} gave {shown(wanted)} and gives {shown(found)}"


def _given(column: Column) -> object:
    """What SQLite puts into the column by itself."""
    if column.default is None:
        return None
    with closing(sqlite3.connect(":memory:")) as db:
        db.text_factory = Text
        for spelled in (column.default, f"({column.default})"):
            try:
                db.execute(f"CREATE TABLE d (a, c {_plain(column.declared)} DEFAULT {spelled})")
                db.execute("INSERT INTO d (a) VALUES (1)")
                return db.execute("SELECT c FROM d").fetchone()[0]  # type: ignore[no-any-return]
            except sqlite3.Error:
                db.execute("DROP TABLE IF EXISTS d")
    return Text(ERROR.encode())


def _clock(cell: object) -> bool:
    """Whether it is a moment of about now (or today, or this hour)."""
    return _near(_moment(cell))


def _moment(cell: object) -> datetime | None:
    if isinstance(cell, (Text, str)):
        text = cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell
        parsed = moments.of_text(text) or moments.of_text(f"{datetime.now(UTC):%Y-%m-%d} {text}")
        return None if parsed is None else parsed[0] - (parsed[1] or timedelta(0))
    if isinstance(cell, (int, float)):
        return next((moment for _, moment in moments.of_number(cell) if _near(moment)), None)
    return None


def _near(moment: datetime | None) -> bool:
    now = datetime.now(UTC).replace(tzinfo=None)
    today = moment is not None and moment == moment.replace(hour=0, minute=0, second=0) and moment.date() == now.date()
    return today or (moment is not None and abs((now - moment).total_seconds()) < NOW_S)


def _like(wanted: object, found: Any, base: str) -> bool:
    there = found if isinstance(found, (str, int, float)) else str(found)
    if _clock(wanted):
        if not _near(_moment(there)):
            return False
        text = wanted.decode() if isinstance(wanted, Text) else ""
        same = re.sub(r"\d", "0", text) == re.sub(r"\d", "0", str(there))
        return same or base not in WORDS
    if isinstance(wanted, Text):
        return isinstance(found, str) and len(found) == len(wanted)
    return type(wanted) is type(found) and (not isinstance(wanted, bytes) or len(wanted) == len(found))
