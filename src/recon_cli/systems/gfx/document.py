"""Bytes as one JSON object: no number is rounded, and half a file is told apart from a broken one.

`read` is exact. `read_fast` is faster, and leaves floats where a number is no integer of 64 bits:
whoever needs one of those reads again.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NoReturn, TypeAlias

import orjson

from recon_cli.core.report import Problem

Parsed: TypeAlias = "bool | int | float | Decimal | str | list[Parsed] | dict[str, Parsed] | None"
"""What an export holds: integers exact, every other number a Decimal; a float where it was read fast."""


class Reason(StrEnum):
    """Why a file is no session."""

    NOT_WHOLE = "not whole yet"
    """It ends before its JSON does: somebody may be writing it."""
    NOT_TEXT = "not UTF-8"
    NOT_JSON = "not JSON"
    NOT_AN_OBJECT = "no JSON object"
    NO_SESSION_ID = "no session id"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that gives no record, and why. Its bytes stay with the caller."""

    reason: Reason
    detail: str = ""

    @property
    def waits(self) -> bool:
        """Whether a later look may find it whole."""
        return self.reason is Reason.NOT_WHOLE

    def problem(self, path: str) -> Problem:
        """The refusal as a report shows it."""
        return Problem(path, self.reason.value, self.detail)


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON object: its text without a BOM, as it was written, and its keys."""

    text: str = field(repr=False)
    keys: dict[str, Parsed] = field(repr=False)


_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_BOM_BYTES = tuple(bom for bom, _ in _BOMS)
_LONGEST_BOM = 3
_CUT_TEXT = ("unexpected end of data", "truncated data")
# What may follow the place where the decoder gave up, if the rest of the file is still to come: the beginning of a
# literal, a minus, or what a number that was whole so far may go on with.
_CUT_JSON = re.compile(r"\s*|-|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|\.|(?:\.[0-9]+)?[eE][-+]?")
_CUT_ESCAPE = re.compile(r"\\?u[0-9a-fA-F]{0,4}")
_SPACE = re.compile(r"[ \t\r\n]*")
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


def file_hash(raw: bytes) -> str:
    """The identity of a content: SHA-256 (hex) of its bytes."""
    return hashlib.sha256(raw).hexdigest()


def known_hashes(raw: bytes, own: str = "") -> tuple[str, ...]:
    """Every hash under which a row may hold this content: `file_hash` first, then the older ones of its text.

    The service before hashed the text with every newline as a line feed; a BOM was part of it, or was not. `own` is
    the file's hash, where it is known already.
    """
    own = own or file_hash(raw)
    if b"\r" not in raw and not raw.startswith(_BOMS[0][0]):
        return (own,)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return (own,)
    plain = text.replace("\r\n", "\n").replace("\r", "\n").encode()
    return tuple(dict.fromkeys((own, *map(file_hash, (plain, plain.removeprefix(_BOMS[0][0]))))))


def text_of(raw: bytes) -> str:
    """The text of bytes that `read` took: without its BOM, as it was written."""
    text = _text(raw)
    assert isinstance(text, str)  # `read` had it
    return text


def read(raw: bytes) -> Document | Refusal:
    """The one JSON object that these bytes are, or why they are none. Raises nothing, whatever the bytes."""
    text = _text(raw)
    if isinstance(text, Refusal):
        return text
    if text.endswith("\0") or not text.strip():
        return Refusal(Reason.NOT_WHOLE, "reserved, not yet written" if text.strip() else "empty")
    try:
        found: Parsed = _DECODER.decode(text)
    except json.JSONDecodeError as exc:
        return Refusal(Reason.NOT_WHOLE if _is_cut(text, exc) else Reason.NOT_JSON, str(exc))
    except (ValueError, ArithmeticError, RecursionError) as exc:
        return Refusal(Reason.NOT_JSON, str(exc) or "a number that nothing can hold")
    if not isinstance(found, dict):
        return Refusal(Reason.NOT_AN_OBJECT, f"it begins with {text.strip()[:1]}")
    return Document(text, found)


def read_fast(raw: bytes) -> Document | Refusal:
    """As `read`, but a number that is no integer of 64 bits is a float, and may be rounded.

    What this reader refuses, `read` decides. It takes one thing more: a number too small for a Decimal.
    """
    try:
        found: Parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return read(raw)
    return Document(raw.decode(), found) if isinstance(found, dict) else read(raw)


def member(text: str, name: str) -> str | None:
    """The value of one member of a JSON object, exactly as it stands in the text; None if the object has none.

    `text` is one that `read` found to be an object. The last of several members of one name counts, as in `keys`.
    """
    found, at = None, _SPACE.match(text).end() + 1  # type: ignore[union-attr]  # it matches nothing, too
    while (at := _SPACE.match(text, at).end()) < len(text) and text[at] == '"':  # type: ignore[union-attr]  # same
        key, at = _scan(text, at)
        at = _SPACE.match(text, _SPACE.match(text, at).end() + 1).end()  # type: ignore[union-attr]  # same
        _, end = _scan(text, at)
        found = text[at:end] if key == name else found
        at = _SPACE.match(text, end).end() + 1  # type: ignore[union-attr]  # same
    return found


def unfit_for_postgres(text: str) -> str:
    r"""What in a JSON text `jsonb` refuses: `\u0000`, or half a surrogate pair; empty where nothing is."""
    if "\\" not in text or not _SUSPECT.search(text):
        return ""
    half, end = False, 0
    for escape in _ESCAPES.finditer(text):
        code = int(escape[1], 16) if escape[1] else 0x20
        low = 0xDC00 <= code <= 0xDFFF  # noqa: PLR2004  the second halves of UTF-16
        if low and half and escape.start() == end:
            half = False
            continue
        if low or half or not code:
            return "half a surrogate pair" if code else "\\u0000"
        half, end = 0xD800 <= code <= 0xDBFF, escape.end()  # noqa: PLR2004  the first halves
    return "half a surrogate pair" if half else ""


def _text(raw: bytes) -> str | Refusal:
    if len(raw) <= _LONGEST_BOM and any(bom.startswith(raw) for bom, _ in _BOMS):
        return Refusal(Reason.NOT_WHOLE, "empty")
    bom, encoding = b"", "utf-8"
    if raw.startswith(_BOM_BYTES):
        bom, encoding = next((bom, name) for bom, name in _BOMS if raw.startswith(bom))
    try:
        return raw[len(bom) :].decode(encoding) if bom else raw.decode()
    except UnicodeDecodeError as exc:
        cut = exc.reason in _CUT_TEXT
        return Refusal(Reason.NOT_WHOLE if cut else Reason.NOT_TEXT, f"byte {exc.start + len(bom)}: {exc.reason}")


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    """Whether the text up to its end could be the beginning of a whole document."""
    rest = text[error.pos :]
    if error.msg.startswith("Unterminated string"):
        return True
    if error.msg.startswith("Invalid \\u"):
        return bool(_CUT_ESCAPE.fullmatch(rest))
    return error.msg != "Extra data" and bool(_CUT_JSON.fullmatch(rest))


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)
_scan = _DECODER.raw_decode
