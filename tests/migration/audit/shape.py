"""Names, keys, numbering, NOT NULL, foreign keys, triggers: what can be compared as it is declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.migration.audit.model import Column, Database, ForeignKey, Table
from tests.migration.audit.told import Told

LONGEST = 63
"""Bytes of a Postgres name."""
BY_BYTES = {"", "C", "POSIX", "C.utf8", "ucs_basic", "pg_c_utf8", "default"}
NUMBERS = {"int2", "int4", "int8", "numeric", "float8", "bool", "timestamp", "timestamptz", "date"}


@dataclass(frozen=True, slots=True)
class Names:
    """What each name of the source is called on the other side, and what was wrong with that."""

    there: dict[str, str]
    words: tuple[str, ...]


def named(kind: str, inside: str, source: Iterable[str], target: Iterable[str], told: Told) -> Names:
    """Find each name; one that changed must be told with both spellings."""
    left = set(target)
    found: dict[str, str] = {}
    words: list[str] = []
    names = list(source)
    found.update({name: name for name in names if name in left})
    left -= set(found)
    for name in names:
        if name in found:
            continue
        spelled = next((one for one in sorted(left) if told.names(name, one)), None)
        close = spelled or next((one for one in sorted(left) if _close(name, one)), None)
        if close is None:
            if not told.names(inside, name):
                words.append(f"{kind} {inside}{'.' if inside else ''}{name} is missing")
            continue
        found[name] = close
        left.discard(close)
        if spelled is None:
            words.append(f"{kind} {inside}{'.' if inside else ''}{name} is called {close} now, and nothing says so")
    extra = [one for one in sorted(left) if not told.names(inside, one)]
    words += [f"{kind} {inside}{'.' if inside else ''}{one} is not in the source" for one in extra]
    return Names(found, tuple(words))


def _close(name: str, other: str) -> bool:
    if name.casefold() == other.casefold():
        return True
    return len(name.encode()) > LONGEST and name[:16] == other[:16]


def columns(one: Table, other: Table, names: dict[str, str], told: Told) -> Iterator[str]:
    """NOT NULL, numbering and what computes itself."""
    for was in one.columns:
        became = other.column(names.get(was.name, ""))
        if became is None:
            continue
        for said in _column(was, became, one, other):
            if not told.names(one.name, was.name):
                yield f"{one.name}.{was.name}: {said}"


def _column(was: Column, became: Column, one: Table, other: Table) -> Iterator[str]:
    if not was.nullable and became.nullable:
        yield "takes NULL now"
    if was.nullable and not became.nullable and was.name not in one.key and not became.generated:
        yield "refuses NULL now"
    if was.generated and not became.generated:
        yield "does not compute itself any more"
    if became.generated and not was.generated:
        yield "computes itself now"
    yield from _numbering(was, became)
    if was.collation == "BINARY" and became.collation not in BY_BYTES:
        yield f"is ordered by {became.collation} and not by its bytes"
    if was.collation == "NOCASE" and became.base in {"text", "varchar"} and became.collation != "nondeterministic":
        yield "tells upper from lower case now (was NOCASE)"
    if was.collation not in {"BINARY", "NOCASE", "RTRIM"}:
        yield f"has not the order {was.collation} any more"
    if was.collation == "RTRIM" and became.base in {"text", "varchar"}:
        yield "tells trailing spaces now (was RTRIM)"


def _numbering(was: Column, became: Column) -> Iterator[str]:
    if was.numbered and not became.numbered:
        yield "gives out no numbers any more"
    elif was.numbered and was.next_number != became.next_number:
        yield f"would number the next row {became.next_number} and not {was.next_number}"
    elif became.numbered and not was.numbered:
        yield "gives out numbers now"


def byte_order(default_collation: str, other: Table) -> Iterator[str]:
    """Text columns under the database's own collation are in the order of bytes only where that is C."""
    if default_collation not in {"C", "POSIX", "C.UTF-8", "C.utf8"}:
        for column in other.columns:
            if column.base in {"text", "varchar"} and column.collation == "default":
                yield f"{other.name}.{column.name} is ordered by {default_collation} and not by its bytes"


def key(one: Table, other: Table, names: dict[str, str], told: Told) -> Iterator[str]:
    """The primary key, in its order."""
    wanted = tuple(names.get(name, name) for name in one.key)
    if wanted != other.key and not told.names(one.name, about="key"):
        yield f"{one.name}: the primary key was {wanted or 'none'} and is {other.key or 'none'}"


def foreign_keys(source: Database, target: Database, tables: dict[str, str], told: Told) -> Iterator[str]:
    """All foreign keys: both ends, actions, deferral; one that is not validated must be told."""
    folded = {name.casefold(): name for name in source.tables}
    for one in source.tables.values():
        other = target.tables.get(tables.get(one.name, ""))
        if other is None:
            continue
        left = list(other.foreign_keys)
        for was in (_resolved(source, folded, one, wanted) for wanted in one.foreign_keys):
            became = next((each for each in left if _ends(each) == _ends(_there(was, tables))), None)
            if became is not None:
                left.remove(became)
            if not _told_of(told, one, was):
                yield from (f"{one.name}: foreign key {_spelled(was)} {said}" for said in _differences(was, became))
        yield from (f"{one.name}: foreign key {_spelled(extra)} is new" for extra in left)


def _told_of(told: Told, one: Table, was: ForeignKey) -> bool:
    return told.names(one.name, *was.columns, about="foreign key") or told.names(one.name, was.table, *was.columns)


def _resolved(source: Database, folded: dict[str, str], one: Table, was: ForeignKey) -> ForeignKey:
    parent = source.tables.get(folded.get(was.table.casefold(), ""))
    targets = was.targets or (parent.key if parent else ())
    spelled = {column.name.casefold(): column.name for column in parent.columns} if parent else {}
    here = {column.name.casefold(): column.name for column in one.columns}
    return ForeignKey(
        tuple(here.get(name.casefold(), name) for name in was.columns),
        parent.name if parent else was.table,
        tuple(spelled.get(name.casefold(), name) for name in targets),
        was.on_delete,
        was.on_update,
        was.deferred,
    )


def _there(was: ForeignKey, tables: dict[str, str]) -> ForeignKey:
    return ForeignKey(was.columns, tables.get(was.table, was.table), was.targets)


def _ends(key: ForeignKey) -> tuple[object, ...]:
    return key.table, tuple(sorted(zip(key.columns, key.targets, strict=False)))


def _differences(was: ForeignKey, became: ForeignKey | None) -> Iterator[str]:
    if became is None:
        yield "is missing"
        return
    for what in ("on_delete", "on_update", "deferred"):
        old, new = getattr(was, what), getattr(became, what)
        if old != new:
            yield f"was {what} {old or 'never'} and is {new or 'never'}"
    if not became.validated:
        yield "is not validated"


def _spelled(key: ForeignKey) -> str:
    return f"({', '.join(key.columns)}) → {key.table}({', '.join(key.targets)})"


def types(one: Table, other: Table, names: dict[str, str], classes: dict[str, set[str]]) -> Iterator[str]:
    """A column whose values are all what it declares has a type of that kind: text would hold them, and mean less.

    Unless it points at a column of texts: a foreign key needs one type.
    """
    linked = {name for key in other.foreign_keys for name in key.columns}
    for was in one.columns:
        became = other.column(names.get(was.name, ""))
        held = classes.get(was.name, set())
        if became is None or len(held) != 1:
            continue
        declared = was.declared.upper()
        if "INT" in declared and held == {"integer"} and became.base not in NUMBERS and became.name not in linked:
            yield f"{one.name}.{was.name}: whole numbers became {became.base}"
        real = any(word in declared for word in ("REAL", "FLOA", "DOUB"))
        if real and held == {"real"} and became.base not in {"float8", "numeric", "timestamp", "timestamptz"}:
            yield f"{one.name}.{was.name}: floats became {became.base}"
        if declared == "BLOB" and held == {"blob"} and became.base not in {"bytea", "uuid"}:
            yield f"{one.name}.{was.name}: bytes became {became.base}"


def others(source: Database, target: Database, told: Told) -> Iterator[str]:
    """Views and triggers that are neither there nor named; shadow tables that came along."""
    for name in source.views:
        if name not in target.views and not told.names(name):
            yield f"view {name} is missing"
    here = {trigger.name for trigger in target.triggers}
    for trigger in source.triggers:
        if trigger.name not in here and not told.names(trigger.name):
            yield f"trigger {trigger.name} on {trigger.table} is missing"
    for name in source.shadows:
        if name in target.tables:
            yield f"shadow table {name} came along as content"
