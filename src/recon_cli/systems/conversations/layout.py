"""Layout: how a file is put together of turns, so that it comes back byte for byte where its turns are.

A list of parts: a text between turns, or which turn stands there. Where a file spells a turn otherwise than it is
stored (NFD, CRLF, bytes that are no UTF-8), the layout says how.
"""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Mapping, Sequence

from recon_cli.core.json_text import loads
from recon_cli.systems.conversations.parse import Log, Turn, encoded

_TURN, _TEXT, _BYTES, _DECOMPOSED = "t", "r", "b", "d"


def of(log: Log) -> str:
    """The layout of a log, as JSON text."""
    return json.dumps([_part(one) for one in log.parts], ensure_ascii=False, separators=(",", ":"))


def ids(layout: str) -> list[str]:
    """The turns that a layout names, in order.

    Raises:
        ValueError: it is no layout.
    """
    return [str(one[_TURN]) for one in _read(layout) if isinstance(one, dict) and _TURN in one]


def whole(layout: str, contents: Mapping[str, str]) -> bytes:
    """The file's bytes, given what each turn says.

    Raises:
        ValueError: it is no layout.
        KeyError: a turn is missing.
    """
    return b"".join(_bytes(one, contents) for one in _read(layout))


def _part(part: Turn | str) -> str | dict[str, str]:
    if isinstance(part, str):
        return part if _is_storable(part) else {_BYTES: _base64(part)}
    text = part.text
    if part.raw == text:
        return {_TURN: part.id}
    if unicodedata.normalize("NFD", text) == part.raw:
        return {_TURN: part.id, _DECOMPOSED: ""}
    if _is_storable(part.raw):
        return {_TURN: part.id, _TEXT: part.raw}
    return {_TURN: part.id, _BYTES: _base64(part.raw)}


def _bytes(part: object, contents: Mapping[str, str]) -> bytes:
    if isinstance(part, str):
        return part.encode()
    if not isinstance(part, dict):
        raise ValueError("a part of the layout is neither text nor turn")  # noqa: TRY004  one error for all that is no layout
    if _BYTES in part:
        return base64.b64decode(str(part[_BYTES]), validate=True)
    if _TEXT in part:
        return str(part[_TEXT]).encode()
    text = contents[str(part.get(_TURN))]
    return (unicodedata.normalize("NFD", text) if _DECOMPOSED in part else text).encode()


def _read(layout: str) -> Sequence[object]:
    found = loads(layout)
    if not isinstance(found, list):
        raise ValueError("a layout is a list")  # noqa: TRY004  as above
    return found


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def _base64(text: str) -> str:
    return base64.b64encode(encoded(text)).decode("ascii")
