"""Container numbers: owner code and category, six digits, check digit, as ISO 6346 has them.

The check digit: each letter has a value from 10 up, without the multiples of 11; the character at place n counts 2**n
times; the sum modulo 11, and 0 for 10, is the digit (ISO 6346:2022, annex A).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from recon_cli.systems.feed import Unfit

USUAL_CATEGORIES = "UJZ"
"""Freight containers, their detachable equipment, trailers and chassis."""
_VALUES = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", [n for n in range(10, 39) if n % 11], strict=True)),
}
_SHAPE = re.compile(r"([A-Z]{4})([0-9]{6})([0-9])?")
_BETWEEN = re.compile(r"[\s._/\\-]+")
_UNREAD = frozenset({"", "UNKNOWN", "ERROR", "NONE", "NULL", "NAN", "NA", "FAIL", "FAILED", "UNREADABLE"})
_LONGEST = 64
_OWNER, _SERIAL, _DIGIT = 4, 6, 1
_NOT_ADVISED = 10


@dataclass(frozen=True, slots=True)
class Number:
    """A number that can be one. `owner` has the category as its fourth letter, `serial` six digits.

    `notes` are what is unusual about it.
    """

    owner: str
    serial: str
    digit: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As it is painted on a container."""
        return f"{self.owner} {self.serial} {self.digit}"


def check_digit(owner: str, serial: str) -> int:
    """The check digit of four letters and six digits."""
    return _rest(owner, serial) % 10


def parse(text: str) -> Number | Unfit:
    """A number as it is written: `TCNU 897179`, `TCNU8971796`, `tcnu-897179-6`; or why it is none."""
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    plain = _BETWEEN.sub("", unicodedata.normalize("NFKC", text[: 4 * _LONGEST]).upper())
    if plain in _UNREAD:
        return Unfit("not read", f"the camera says {shown.strip()!r}")
    found = _SHAPE.fullmatch(plain)
    if found is None:
        return Unfit("no container number", f"{shown!r} is not four letters and six or seven digits")
    owner, serial, said = found[1], found[2], found[3]
    digit = check_digit(owner, serial)
    if said is not None and int(said) != digit:
        return Unfit("check digit", f"{shown!r} ends in {said}, {owner} {serial} asks for {digit}: it is misread")
    return Number(owner, serial, digit, tuple(_notes(owner, serial)))


def joined(owner: str, number: str) -> str:
    """One text of the two columns of a list; a number that brings its owner along stands alone."""
    return number if re.match(r"\s*[A-Za-z]{4}", number) else f"{owner} {number}".strip()


def search_parts(text: str) -> tuple[str, str] | None:
    """Owner and serial that a search for a number means; an empty owner stands for any. None if it is no number."""
    plain = _BETWEEN.sub("", unicodedata.normalize("NFKC", text[: 4 * _LONGEST]).upper())
    found = re.fullmatch(r"([A-Z]{4})?([0-9]{6})[0-9]?", plain)
    return (found[1] or "", found[2]) if found else None


@lru_cache(1024)
def _rest(owner: str, serial: str) -> int:
    return sum(_VALUES[one] << place for place, one in enumerate(owner + serial)) % 11


def _notes(owner: str, serial: str) -> list[str]:
    notes = []
    if owner[-1] not in USUAL_CATEGORIES:
        notes.append(f"category {owner[-1]} is unusual")
    if _rest(owner, serial) == _NOT_ADVISED:
        notes.append("serials with a check digit of 10 are not to be given out")
    return notes
