"""Schemas in few words: each function gives a JSON Schema (draft 2020-12) of one kind of value, with what it means.

A member whose name ends in `?` may be left out. Objects stay open: a later recon may add members, and readers are to
pass over what they do not know. The tests close them, so that no member goes without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recon_cli.core.errors import ExitCode

Schema = dict[str, Any]
Members = Mapping[str, Schema]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
HOME = "https://github.com/recon-cli/recon-cli/raw/main/docs/reference/schemas/"


@dataclass(frozen=True, slots=True)
class Document:
    """One kind of document: its name, what it is, where it is met, and its schema."""

    name: str
    words: str
    seen: str
    schema: Schema

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name.replace('/', '-')}.json"

    def published(self) -> Schema:
        """The schema as it stands in its file."""
        head = {"$schema": DRAFT, "$id": HOME + self.file, "title": self.name}
        return {**head, **self.schema, "description": f"{self.words} Seen in: {self.seen}."}


def text(words: str, *values: str) -> Schema:
    """A text, or one of a few words."""
    return {"type": "string", **({"enum": list(values)} if values else {}), "description": words}


def count(words: str) -> Schema:
    """A whole number of at least 0."""
    return {"type": "integer", "minimum": 0, "description": words}


def number(words: str) -> Schema:
    """Any number."""
    return {"type": "number", "description": words}


def flag(words: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": words}


def cell(words: str) -> Schema:
    """A value of a row, or any other JSON."""
    return {"description": words}


def maybe(schema: Schema) -> Schema:
    """The same, or null where there is none."""
    given = schema["type"]
    values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [given, "null"], **values}


def listed(words: str, of: Schema) -> Schema:
    """A list of values of one kind."""
    return {"type": "array", "items": of, "description": words}


def mapped(words: str, to: Schema) -> Schema:
    """An object whose names are data, such as tables or reasons."""
    return {"type": "object", "additionalProperties": to, "description": words}


def thing(words: str, members: Members) -> Schema:
    """An object with members of its own."""
    required = [name for name in members if not name.endswith("?")]
    properties = {name.removesuffix("?"): schema for name, schema in members.items()}
    return {"type": "object", "description": words, "properties": properties, "required": required}


PROBLEMS = listed(
    "what could not be taken as it is, one for each item",
    thing(
        "one item",
        {
            "item": text("a path, a row, a setting"),
            "reason": text("why, in a word or a few"),
            "detail?": text("more about it, or how to mend it"),
        },
    ),
)
EXIT_CODE: Schema = {"type": "integer", "enum": [int(code) for code in ExitCode], "description": "the exit status"}


def file(name: str, words: str, seen: str, members: Members) -> Document:
    """A document with a `schema` member and nothing else in common with others."""
    return Document(name, words, seen, thing("", {"schema": _const(name), **members}))


def line(name: str, words: str, seen: str, schema: Schema) -> Document:
    """One of many lines, without a `schema` member."""
    return Document(name, words, seen, schema)


def report(name: str, words: str, seen: str, members: Members) -> Document:
    """What a command prints under `--json`."""
    common: Members = {
        "schema": _const(name),
        "summary": text("the line that a person reads"),
        "exit_code": EXIT_CODE,
        **members,
        "problems": PROBLEMS,
    }
    return Document(name, words, seen, thing("", common))


def _const(name: str) -> Schema:
    return {"const": name, "description": "the kind of document and its version"}


def either(words: str, *schemas: Schema) -> Schema:
    """A value of one of several kinds."""
    return {"anyOf": list(schemas), "description": words}


def names(words: str) -> Schema:
    """A list of texts."""
    return listed(words, {"type": "string"})


def renamed(document: Document, name: str) -> Schema:
    """The schema of a document that stands in another's place, under its name."""
    members = {**document.schema["properties"], "schema": _const(name)}
    return {**document.schema, "properties": members}
