"""Heads: what a store of documents remembers of a table: columns, key and counter, as one document."""

from __future__ import annotations

from dataclasses import dataclass

from recon_cli.core.canonical import Json, dumps
from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.json_text import loads
from recon_cli.core.schema import Column, ColumnType, Schema


@dataclass(frozen=True, slots=True)
class Head:
    """A table's schema, and where the numbering of its surrogate id stands."""

    schema: Schema
    counter: int = 0

    def text(self) -> str:
        """As a document."""
        columns: list[Json] = [_column(one) for one in self.schema.columns]
        body: dict[str, Json] = {"columns": columns, "key": list(self.schema.key)}
        if self.schema.autoincrement:
            body |= {"autoincrement": self.schema.autoincrement, "counter": self.counter}
        return dumps(body).decode()

    def wider(self, schema: Schema) -> Head:
        """The same with the columns that it lacked."""
        new = tuple(one for one in schema.columns if one.name not in self.schema.by_name)
        if not new:
            return self
        old = self.schema
        return Head(Schema(old.table, (*old.columns, *new), old.key, autoincrement=old.autoincrement), self.counter)


def head_of(table: str, text: str) -> Head:
    """The inverse of `Head.text`.

    Raises:
        DeliveryError: it is no head.
    """
    try:
        body = loads(text)
        columns = tuple(_read(one) for one in body["columns"])
        number = body.get("autoincrement")
        return Head(Schema(table, columns, tuple(body["key"]), autoincrement=number), int(body.get("counter", 0)))
    except (ValueError, KeyError, TypeError) as exc:
        raise DeliveryError(Failure.DRIFT, f"what the store says about the table `{table}` cannot be read") from exc


def _column(column: Column) -> Json:
    body: dict[str, Json] = {"name": column.name, "type": column.type.value}
    body |= {} if column.nullable else {"nullable": False}
    body |= {"unique": True} if column.unique else {}
    return body | ({"default": column.default} if column.default is not None else {})


def _read(body: dict[str, object]) -> Column:
    default = body.get("default")
    return Column(
        str(body["name"]),
        ColumnType(str(body["type"])),
        nullable=bool(body.get("nullable", True)),
        unique=bool(body.get("unique")),
        default=None if default is None else str(default),
    )
