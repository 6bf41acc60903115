"""Text from elsewhere, made safe for a line: names in a listing are written by strangers."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recon_cli.core.canonical import Json  # a name alone: decimals, base64 and hashing are for rows of tables


# C0, DEL, C1; line and paragraph separators; marks that turn the direction of what follows
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def line(text: str) -> str:
    """`text` on one line, with nothing in it that a terminal would act on; backslashes stay as they are."""
    return _UNSAFE.sub(_escape, text)


def cell(value: Json) -> str:
    """One cell as text: None is empty, truth is `true`, lists and objects are compact JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return line(value)
    return line(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def width(text: str) -> int:
    """The columns that `text` takes on a terminal; Korean letters take two."""
    return sum(_columns(letter) for letter in text)


def fit(text: str, columns: int) -> str:
    """The start of `text` that fits, with `…` where something is left out."""
    if width(text) <= columns:
        return text
    kept = ""
    for letter in text:
        if width(kept) + _columns(letter) > columns - 1:
            break
        kept += letter
    return kept + "…"


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _escape(found: re.Match[str]) -> str:
    letter = found[0]
    if letter in _SHORT:
        return _SHORT[letter]
    return f"\\x{ord(letter):02x}" if ord(letter) < 0x100 else f"\\u{ord(letter):04x}"  # noqa: PLR2004  one byte
