"""What PostgREST's OpenAPI root tells of a schema, as a catalog.

It tells names, types, primary keys, single-column foreign keys, enums, lengths and simple defaults. It does not tell
indexes, checks, generated columns, the scale of a numeric, sequences, or which relations are views.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recon_cli.core.catalog import Catalog, DeclaredColumn, DeclaredForeignKey, DeclaredTable, Kind
from recon_cli.core.errors import DataError

UNTOLD = "PostgREST tells no indexes, checks, generated columns, triggers or functions, and one column of a foreign key"
_KINDS = {
    **dict.fromkeys(("smallint", "integer", "bigint"), Kind.INTEGER),
    **dict.fromkeys(("real", "double precision"), Kind.REAL),
    **dict.fromkeys(("text", "character varying", "character", "name", '"char"', "citext"), Kind.TEXT),
    "boolean": Kind.BOOLEAN,
    "bytea": Kind.BYTES,
    "numeric": Kind.DECIMAL,
    "date": Kind.DATE,
    "time without time zone": Kind.TIME,
    "time with time zone": Kind.TIMETZ,
    "timestamp without time zone": Kind.TIMESTAMP,
    "timestamp with time zone": Kind.TIMESTAMPTZ,
    "interval": Kind.INTERVAL,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "jsonb": Kind.JSONB,
}
_JOURNALS = re.compile(r"recon_(?!marks$)")
_LINK = re.compile(r"<fk table='([^']*)' column='([^']*)'/>")
_CALL = re.compile(r"[\w.\"]+\(.*\)(::[\w ]+)?|CURRENT_\w+|LOCALTIME(STAMP)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Exposed:
    """The tables as a catalog, and the names of what can only be read (views, as far as can be told)."""

    catalog: Catalog
    read_only: tuple[str, ...]


def exposed(document: object, schema: str) -> Exposed:
    """The catalog of an OpenAPI document.

    Raises:
        DataError: it is no such document.
    """
    if not isinstance(document, dict) or not isinstance(document.get("definitions"), dict):
        raise DataError("the root does not describe the tables", hint="check that the address is PostgREST's")
    definitions: Mapping[str, Any] = document["definitions"]
    paths = document.get("paths", {})
    names = sorted(name for name in definitions if not _JOURNALS.match(name))
    writable = [name for name in names if "post" in paths.get(f"/{name}", {"post": {}})]
    version = str(document.get("info", {}).get("version", ""))
    tables = tuple(_table(name, definitions[name]) for name in writable)
    settings: dict[str, str | int] = {"schema": schema}
    return Exposed(
        Catalog("postgrest", tables, settings=settings, version=version), tuple(sorted(set(names) - set(writable)))
    )


def _table(name: str, body: Mapping[str, Any]) -> DeclaredTable:
    required = frozenset(body.get("required", ()))
    properties: Mapping[str, Any] = body.get("properties", {})
    columns = tuple(_column(column, told, required) for column, told in properties.items())
    key = tuple(column for column, told in properties.items() if "<pk/>" in str(told.get("description", "")))
    links = tuple(link for column, told in properties.items() for link in _links(column, told))
    return DeclaredTable(name, columns, key, foreign_keys=links, comment=body.get("description"))


def _column(name: str, told: Mapping[str, Any], required: frozenset[str]) -> DeclaredColumn:
    kind = _kind(told)
    declared = str(told.get("format", ""))
    if "maxLength" in told:
        declared += f"({told['maxLength']})"
    default = _default(told["default"], kind) if told.get("default") is not None else None
    return DeclaredColumn(name, declared, kind, name not in required, default, comment=_comment(told))


def _kind(told: Mapping[str, Any]) -> Kind:
    declared = str(told.get("format", ""))
    if declared.endswith("[]"):
        return Kind.ARRAY
    return Kind.ENUM if "enum" in told else _KINDS.get(declared, Kind.OTHER)


def _default(told: object, kind: Kind) -> str:
    """As SQL: PostgREST strips a literal's outer quotes, so a text that reads like a call is taken for one."""
    if isinstance(told, bool | int | float):
        return str(told).lower()
    text = str(told)
    if _CALL.fullmatch(text) or (kind is not Kind.TEXT and "::" in text):
        return text
    quoted = text.replace("''", "'").replace("'", "''")
    return f"'{quoted}'"


def _comment(told: Mapping[str, Any]) -> str | None:
    said = str(told.get("description", ""))
    own = re.split(r"(?:^|\n\n)Note:\n", said, maxsplit=1)[0] if "<pk/>" in said or "<fk " in said else said
    return own or None


def _links(column: str, told: Mapping[str, Any]) -> list[DeclaredForeignKey]:
    found = _LINK.findall(str(told.get("description", "")))
    return [DeclaredForeignKey((column,), table, (target,)) for table, target in found]
