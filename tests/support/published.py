"""The published JSON Schemas, closed: a member that they do not name is an error, so that none goes without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "schemas"
LINES = {
    ("scan", "--json-lines"): "recon.scan-entry/1",
    ("record", "search", "--json-lines"): "recon.record/1",
    ("record", "tail", "--json"): "recon.record/1",
}
"""Documents without a `schema` member, by the words of their command."""


def check(document: Any, name: str = "") -> None:
    """Hold a document against the schema that it names, or that `name` is the name of."""
    named = name or document.get("schema") or document.get("format") or document.get("archive")
    assert isinstance(named, str), f"a document that does not say what it is: {str(document)[:200]}"
    try:
        validator(named).validate(document)
    except jsonschema_rs.ValidationError as exc:
        raise AssertionError(f"{named} is not as its schema says: {exc}") from exc


def check_output(words: Sequence[str], out: str, err: str) -> None:
    """Hold everything against its schema that a command prints under `--json` or `--json-lines`."""
    if not {"--json", "--json-lines"} & set(words):
        return
    name = next((name for line, name in LINES.items() if set(line) <= set(words)), "")
    for document in documents(out):
        check(document, name)
    for line in err.splitlines():
        if line.startswith("{"):
            check(json.loads(line))


def documents(out: str) -> Iterator[Any]:
    """One document, or one a line. A stream of bytes, such as an exported snapshot, is none."""
    if not out.startswith("{"):
        return
    try:
        yield json.loads(out)
    except ValueError:
        yield from map(json.loads, out.splitlines())


@cache
def validator(name: str) -> Any:
    """The schema of that name, closed, with those it refers to at hand."""
    return jsonschema_rs.validator_for(closed(read(name)), registry=registry())


def read(name: str) -> Any:
    """The schema of that name as it is published."""
    path = SCHEMAS / f"{name.replace('/', '-')}.json"
    assert path.is_file(), f"{name} has no schema: say it in tools/schemas"
    return json.loads(path.read_text("utf-8"))


def closed(schema: Any) -> Any:
    """The same schema, with no members but those that it names."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    same = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "required" in schema and "additionalProperties" not in schema:
        same["additionalProperties"] = False
    return same


@cache
def registry() -> Any:
    """All of them, by their address."""
    every = [json.loads(path.read_text("utf-8")) for path in SCHEMAS.glob("*.json")]
    return jsonschema_rs.Registry([(schema["$id"], closed(schema)) for schema in every])
