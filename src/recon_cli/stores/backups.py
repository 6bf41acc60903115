"""JSON backups: `{"table": [rows]}`, a list of rows, or one row per line. What is cut off is read up to the cut."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recon_cli.core.canonical import Value
from recon_cli.core.json_text import loads
from recon_cli.core.report import Problem

_BLANK = " \t\r\n"
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

Tables = dict[str, list[dict[str, Value]]]


def read_json(path: Path, source: str) -> tuple[Tables, list[Problem]]:
    """The rows by table; rows that no table is named for stand under the empty string."""
    raw = path.read_bytes()
    try:
        text = raw.decode(_MARKS.get(raw[:2], "utf-8-sig"), "strict" if raw[:2] in _MARKS else "surrogateescape")
    except UnicodeDecodeError as exc:
        return {}, [Problem(source, "not-a-copy", f"neither SQLite nor JSON: {exc}")]
    try:
        return _tables(loads(text), source)
    except ValueError as exc:
        return _piecewise(text.strip(_BLANK), source, str(exc))


def _tables(document: Any, source: str) -> tuple[Tables, list[Problem]]:  # noqa: ANN401  any JSON
    if isinstance(document, list):
        return _collected({"": document}, source)
    if isinstance(document, dict):
        named = {name: rows for name, rows in document.items() if isinstance(rows, list) and _rows(rows)}
        return _collected(named or ({"": [document]} if document and not _only_lists(document) else document), source)
    return {}, [Problem(source, "not-a-copy", "JSON, but no rows in it")]


def _rows(rows: list[Any]) -> bool:
    return not rows or any(isinstance(row, dict) for row in rows)


def _only_lists(document: Mapping[str, Any]) -> bool:
    return all(isinstance(rows, list) for rows in document.values())


def _collected(tables: Mapping[str, Any], source: str) -> tuple[Tables, list[Problem]]:
    found: Tables = {}
    problems: list[Problem] = []
    for name, rows in tables.items():
        found[name] = [row for row in rows if isinstance(row, dict)]
        item = f"{source}#{name}" if name else source
        bad = [number for number, row in enumerate(rows, 1) if not isinstance(row, dict)]
        problems += [Problem(item, "not-a-row", f"entry {number} is not an object") for number in bad]
    return found, problems


def _piecewise(text: str, source: str, cause: str) -> tuple[Tables, list[Problem]]:
    """One object per line; else a document that was cut off while it was written."""
    lines = text.splitlines()
    if lines and isinstance(_parsed(lines[0]), dict):
        return _lines(lines, source)
    tables: Tables = {}
    for name, row in _until_cut(text):
        tables.setdefault(name, []).append(row)
    if tables:
        return tables, [Problem(source, "damaged", f"cut off or damaged: {cause}")]
    return {}, [Problem(source, "not-a-copy", f"neither SQLite nor JSON: {cause}")]


def _lines(lines: list[str], source: str) -> tuple[Tables, list[Problem]]:
    rows: list[dict[str, Value]] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = _parsed(line)
        if isinstance(row, dict):
            rows.append(row)
        else:
            problems.append(Problem(source, "not-a-row", f"line {number} is not a JSON object"))
    return {"": rows}, problems


def _parsed(line: str) -> Any:  # noqa: ANN401  any JSON
    try:
        return loads(line)
    except ValueError:
        return None


def _until_cut(text: str) -> Iterator[tuple[str, dict[str, Value]]]:
    """The whole rows before the damage, of `[row, …` or `{"table": [row, …], …`."""
    decoder, place = json.JSONDecoder(), 0
    try:
        if text.startswith("["):
            yield from (("", row) for row, _ in _items(decoder, text, 1))
            return
        place = _after(text, 0, "{")
        while True:
            name, place = decoder.raw_decode(text, _skip(text, place))
            place = _after(text, place, ":")
            if not text.startswith("[", place):
                _, place = decoder.raw_decode(text, place)
            else:
                end = place + 1
                for row, end in _items(decoder, text, place + 1):  # noqa: B007  `end` is used after the loop
                    yield str(name), row
                place = _after(text, end, "]")
            place = _after(text, place, ",")
    except (ValueError, RecursionError):
        return


def _items(decoder: json.JSONDecoder, text: str, place: int) -> Iterator[tuple[dict[str, Value], int]]:
    """The objects of a list, each with where it ends."""
    place = _skip(text, place)
    while text.startswith("{", place):
        row, place = decoder.raw_decode(text, place)
        yield row, place
        place = _skip(text, place)
        if not text.startswith(",", place):
            return
        place = _skip(text, place + 1)


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BLANK:
        place += 1
    return place


def _after(text: str, place: int, sign: str) -> int:
    """Behind `sign` and the blanks round it.

    Raises:
        ValueError: something else stands there.
    """
    place = _skip(text, place)
    if not text.startswith(sign, place):
        raise ValueError(f"no {sign!r} at {place}")
    return _skip(text, place + 1)
