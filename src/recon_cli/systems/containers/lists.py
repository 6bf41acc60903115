"""Lists of readings as cameras and people write them: CSV, JSON, JSON lines, and sheets (`sheet.py`).

Untrusted: every bound below is a limit on what a file can make us hold or do; nothing here raises.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache

from recon_cli.core.json_text import loads
from recon_cli.systems.containers import names
from recon_cli.systems.containers.names import Origin
from recon_cli.systems.containers.reading import Reading, captured, of_row
from recon_cli.systems.feed import Unfit
from recon_cli.systems.text import compose, decode

MOST_ROWS = 200_000
_MOST_COLUMNS = 200
_LONGEST_CELL = 10_000
_LONGEST_NAME = 100
_LONGEST_LINE = 1 << 20
_SHOWN = 500
_LONGEST_WORD = 7
"""Of JSON, such as `false` or an escape: an error so near to the end may be the end's own."""
_ARCHIVE = "archive"
"""What the first and the last line of an archive have, and rows have not."""
Row = tuple[str, Mapping[str, object]]
"""Where it stands, and its cells by column."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that gives no reading: where, why, and what it said, as JSON."""

    where: str
    why: Unfit
    said: str


@dataclass(frozen=True, slots=True)
class Listed:
    """What a file gave."""

    readings: tuple[Reading, ...]
    refused: tuple[Refused, ...] = ()


def read(path: str, raw: bytes, zone: tzinfo | None = None) -> Listed | Unfit:
    """Every reading of a file, by its name and its bytes, and every row that gives none; or why it is no list.

    Args:
        path: where it lies; its name says the kind, and when the video began.
        raw: its bytes.
        zone: the zone of times that say none.
    """
    rows = rows_of(path, raw)
    if isinstance(rows, list) and len(rows) > MOST_ROWS:
        return _too_long()
    return rows if isinstance(rows, Unfit) else judged(rows, names.origin(path, zone), zone)


def judged(rows: Iterable[Row], origin: Origin, zone: tzinfo | None) -> Listed | Unfit:
    """Rows as readings."""
    readings: list[Reading] = []
    refused: list[Refused] = []
    for number, (where, row) in enumerate(rows):
        if number >= MOST_ROWS:
            return _too_long()
        found = of_row(row, origin, zone)
        if isinstance(found, Unfit):
            refused.append(Refused(where, found, said(row, origin, zone)))
        else:
            readings.append(found)
    return Listed(tuple(readings), tuple(refused))


def _too_long() -> Unfit:
    return Unfit("too long", f"more than {MOST_ROWS} rows; cut it into parts")


def rows_of(path: str, raw: bytes) -> list[Row] | Iterator[Row] | Unfit:
    """The rows of a file, whatever they say."""
    ending = path.lower().rpartition(".")[2]
    if ending == "xlsx":
        from recon_cli.systems.containers import sheet  # noqa: PLC0415  the library behind it is an extra

        return sheet.rows(raw)
    if ending == "json":
        return _json(raw)
    if ending == "jsonl":
        return lines(decode(raw).splitlines())
    if ending in {"csv", "tsv", "txt"}:
        return _csv(decode(raw))
    return Unfit("unknown kind", f"the name ends in .{ending}; known are .csv, .xlsx, .json and .jsonl")


def lines(texts: Iterable[str]) -> Iterator[Row]:
    """Objects, one on each line; what is none becomes a row that will be refused.

    Lines of an archive of `recon record prune` are taken, too: what stands in their `row`.
    """
    for number, text in enumerate(texts, 1):
        row = _object(text) if text.strip() else {}
        if row and _ARCHIVE not in row:
            inner = row.get("row")
            yield f"line {number}", _named(inner) if isinstance(inner, dict) else row


def said(row: Mapping[str, object], origin: Origin, zone: tzinfo | None) -> str:
    """A row as one JSON object, for dead letters; with its moment and its source, where they are known.

    So whoever mends the number need not know from which file it came.
    """
    at = captured(row, origin, zone)
    known = {} if isinstance(at, Unfit) else {"captured_at": at.isoformat()}
    source = {"source_video": origin.source} if origin.source and "source_video" not in row else {}
    return json.dumps({**row, **source, **known}, ensure_ascii=False, default=str)


def _object(text: str) -> Mapping[str, object]:
    if len(text) > _LONGEST_LINE:
        return {"line": text[:_SHOWN]}
    try:
        found = loads(text)
    except ValueError:
        return {"line": text[:_SHOWN]}
    return _named(found) if isinstance(found, dict) else {"line": text[:_SHOWN]}


def _json(raw: bytes) -> list[Row] | Unfit:
    """A list of objects: a camera's log, or rows of the table as they were exported."""
    try:
        found = loads(decode(raw))
    except json.JSONDecodeError as exc:
        near = len(exc.doc.rstrip()) - exc.pos < _LONGEST_WORD
        return Unfit("no JSON", str(exc), waits=near or exc.msg.startswith("Unterminated"))
    except ValueError as exc:
        return Unfit("no JSON", str(exc))
    if isinstance(found, dict):
        found = found.get("logs", [found])
    if not isinstance(found, list):
        return Unfit("no list", "the document is neither a list nor an object")
    return [(f"item {n}", _named(one) if isinstance(one, dict) else {"item": one}) for n, one in enumerate(found, 1)]


def _named(found: Mapping[object, object]) -> dict[str, object]:
    return {column_name(name): cell for name, cell in found.items()}


def _csv(text: str) -> list[Row] | Unfit:
    """Rows behind a line of names; commas, semicolons or tabs, whichever the first line has most of."""
    first = text.partition("\n")[0]
    mark = max(",;\t", key=first.count)
    found: list[Row] = []
    try:
        table = csv.reader(io.StringIO(text.replace("\x00", ""), newline=""), delimiter=mark)
        columns = [column_name(name) for name in next(table, [])[:_MOST_COLUMNS]]
        for cells in table:
            if any(cells):
                found.append((f"line {table.line_num}", _row(columns, cells)))
            if len(found) > MOST_ROWS:
                break
    except csv.Error as exc:
        return Unfit("no CSV", str(exc))
    return found if columns else Unfit("empty", "not even a line of names")


def _row(columns: list[str], cells: list[str]) -> Mapping[str, object]:
    return dict(zip(columns, (cell[:_LONGEST_CELL] for cell in cells), strict=False))


def column_name(name: object) -> str:
    """A column's name in the one spelling that is compared."""
    return _spelled(str(name)[:_LONGEST_NAME])


@lru_cache(1024)
def _spelled(name: str) -> str:
    return compose(name).strip().casefold()
