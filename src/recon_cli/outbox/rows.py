"""Items as rows of the queue file and as lines of JSON; both ways exact."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from recon_cli.core.errors import DataError
from recon_cli.core.json_text import loads
from recon_cli.outbox.item import DeadLetter, Item, Letter, digest

_encode = json.JSONEncoder().encode
Row: TypeAlias = tuple[Any, ...]

_IN_ONE_QUERY = 500
_INSERT = "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def _marks(count: int) -> str:
    return ", ".join(f"?{number}" for number in range(1, count + 1))


_MARKS = _marks(_IN_ONE_QUERY)


def to_row(item: Item) -> Row:
    """In the order of `schema.COLUMNS`."""
    return _row(item.letter.mark, item)


def from_row(row: Sequence[Any], failures: int = 0, detail: str = "") -> Item:
    """The inverse."""
    number, _mark, target, table, key, payload, _digest, meta, put_at = row
    body = payload if type(payload) is bytes else bytes(payload)
    return Item(number, Letter(target, table, key, body, _meta_of(meta)), put_at, failures, detail)


def _meta(letter: Letter) -> str:
    import orjson  # noqa: PLC0415  a look at the queue reads none

    try:
        return orjson.dumps(dict(letter.meta)).decode()
    except TypeError:  # a name that is no text, which escapes keep
        return _encode(dict(letter.meta))


def _meta_of(text: str) -> dict[str, str]:
    import orjson  # noqa: PLC0415  see above

    try:
        found: dict[str, str] = orjson.loads(text)
    except orjson.JSONDecodeError:  # a name that is no text
        found = loads(text)
    return found


def is_exact(row: Sequence[Any]) -> bool:
    """Whether the bytes are those that were put."""
    return digest(bytes(row[5])) == bytes(row[6])


def dead_from_row(row: Sequence[Any]) -> DeadLetter:
    """A dead letter from a row in the order of `schema.DEAD_COLUMNS`."""
    failures, reason, detail, buried_at = row[9:]
    return DeadLetter(from_row(row[:9], failures, detail), reason, detail, buried_at)


def dead_to_row(dead: DeadLetter) -> Row:
    """The inverse."""
    return (*to_row(dead.item), dead.item.failures, dead.reason, dead.detail, dead.buried_at)


def insert(db: sqlite3.Connection, items: Iterable[Item]) -> None:
    """Rows for waiting items, with the ids they have."""
    db.executemany(_INSERT, map(to_row, items))


def insert_dead(db: sqlite3.Connection, dead: Iterable[DeadLetter]) -> None:
    """Rows for dead letters."""
    db.executemany("INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", map(dead_to_row, dead))


def insert_new(db: sqlite3.Connection, items: Iterable[tuple[bytes, Item]]) -> None:
    """Rows for items, whose marks are known already."""
    db.executemany(_INSERT, (_row(mark, item) for mark, item in items))


def _row(mark: bytes, item: Item) -> Row:
    one = item.letter
    return (item.id, mark, one.target, one.table, one.key, one.payload, digest(one.payload), _meta(one), item.put_at)


def select_in(db: sqlite3.Connection, query: str, values: Sequence[Any]) -> Iterator[Row]:
    """Rows of `query`, in which each `{}` stands for the list of `values`."""
    for start in range(0, len(values), _IN_ONE_QUERY):
        part = values[start : start + _IN_ONE_QUERY]
        marks = _MARKS if len(part) == _IN_ONE_QUERY else _marks(len(part))
        yield from db.execute(query.replace("{}", marks), part)


def change_in(db: sqlite3.Connection, statement: str, values: Sequence[Any], *before: object) -> None:
    """Run `statement` over all `values`, which stand for `{}`; `before` are the parameters ahead of it."""
    for start in range(0, len(values), _IN_ONE_QUERY):
        part = values[start : start + _IN_ONE_QUERY]
        db.execute(statement.format(", ".join("?" * len(part))), (*before, *part))


def to_document(found: Item | DeadLetter) -> dict[str, Any]:
    """One item as JSON data; the payload as text where it is UTF-8, else in base64."""
    item = found.item if isinstance(found, DeadLetter) else found
    one = item.letter
    document: dict[str, Any] = {"id": item.id, "target": one.target, "table": one.table, "key": one.key}
    document |= {"meta": dict(one.meta), "put_at": item.put_at, "failures": item.failures, **_body(one.payload)}
    if isinstance(found, DeadLetter):
        document |= {"reason": found.reason, "detail": found.detail, "buried_at": found.buried_at}
    return document


def to_line(found: Item | DeadLetter) -> bytes:
    """One line of JSON, ASCII, so that any text survives it."""
    return json.dumps(to_document(found), separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> Item | DeadLetter:
    """The inverse of `to_line`.

    Raises:
        DataError: it is no item, or its content is not what was written.
    """
    try:
        return _from_document(loads(line))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as exc:
        cause = f"{type(exc).__name__}: {exc}"
        hint = "name a file of `recon queue export`"
        raise DataError("a line is not an item of a queue", cause=cause, hint=hint) from exc


def _from_document(document: Mapping[str, Any]) -> Item | DeadLetter:
    payload = _payload(document)
    if digest(payload).hex() != document["digest"]:
        raise ValueError("the content is not what was written")
    meta = {str(name): str(value) for name, value in document["meta"].items()}
    letter = Letter(str(document["target"]), str(document["table"]), str(document["key"]), payload, meta)
    item = Item(int(document["id"]), letter, float(document["put_at"]), int(document["failures"]))
    if "reason" not in document:
        return item
    return DeadLetter(item, str(document["reason"]), str(document["detail"]), float(document["buried_at"]))


def _body(payload: bytes) -> dict[str, str]:
    found = {"digest": digest(payload).hex()}
    try:
        return {"payload": payload.decode(), **found}
    except UnicodeDecodeError:
        return {"payload_base64": base64.b64encode(payload).decode(), **found}


def _payload(document: Mapping[str, Any]) -> bytes:
    if "payload" in document:
        return str(document["payload"]).encode()
    return base64.b64decode(document["payload_base64"], validate=True)
