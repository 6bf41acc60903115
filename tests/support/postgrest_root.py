"""The OpenAPI document that PostgREST gives at its root: what it says of tables, columns, keys, enums and defaults."""

from __future__ import annotations

import json
from typing import Any

import psycopg

_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum),
       CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END,
       (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
       coalesce(a.attnum = ANY (i.indkey::int2[]), false),
       obj_description(c.oid, 'pg_class'), pg_relation_is_updatable(c.oid, true) & 8 = 8,
       CASE WHEN t.typtype = 'e' THEN n.nspname || '.' || t.typname END, a.attgenerated <> ''
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
ORDER BY c.relname, a.attnum"""
_LINKS = """
SELECT c.relname, a.attname, f.relname, b.attname
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_class f ON f.oid = k.confrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
JOIN pg_attribute b ON b.attrelid = f.oid AND b.attnum = k.confkey[1]
WHERE k.contype = 'f' AND cardinality(k.conkey) = 1 AND c.relnamespace = %s::regnamespace"""
_SWAGGER = {
    **dict.fromkeys(("smallint", "integer", "bigint"), "integer"),
    **dict.fromkeys(("numeric", "real", "double precision"), "number"),
    "boolean": "boolean",
}


def document(connection: psycopg.Connection[Any], schema: str) -> dict[str, Any]:
    """The whole document for one exposed schema."""
    links = {(table, column): (far, target) for table, column, far, target in connection.execute(_LINKS, [schema])}
    definitions: dict[str, Any] = {}
    paths: dict[str, Any] = {"/": {"get": {}}}
    for row in connection.execute(_COLUMNS, [schema]):
        table, column = row[0], row[1]
        body = definitions.setdefault(table, {"required": [], "properties": {}, "type": "object"})
        if row[9]:
            body["description"] = row[9]
        if row[3]:
            body["required"].append(column)
        body["properties"][column] = _column(row, links.get((table, column)))
        writes = {"post": {}, "patch": {}, "delete": {}} if row[10] else {}
        paths[f"/{table}"] = {"get": {}, **writes}
    head = {"title": "standard public schema", "version": "12.2.3"}
    return {"swagger": "2.0", "info": head, "paths": paths, "definitions": definitions}


def _column(row: tuple[Any, ...], link: tuple[str, str] | None) -> dict[str, Any]:
    kind, default, comment, length, labels, key = row[2], *row[4:9]
    enum, made = row[11:13]
    body: dict[str, Any] = {"format": enum or kind}
    swagger = "array" if kind.endswith("[]") else _SWAGGER.get(kind, "string")
    if kind not in {"json", "jsonb"}:
        body["type"] = swagger
    if labels:
        body["enum"] = list(labels)
    if length:
        body["maxLength"] = length
    if default is not None and not made and (told := _default(default, kind, swagger)) is not None:
        body["default"] = told
    notes = ["This is a Primary Key.<pk/>"] if key else []
    if link:
        notes.append(f"This is a Foreign Key to `{link[0]}.{link[1]}`.<fk table='{link[0]}' column='{link[1]}'/>")
    if notes or comment:
        note = "Note:\n" + "\n".join(notes) if notes else ""
        body["description"] = f"{comment}\n\n{note}" if comment and note else comment or note
    return body


def _default(default: str, kind: str, swagger: str) -> Any:
    """As PostgREST tells it: a literal without its quotes, a number as one, an expression in a text column as text."""
    if swagger == "string":
        return default.removesuffix(f"::{kind}").strip("'")
    try:
        return json.loads(default)
    except ValueError:
        return None
