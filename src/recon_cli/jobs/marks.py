"""Missing marks: a row whose files are gone is marked beside its table, in `recon_marks`, and never deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from recon_cli.core.canonical import Value, dumps, encode
from recon_cli.core.plan import Change, ChangeKind
from recon_cli.core.record import Key, Record
from recon_cli.core.schema import Column, ColumnType, Schema

MARKS = Schema(
    "recon_marks",
    (
        Column("table_name", nullable=False, length=100),
        Column("row_key", nullable=False, length=255),
        Column("mark", nullable=False, length=20),
        Column("reason"),
        Column("since", ColumnType.TIMESTAMP),
    ),
    key=("table_name", "row_key", "mark"),
)
MISSING = "missing"


def row_key(key: Key) -> str:
    """A key as it stands in `recon_marks.row_key`: the value itself when it is one text, else canonical JSON."""
    if len(key) == 1 and isinstance(key[0], str):
        return key[0]
    return dumps([encode(part) for part in key]).decode("utf-8")


def marked(rows: Iterable[Record], table: str) -> dict[str, Record]:
    """The rows of `table` that carry a missing mark, by row key."""
    return {
        str(row.values["row_key"]): row
        for row in rows
        if row.values.get("table_name") == table and row.values.get("mark") == MISSING
    }


def changes(
    table: str, missing: Mapping[str, str], present: Collection[str], known: Mapping[str, Record], now: datetime
) -> list[Change]:
    """Marks to set for `missing` (row key → reason) and to take away from what is `present` again."""
    fresh = [_mark(table, key, reason, now) for key, reason in missing.items() if key not in known]
    back = [_unmark(record) for key, record in known.items() if key in present]
    return fresh + back


def _mark(table: str, key: str, reason: str, now: datetime) -> Change:
    values: dict[str, Value] = {"table_name": table, "row_key": key, "mark": MISSING, "reason": reason, "since": now}
    return Change(ChangeKind.CREATE, MARKS.table, (table, key, MISSING), values, reason=reason)


def _unmark(record: Record) -> Change:
    key = record.key(MARKS.key)
    return Change(ChangeKind.DELETE, MARKS.table, key, None, record.values, reason="the files are back")
