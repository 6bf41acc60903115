"""One transaction on MySQL or MariaDB: tables are made before it and taken away if it fails, for DDL commits there."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from recon_cli.core.canonical import Value
from recon_cli.core.errors import DataError, ToolMissingError
from recon_cli.core.schema import ColumnType, Schema
from recon_cli.stores import ddl
from recon_cli.stores.literal import as_text
from recon_cli.stores.literal import literal as typed_literal
from recon_cli.stores.session import Field, Kind, Relation, RowRefusedError
from recon_cli.stores.sqlsession import SqlSession

try:
    import pymysql
except ImportError as exc:
    raise ToolMissingError(
        "the MySQL driver is not installed", cause=str(exc), hint="run `pip install 'recon-cli[mysql]'`"
    ) from exc

_MADE = "recon: being created"
"""The comment of a table from its creation to the commit: empty and so marked, it does not exist yet for anybody."""
_KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), Kind.INTEGER),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), Kind.TEXT),
    **dict.fromkeys(("enum", "set", "json"), Kind.OTHER),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), Kind.BLOB),
    "double": Kind.REAL,
    "float": Kind.SINGLE,
    "decimal": Kind.DECIMAL,
    "datetime": Kind.MOMENT,
    "timestamp": Kind.MOMENT,
    "date": Kind.DATE,
}
_OF_KIND = {
    ColumnType.TEXT: Kind.TEXT,
    ColumnType.INTEGER: Kind.INTEGER,
    ColumnType.REAL: Kind.REAL,
    ColumnType.BOOLEAN: Kind.INTEGER,
    ColumnType.TIMESTAMP: Kind.MOMENT,
    ColumnType.JSON: Kind.TEXT,
    ColumnType.BLOB: Kind.BLOB,
}
_COLUMNS = """
SELECT c.column_name, c.data_type, c.column_type, c.numeric_scale, c.datetime_precision, c.character_maximum_length,
       c.extra, coalesce(k.ordinal_position, 0)
FROM information_schema.columns c
LEFT JOIN information_schema.key_column_usage k
  ON k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name
 AND k.constraint_name = 'PRIMARY'
WHERE c.table_schema = database() AND c.table_name = %s
ORDER BY c.ordinal_position"""
_DUPLICATE = 1062
_MISFITS = (1264, 1265, 1292, 1366, 1406, 1411, 3988)
_REFUSED = (*_MISFITS, 1048, 1364, 1451, 1452, 3819, 4025)


class MysqlSession(SqlSession):
    """One transaction on one connection, the tables locked by name."""

    one = " LIMIT 1"

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._made: list[str] = []
        self._dropped: list[str] = []
        self._counters: dict[str, int | None] = {}
        self._locked = False

    def relations(self) -> Sequence[str]:
        """Tables, but those that a killed run left empty before its commit."""
        sql = (
            "SELECT table_name, table_comment FROM information_schema.tables"
            " WHERE table_schema = database() AND table_type = 'BASE TABLE' ORDER BY table_name"
        )
        found = self.run(sql).fetchall()
        return [name for name, comment in found if comment != _MADE or not self._is_empty(name)]

    def reflect(self, table: str) -> Relation | None:
        """Columns by information_schema."""
        if table not in self._made and self._half_made(table):
            return None
        fields = tuple(_field(row) for row in self.run(_COLUMNS, [table]))
        return Relation(table, fields) if fields else None

    def _half_made(self, table: str) -> bool:
        sql = "SELECT table_comment FROM information_schema.tables WHERE table_schema = database() AND table_name = %s"
        return self.run(sql, [table]).scalar() == _MADE and self._is_empty(table)

    def _is_empty(self, table: str) -> bool:
        return self.run(f"SELECT 1 FROM {self.quote(table)} LIMIT 1").fetchone() is None

    def begin(self, tables: Sequence[str], create: Sequence[Schema]) -> None:
        """Make the missing tables, then lock all: nobody else reads or writes them until the end."""
        for schema in reversed(create):
            if self._half_made(schema.table):
                self.run(f"DROP TABLE {self.quote(schema.table)}")
        for schema in create:
            statement = ddl.create_table(schema, ddl.MYSQL, self.quote, self.quote(schema.table))
            self.run(f"{statement} COMMENT='{_MADE}'")
            self._made.append(schema.table)
        self.forget()
        names = [table for table in [*tables, *self._made] if self.relation(table)]
        for table in names:
            self._require_transactions(table)
        self.run("SET autocommit = 0")
        self._locked = True
        if names:
            self.run("LOCK TABLES " + ", ".join(f"{self.quote(name)} WRITE" for name in names))
        self.forget()

    def _require_transactions(self, table: str) -> None:
        sql = (
            "SELECT t.engine, e.transactions FROM information_schema.tables t"
            " JOIN information_schema.engines e ON e.engine = t.engine"
            " WHERE t.table_schema = database() AND t.table_name = %s"
        )
        row = self.run(sql, [table]).fetchone()
        if row and row[1] != "YES":
            raise DataError(
                f"`{table}` is a {row[0]} table, which has no transactions",
                cause="a write that fails half way could not be taken back",
                hint=f"run `ALTER TABLE {table} ENGINE=InnoDB`",
            )

    def expression(self, field: Field) -> str:
        """A FLOAT as the double it is: MySQL shows only six digits of it."""
        name = self.quote(field.name)
        return f"({name} + 0e0)" if field.kind is Kind.SINGLE else name

    def order(self, field: Field) -> str:
        """Text by code point, whatever the column's collation."""
        name = self.quote(field.name)
        return f"CAST(CONVERT({name} USING utf8mb4) AS BINARY)" if field.kind is Kind.TEXT else name

    def is_same(self, field: Field, mark: str) -> str:
        """Null-safe, and text byte by byte."""
        left = self.expression(field)
        if field.kind is Kind.TEXT and not field.primary:
            return f"CAST(CONVERT({left} USING utf8mb4) AS BINARY) <=> CAST({mark} AS BINARY)"
        return f"{left} <=> {mark}"

    def bind(self, field: Field | None, name: str, value: Value) -> tuple[str, Any]:
        """The parameter; what MySQL would bend without a word is refused here."""
        if isinstance(value, str):
            _check_text(name, value)
        if isinstance(value, float) and not math.isfinite(value):
            raise RowRefusedError([name], f"MySQL has no {value}", held=False)
        if isinstance(value, bytes) and field and field.kind is not Kind.BLOB and "bit" not in field.declared:
            raise RowRefusedError([name], f"bytes in a column of type {field.declared}", held=False)
        if isinstance(value, bytes):
            return "%s", value
        if isinstance(value, dict | list):
            return "%s", as_text(ColumnType.JSON, value)
        return "%s", value

    def new_place(self, relation: Relation, named: Mapping[str, Value], last: int | None) -> tuple[Value, ...]:
        """Its key, with the number the engine gave it; without a key, all its values."""
        names = self._found_by(relation)
        numbered = [name for name in names if "auto_increment" in relation.by_name[name].declared]
        found = {**named, **({} if not numbered or named.get(numbered[0]) is not None else {numbered[0]: last})}
        if not relation.primary and set(names) - set(found):
            raise RowRefusedError((), "the table has no primary key, so a row with defaults cannot be found again")
        return tuple(found.get(name) for name in names)

    def explain(
        self, relation: Relation, values: Mapping[str, Value], error: BaseException | None
    ) -> RowRefusedError | None:
        """By error number; the message names the column, or the index whose columns are looked up."""
        number, cause = error_parts(error)
        if number == _DUPLICATE:
            return RowRefusedError(self._indexed(relation, cause), cause, unique=True)
        if number in _REFUSED:
            found = re.search(r"(?:[Cc]olumn|Field) '([^']+)'|`\.`([^`]+)` at row", cause)
            named = (found[1] or found[2]) if found else ""
            return RowRefusedError([named] if named in relation.by_name else [], cause, held=number not in _MISFITS)
        if isinstance(error, pymysql.err.ProgrammingError) and not number:
            return RowRefusedError(list(values)[:1], cause, held=False)
        return None

    def _indexed(self, relation: Relation, cause: str) -> list[str]:
        found = re.search(r"for key '(?:.*\.)?([^'.]+)'$", cause)
        if not found:
            return []
        sql = (
            "SELECT column_name FROM information_schema.statistics WHERE table_schema = database()"
            " AND table_name = %s AND index_name = %s ORDER BY seq_in_index"
        )
        return [name for (name,) in self.run(sql, [relation.name, found[1]])]

    def literal(self, relation: Relation | None, schema: Schema, column: str, value: Value) -> Value:
        """See the module's `literal`."""
        return literal(relation, schema, column, value)

    def drop(self, tables: Sequence[str]) -> None:
        """After the commit, for it cannot be within; the rows are gone by then."""
        self._dropped = list(tables)

    def counters(self, tables: Sequence[str]) -> dict[str, int | None]:
        """The next number of each table that counts."""
        sql = "SELECT auto_increment FROM information_schema.tables WHERE table_schema = database() AND table_name = %s"
        found = {table: self.run(sql, [table]).scalar() for table in tables}
        return {table: int(number) for table, number in found.items() if number is not None}

    def restore(self, counters: Mapping[str, int | None]) -> None:
        """After the commit, for it is DDL."""
        self._counters = dict(counters)

    def leftovers(self, tables: Sequence[str], counters: Mapping[str, int | None]) -> None:
        """A `revert` killed after its commit has left these."""
        self._leave()
        self._finish([table for table in tables if self._is_empty(table)], counters)

    def commit(self) -> None:
        """The rows first; then what MySQL can only do outside a transaction."""
        self.connection.commit()
        made, self._made = self._made, []
        self._leave()
        for table in made:
            self.run(f"ALTER TABLE {self.quote(table)} COMMENT=''")
        self._finish(self._dropped, self._counters)

    def _finish(self, dropped: Sequence[str], counters: Mapping[str, int | None]) -> None:
        for table in dropped:
            self.run(f"DROP TABLE {self.quote(table)}")
        for table, number in counters.items():
            if number is not None:
                self.run(f"ALTER TABLE {self.quote(table)} AUTO_INCREMENT = {int(number)}")

    def rollback(self) -> None:
        """The rows, then the tables made for them."""
        self.connection.rollback()
        self._leave()
        made, self._made = self._made, []
        for table in reversed(made):
            self.run(f"DROP TABLE IF EXISTS {self.quote(table)}")

    def _leave(self) -> None:
        if self._locked:
            self.run("UNLOCK TABLES")
            self.run("SET autocommit = 1")
            self._locked = False

    def probe(self) -> dict[str, str]:
        """Version and character set."""
        version, encoding = self.run("SELECT version(), @@character_set_database").one()
        name = "MariaDB" if "mariadb" in str(version).lower() else "MySQL"
        return {"engine": f"{name} {version}", "encoding": str(encoding)}


def literal(relation: Relation | None, schema: Schema, column: str, value: Value) -> Value:
    """What the column, as it is or as it would be created, hands back."""
    meaning = schema.column(column).type
    field = relation.by_name.get(column) if relation else None
    if meaning is ColumnType.BOOLEAN and isinstance(value, str):
        value = {"true": 1, "false": 0}.get(value.strip().lower(), value)
    created = Field(column, _OF_KIND[meaning])
    return typed_literal(field or created, meaning, value)


def _field(row: Sequence[Any]) -> Field:
    name, kind, declared, scale, precision, length, extra, primary = row
    words = extra.lower()
    of_kind = _KINDS.get(kind.lower(), Kind.OTHER)
    digits = precision if of_kind is Kind.MOMENT else scale
    generated = "generated" in words and "default_generated" not in words
    return Field(
        name, of_kind, f"{declared} {words}".strip(), digits, length, int(primary), generated, "on update" in words
    )


def _check_text(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise RowRefusedError([name], f"the text is not valid UTF-8: {exc.reason}", held=False) from exc


def error_parts(error: BaseException | None) -> tuple[int, str]:
    """MySQL's error number, 0 if there is none, and its words."""
    if isinstance(error, DBAPIError):
        error = error.orig
    if error is not None and len(error.args) > 1 and isinstance(error.args[0], int):
        return error.args[0], str(error.args[1])
    return 0, str(error)
