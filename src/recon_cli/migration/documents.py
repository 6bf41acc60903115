"""JSON as text: whether Postgres takes it, and whether `jsonb` keeps all of it. Pure."""

from __future__ import annotations

import re
from enum import IntEnum

import orjson

from recon_cli.core.json_text import loads

_KEYS = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:')


class Document(IntEnum):
    """What a text is as JSON."""

    BAD = 0
    """No JSON, or JSON that no Postgres type takes: `\\u0000`, half a surrogate pair, NaN."""
    JSONB = 1
    JSON = 2
    """Keys that occur twice: only `json` keeps both."""


def look_at_document(text: bytes) -> Document:
    """What a text is as JSON."""
    try:
        orjson.loads(text)
    except ValueError:
        return Document.BAD
    if b"\\u0000" in text and _has_nul(text):
        return Document.BAD
    return Document.JSON if may_repeat(text) else Document.JSONB


def may_repeat(text: bytes) -> bool:
    """Whether a key occurs twice in an object; the text is JSON."""
    keys = _KEYS.findall(text)
    return len(set(keys)) < len(keys) and _repeats(text)


def _has_nul(text: bytes) -> bool:
    return re.search(rb"(?<!\\)(?:\\\\)*\\u0000", text) is not None


def _repeats(text: bytes) -> bool:
    repeated = False

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        repeated = repeated or len(dict(found)) < len(found)
        return dict(found)

    try:
        loads(text, object_pairs_hook=pairs)
    except ValueError:
        return False
    return repeated
