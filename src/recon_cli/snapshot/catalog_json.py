"""Catalogs as JSON and back. A field that has its usual value is left out, so that a schema reads like a schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from recon_cli.core.canonical import Json
from recon_cli.core.catalog import (
    Catalog,
    DeclaredCheck,
    DeclaredColumn,
    DeclaredForeignKey,
    DeclaredIndex,
    DeclaredObject,
    DeclaredTable,
    Generated,
    Kind,
    Numbered,
)
from recon_cli.snapshot.strict import Fields, damaged

_PARTS = (DeclaredTable, DeclaredColumn, DeclaredIndex, DeclaredForeignKey, DeclaredCheck, DeclaredObject)


def dump(catalog: Catalog) -> dict[str, Json]:
    """A catalog as JSON data; `load` is the exact inverse."""
    return _dump(catalog)


def dump_table(table: DeclaredTable) -> dict[str, Json]:
    """One table as JSON data."""
    return _dump(table)


def _dump(declared: Any) -> dict[str, Json]:  # noqa: ANN401  any of the catalog's dataclasses
    shown = {one.name: (getattr(declared, one.name), _usual(one)) for one in fields(declared)}
    return {name: _plain(value) for name, (value, usual) in shown.items() if value != usual}


def _usual(field: Field[Any]) -> object:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _plain(value: Any) -> Json:  # noqa: ANN401  a field's value
    if isinstance(value, _PARTS):
        return _dump(value)
    if isinstance(value, Mapping):
        return {name: value[name] for name in sorted(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, str) else value


def load(found: Fields) -> Catalog:
    """A catalog from its JSON data.

    Raises:
        DataError: a field is missing, unknown, of another type, or names what is not there.
    """
    catalog = Catalog(
        found.text("engine", longest=40),
        found.objects("tables", load_table),
        found.objects("objects", _object),
        found.settings("settings"),
        found.text("version", ""),
    )
    _once([table.name for table in catalog.tables], found.where)
    return catalog


def load_table(found: Fields) -> DeclaredTable:
    """One table from its JSON data; the columns that its key names must be there."""
    table = DeclaredTable(
        _name(found),
        found.objects("columns", _column),
        found.texts("key"),
        found.maybe("key_name"),
        found.objects("indexes", _index),
        found.objects("foreign_keys", _foreign_key),
        found.objects("checks", _check),
        {name: str(value) for name, value in found.settings("options").items()},
        found.maybe_number("counter"),
        found.maybe("comment"),
        found.maybe("sql"),
    )
    names = [column.name for column in table.columns]
    _once(names, found.where)
    _once(table.key, found.where)
    if not set(table.key) <= set(names):
        raise damaged(found.where, "the key names a column that is not there")
    return table


def _column(found: Fields) -> DeclaredColumn:
    return DeclaredColumn(
        _name(found),
        found.text("declared", ""),
        found.word("kind", Kind, Kind.ANY),
        found.truth("nullable", default=True),
        found.maybe("default"),
        found.word("numbered", Numbered, Numbered.NO),
        found.word("generated", Generated, Generated.NO),
        found.maybe("expression"),
        found.maybe("collation"),
        found.maybe("comment"),
    )


def _index(found: Fields) -> DeclaredIndex:
    name, parts = found.text("name"), found.texts("parts")
    unique, where, method = found.truth("unique", default=False), found.maybe("where"), found.maybe("method")
    expressions = found.numbers("expressions", len(parts))
    return DeclaredIndex(name, parts, unique, where, method, expressions, found.maybe("constraint"), found.maybe("sql"))


def _foreign_key(found: Fields) -> DeclaredForeignKey:
    return DeclaredForeignKey(
        found.texts("columns"),
        found.text("table"),
        found.texts("targets"),
        found.maybe("name"),
        found.text("on_delete", ""),
        found.text("on_update", ""),
        found.text("deferrable", ""),
    )


def _check(found: Fields) -> DeclaredCheck:
    return DeclaredCheck(found.text("expression"), found.maybe("name"))


def _object(found: Fields) -> DeclaredObject:
    return DeclaredObject(found.text("kind", longest=40), _name(found), found.text("sql"), found.maybe("table"))


def _name(found: Fields) -> str:
    name = found.text("name", longest=10_000)
    if not name or "\0" in name:
        raise damaged(found.where, "a name is empty or holds NUL")
    return name


def _once(names: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise damaged(where, f"{name!r} is there twice")
        seen.add(name)
