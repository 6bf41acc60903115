"""One transaction on Postgres: real types, told by the column that is there; DDL, rows and sequences go together."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from recon_cli.core.canonical import Value
from recon_cli.core.errors import ToolMissingError
from recon_cli.core.schema import ColumnType, Schema
from recon_cli.stores import ddl
from recon_cli.stores.literal import literal as typed_literal
from recon_cli.stores.session import Field, Kind, Relation, Row, RowRefusedError
from recon_cli.stores.sqlsession import SqlSession

try:
    import psycopg
except ImportError as exc:
    raise ToolMissingError(
        "the Postgres driver is not installed", cause=str(exc), hint="run `pip install 'recon-cli[postgres]'`"
    ) from exc

_KINDS = {
    "bool": Kind.BOOLEAN,
    "int2": Kind.INTEGER,
    "int4": Kind.INTEGER,
    "int8": Kind.INTEGER,
    "float4": Kind.SINGLE,
    "float8": Kind.REAL,
    "numeric": Kind.DECIMAL,
    "text": Kind.TEXT,
    "varchar": Kind.TEXT,
    "bpchar": Kind.TEXT,
    "name": Kind.TEXT,
    "bytea": Kind.BLOB,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "jsonb": Kind.JSON,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "timetz": Kind.TIME,
    "timestamp": Kind.MOMENT,
    "timestamptz": Kind.INSTANT,
    "_int2": Kind.ARRAY,
    "_int4": Kind.ARRAY,
    "_int8": Kind.ARRAY,
    "_text": Kind.ARRAY,
    "_varchar": Kind.ARRAY,
}
"""Types whose Python values are exact; all others travel as their text."""
_OF_KIND = {
    ColumnType.TEXT: Kind.TEXT,
    ColumnType.INTEGER: Kind.INTEGER,
    ColumnType.REAL: Kind.REAL,
    ColumnType.BOOLEAN: Kind.BOOLEAN,
    ColumnType.TIMESTAMP: Kind.INSTANT,
    ColumnType.JSON: Kind.JSON,
    ColumnType.BLOB: Kind.BLOB,
}
_TIMES = (Kind.MOMENT, Kind.INSTANT, Kind.TIME)
_HEADER = 4
"""What a varchar's type modifier counts beyond its length."""
_COLUMNS = """
SELECT a.attname, t.typname, format_type(a.atttypid, a.atttypmod), a.atttypmod, a.attgenerated <> '',
       coalesce(array_position(i.indkey::int2[], a.attnum), -1)
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum"""
_SEQUENCES = """
SELECT s.relname, a.attname
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
  AND d.refobjid = to_regclass(%s) AND d.deptype IN ('a', 'i')
ORDER BY s.relname"""
_CALLED = "#called"
_WRONG_TYPE = ("42804", "42846", "42883")
_NO_PRIVILEGE = "42501"
_KEY = re.compile(r"^Key \((.+?)\)=")


class PostgresSession(SqlSession):
    """One transaction on one connection."""

    def __init__(self, connection: Connection, schema: str, timeout_s: float) -> None:
        super().__init__(connection)
        self.timeout_s = timeout_s
        self.schema = schema or str(self.run("SELECT coalesce(current_schema(), 'public')").scalar())

    def name(self, table: str) -> str:
        """The quoted table in the quoted schema."""
        return f"{self.quote(self.schema)}.{self.quote(table)}"

    def _plain_name(self, table: str) -> str:
        """The same as a parameter, where percent signs stand single."""
        return self.name(table).replace("%%", "%")

    def relations(self) -> Sequence[str]:
        """Tables, partitioned ones as one."""
        sql = (
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname"
        )
        return [name for (name,) in self.run(sql, [self.schema])]

    def reflect(self, table: str) -> Relation | None:
        """Columns by the catalogue."""
        found = self.run(_COLUMNS, [self._plain_name(table)]).fetchall()
        fields = tuple(_field(row) for row in found)
        return Relation(table, fields, ("tableoid", "ctid")) if fields else None

    def begin(self, tables: Sequence[str], create: Sequence[Schema]) -> None:
        """Readers go on, writers wait."""
        self.run("SELECT set_config('lock_timeout', %s, true)", [f"{max(1, int(self.timeout_s * 1000))}ms"])
        for table in sorted(tables):
            if self.relation(table):
                self.run(f"LOCK TABLE {self.name(table)} IN SHARE ROW EXCLUSIVE MODE")
        self.forget()
        for schema in create:
            self.run(ddl.create_table(schema, ddl.POSTGRES, self.quote, self.name(schema.table)))

    def expression(self, field: Field) -> str:
        """Float4 as the double it is; what Python has no exact value for as text."""
        name = self.quote(field.name)
        if field.kind is Kind.SINGLE:
            return f"{name}::float8"
        return f"{name}::text" if field.kind is Kind.OTHER else name

    def order(self, field: Field) -> str:
        """Text by code point, whatever the database's collation."""
        collated = ' COLLATE "C"' if field.kind is Kind.TEXT else ""
        return f"{self.quote(field.name)}{collated} NULLS FIRST"

    def bind(self, field: Field | None, name: str, value: Value) -> tuple[str, Any]:
        """The parameter; text goes in untyped, so that the column decides."""
        if isinstance(value, bytes) and field and field.kind is not Kind.BLOB:
            raise RowRefusedError([name], f"bytes in a column of type {field.declared}", held=False)
        if isinstance(value, str):
            _check_text(field, name, value)
        if isinstance(value, dict) or (isinstance(value, list) and not (field and field.kind is Kind.ARRAY)):
            return "%s", _json_text(value)
        return "%s", value

    def put_new(self, relation: Relation, named: Mapping[str, Value], bound: Sequence[tuple[str, Any]]) -> Row:
        """INSERT … RETURNING: one round trip."""
        sql = self.insert_sql(relation, list(named), [mark for mark, _ in bound])
        return self._returned(relation, sql, [value for _, value in bound])

    def insert_sql(self, relation: Relation, names: Sequence[str], marks: Sequence[str]) -> str:
        """Identity columns take the value given, also those GENERATED ALWAYS."""
        if not names:
            return f"INSERT INTO {self.name(relation.name)} DEFAULT VALUES"
        columns = ", ".join(map(self.quote, names))
        return f"INSERT INTO {self.name(relation.name)} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({', '.join(marks)})"

    def put_changed(
        self,
        relation: Relation,
        row: Row,  # noqa: ARG002  the base's signature
        named: Mapping[str, Value],  # noqa: ARG002  same
        sql: str,
        parameters: Sequence[Any],
    ) -> Row:
        """UPDATE … RETURNING: the row has a new place afterwards."""
        return self._returned(relation, sql, parameters)

    def _returned(self, relation: Relation, sql: str, parameters: Sequence[Any]) -> Row:
        raw = self.run(f"{sql} RETURNING {self._list(relation)}", parameters).fetchone()
        if raw is None:
            raise RowRefusedError((), "the row is not there after it was written: a trigger or rule changed it")
        return self._row(relation, raw)

    def new_place(self, relation: Relation, named: Mapping[str, Value], last: int | None) -> tuple[Value, ...]:
        """Not asked for: RETURNING tells."""
        raise NotImplementedError

    def explain(
        self, relation: Relation, values: Mapping[str, Value], error: BaseException | None
    ) -> RowRefusedError | None:
        """By SQLSTATE class: 23 constraints, 22 and a few of 42 values."""
        if not isinstance(error, psycopg.Error):
            return None
        state = error.sqlstate or ""
        told = error.diag
        cause = told.message_primary or str(error)
        if state.startswith("23"):
            columns = [told.column_name] if told.column_name else _named_key(told.message_detail or "")
            return RowRefusedError([one for one in columns if one in relation.by_name], cause, unique=state == "23505")
        if state.startswith("22") or state in _WRONG_TYPE or isinstance(error, psycopg.DataError):
            return RowRefusedError(self._guilty(relation, values), cause, held=False)
        return None

    def _guilty(self, relation: Relation, values: Mapping[str, Value]) -> list[str]:
        """Postgres does not say which column a value did not fit: try one by one. The transaction is lost anyway."""
        self.connection.rollback()
        for name, value in values.items():
            field = relation.by_name[name]
            if isinstance(value, str) and field.length is not None and len(value) > field.length:
                return [name]
            try:
                mark, parameter = self.bind(field, name, value)
                self.run(f"SELECT CAST({mark} AS {field.declared.replace('%', '%%')})", [parameter])
            except (DBAPIError, RowRefusedError):
                self.connection.rollback()
                return [name]
        return []

    def literal(self, relation: Relation | None, schema: Schema, column: str, value: Value) -> Value:
        """See the module's `literal`."""
        return literal(relation, schema, column, value)

    def drop(self, tables: Sequence[str]) -> None:
        """Within the transaction like everything else."""
        for table in tables:
            self.run(f"DROP TABLE {self.name(table)}")

    def counters(self, tables: Sequence[str]) -> dict[str, int | None]:
        """Where each sequence owned by a column stands, and whether that number was handed out already."""
        found: dict[str, int | None] = {}
        for sequence in (name for table in tables for name, _ in self._owned(table)):
            row = self.run(f"SELECT last_value, is_called FROM {self.name(sequence)}").one()
            found[sequence], found[sequence + _CALLED] = int(row[0]), int(row[1])
        return found

    def _owned(self, table: str) -> list[tuple[str, str]]:
        return [(row[0], row[1]) for row in self.run(_SEQUENCES, [self._plain_name(table)])]

    def advance(self, relation: Relation) -> None:
        """Behind the greatest id written by hand, so that the application's next row finds a free one."""
        for sequence, column in self._owned(relation.name):
            top = self.run(f"SELECT max({self.quote(column)}) FROM {self.name(relation.name)}").scalar()
            last, called = self.run(f"SELECT last_value, is_called FROM {self.name(sequence)}").one()
            if top is not None and top >= last + (1 if called else 0):
                self._set(sequence, int(top), called=True)

    def restore(self, counters: Mapping[str, int | None]) -> None:
        """Sequences back to the very position."""
        for name, position in counters.items():
            if not name.endswith(_CALLED) and position is not None:
                self._set(name, position, called=bool(counters.get(name + _CALLED)))

    def _set(self, sequence: str, position: int, *, called: bool) -> None:
        """ALTER SEQUENCE gives the sequence a new file within this transaction, so that setval goes with it or not."""
        try:
            with self.connection.begin_nested():
                self.run(f"ALTER SEQUENCE {self.name(sequence)} RESTART")
        except DBAPIError as exc:
            if getattr(exc.orig, "sqlstate", "") != _NO_PRIVILEGE:
                raise
        self.run("SELECT setval(%s::regclass, %s, %s)", [self._plain_name(sequence), position, called])

    def probe(self) -> dict[str, str]:
        """Version, schema and encoding."""
        version = str(self.run("SHOW server_version").scalar())
        encoding = str(self.run("SHOW server_encoding").scalar())
        return {"engine": f"PostgreSQL {version}", "schema": self.schema, "encoding": encoding}


def literal(relation: Relation | None, schema: Schema, column: str, value: Value) -> Value:
    """What the column, as it is or as it would be created, hands back."""
    meaning = schema.column(column).type
    field = relation.by_name.get(column) if relation else None
    return typed_literal(field or Field(column, _OF_KIND[meaning]), meaning, value)


def _field(row: Sequence[Any]) -> Field:
    name, type_name, declared, modifier, generated, primary = row
    kind = _KINDS.get(type_name, Kind.OTHER)
    scale = length = None
    if modifier >= 0 and kind in _TIMES:
        scale = modifier
    elif modifier >= _HEADER and kind is Kind.DECIMAL:
        scale = (modifier - _HEADER) & 0x7FF
    elif modifier >= _HEADER and kind is Kind.TEXT:
        length = modifier - _HEADER
    return Field(name, kind, declared, scale, length, primary + 1, bool(generated))


def _named_key(detail: str) -> list[str]:
    found = _KEY.match(detail)
    return [part.strip().strip('"') for part in found[1].split(",")] if found else []


def _check_text(field: Field | None, name: str, value: str) -> None:
    if "\0" in value:
        raise RowRefusedError([name], "Postgres text cannot hold a NUL character", held=False)
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise RowRefusedError([name], f"the text is not valid UTF-8: {exc.reason}", held=False) from exc
    if field and field.length is not None and len(value) > field.length:
        raise RowRefusedError([name], f"{len(value)} characters in {field.declared}", held=False)


def _json_text(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)
