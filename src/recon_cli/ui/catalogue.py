"""A catalogue of translations, found by what was said: an English text is led back to the template that made it.

Errors are worded where they are raised, in English, and JSON keeps them so. Only what a person reads passes through
here: the template whose words the text has (the most words win) gives the places, and its translation takes them in.
`tools/messages.py` keeps the file complete; docs/adr/0016 says why it is done so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from recon_cli.ui.particles import MARKER, particle

FOLDER = Path(__file__).parent / "locale"
NOUN = "noun"
"""The context of a noun with its plural; its translation holds the number as `{0}`."""

_PLACE = re.compile(r"\{(\d+)\}")
_FILLED = re.compile(rf"\{{(\d+)\}}(?:([^\w\s({{}}]*)({MARKER}))?")
_WORD = re.compile(r"[A-Za-z]+")
_NUMBERED = re.compile(r"(\d[\d ]*) ([A-Za-z][A-Za-z ]*)")
_DEEPEST = 3
_FEW_LETTERS = 8
"""A template with fewer letters of its own also fits what others say: only names may stand in its places then."""
_VERY_FEW = 5


@dataclass(slots=True)
class Entry:
    """One entry of a PO file: a template and its translation, with what helps a translator."""

    text: str
    translation: str = ""
    plural: str = ""
    context: str = ""
    fuzzy: bool = False
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def read(path: Path) -> Iterator[Entry]:
    """The entries of a PO file, without its header."""
    for block in path.read_text("utf-8").split("\n\n"):
        entry = _entry(block)
        if entry is not None and entry.text:
            yield entry


def _entry(block: str) -> Entry | None:
    fields: dict[str, str] = {}
    entry = Entry("")
    name = ""
    for line in block.splitlines():
        if line.startswith("#. "):
            entry.notes.append(line[3:])
        elif line.startswith("#: "):
            entry.files.extend(line[3:].split())
        elif line.startswith("#,"):
            entry.fuzzy = "fuzzy" in line
        elif not line.startswith("#") and line:
            if line[0] != '"':
                name, _space, line = line.partition(" ")  # noqa: PLW2901  the rest of the line is its value
            fields[name] = fields.get(name, "") + json.loads(line)
    if "msgid" not in fields:
        return None
    entry.text, entry.plural, entry.context = (fields.get(one, "") for one in ("msgid", "msgid_plural", "msgctxt"))
    entry.translation = fields.get("msgstr", "") or fields.get("msgstr[0]", "")
    return entry


@dataclass(slots=True)
class Pattern:
    """A template with places, and what it becomes."""

    literals: tuple[str, ...]
    numbers: tuple[int, ...]
    translation: str
    _compiled: re.Pattern[str] | None = None

    @classmethod
    def of(cls, entry: Entry) -> Pattern:
        """The pattern of an entry."""
        pieces = _PLACE.split(entry.text)
        return cls(tuple(pieces[::2]), tuple(map(int, pieces[1::2])), entry.translation)

    @property
    def letters(self) -> int:
        """How many letters of the template are its own; backticks, which few others write, count for some."""
        own = "".join(self.literals)
        return sum(map(str.isalpha, own)) + 2 * own.count("`")

    def is_certain(self, *, ours: bool) -> bool:
        """Whether its own words alone tell that a text is of this template."""
        return self.letters >= _FEW_LETTERS or (ours and (bool(self.literals[0]) or self.letters >= _VERY_FEW))

    def places(self, text: str) -> dict[int, str] | None:
        """What stands in the places of a text; None where the text is not of this template."""
        if not (text.startswith(self.literals[0]) and text.endswith(self.literals[-1])):
            return None
        if not all(literal in text for literal in self.literals):
            return None
        if self._compiled is None:
            self._compiled = re.compile("(.+?)".join(map(re.escape, self.literals)), re.DOTALL)
        found = self._compiled.fullmatch(text)
        return dict(zip(self.numbers, found.groups(), strict=True)) if found else None


@dataclass(slots=True)
class Catalogue:
    """Translations by text, by template and by noun."""

    texts: dict[str, str]
    patterns: dict[str, list[Pattern]]
    nouns: dict[str, str]

    @classmethod
    def read(cls, name: str) -> Catalogue:
        """The catalogue of a language; a few milliseconds for two thousand entries."""
        return cls.of(list(read(FOLDER / f"{name}.po")))

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Catalogue:
        """A catalogue of what is translated and looked over."""
        texts, nouns = {}, {}
        patterns: dict[str, list[Pattern]] = {}
        for entry in entries:
            if not entry.translation or entry.fuzzy:
                continue
            if entry.context == NOUN:
                nouns.update({entry.text: entry.translation, entry.plural: entry.translation})
            elif _PLACE.search(entry.text):
                patterns.setdefault(_first_word(entry.text.partition("{")[0]), []).append(Pattern.of(entry))
            else:
                texts[entry.text] = entry.translation
        for some in patterns.values():
            some.sort(key=lambda one: one.letters, reverse=True)
        return cls(texts, patterns, nouns)

    def said(self, text: str, *, ours: bool = True) -> str:
        """The text in the catalogue's language; unchanged where no template has its words."""
        return self._said(text, ours, 0) or text

    def _said(self, text: str, ours: bool, depth: int) -> str | None:  # noqa: FBT001  passed on by position
        return self._whole(text, ours, depth) or self._in_parts(text, depth)

    def _whole(self, text: str, ours: bool, depth: int) -> str | None:  # noqa: FBT001  same
        known = self.texts.get(text)
        if known:
            return known
        counted = _NUMBERED.fullmatch(text)
        if counted and counted[2] in self.nouns:
            return self.nouns[counted[2]].replace("{0}", counted[1])
        first = _first_word(text)
        candidates = [*(self.patterns.get(first, ()) if first else ()), *self.patterns.get("", ())]
        candidates.sort(key=lambda one: one.letters, reverse=True)
        for pattern in candidates:
            places = pattern.places(text)
            if places is None:
                continue
            if any("; " in one for one in places.values()) and (both := self._both(text, depth)):
                return both  # a message and a hint, and the place had swallowed the hint
            if pattern.is_certain(ours=ours) or all(map(self._is_name, places.values())):
                inner = {number: self._inner(value, depth) for number, value in places.items()}
                return filled(pattern.translation, inner)
        return None

    def _is_name(self, value: str) -> bool:
        return (" " not in value and not _WORD.fullmatch(value)) or value in self.texts

    def _inner(self, value: str, depth: int) -> str:
        """What stands in a place may be words of recon itself; a name or a value is left alone."""
        if depth >= _DEEPEST or " " not in value:
            return value
        return self._said(value, False, depth + 1) or value  # noqa: FBT003  by position throughout

    def _both(self, text: str, depth: int) -> str | None:
        left, _found, right = text.rpartition("; ")
        parts = [self._whole(one, True, depth + 1) for one in (left, right)]  # noqa: FBT003  by position throughout
        return "; ".join(filter(None, parts)) if all(parts) else None

    def _in_parts(self, text: str, depth: int) -> str | None:
        """A text put together of two: `message: cause`, `cause; hint`."""
        for separator in ("; ", ": "):
            left, found, right = text.partition(separator)
            if found and depth < _DEEPEST:
                parts = [self._said(one, False, depth + 1) for one in (left, right)]  # noqa: FBT003  same
                if any(parts):
                    return separator.join(new or old for new, old in zip(parts, (left, right), strict=True))
        return None


def filled(template: str, places: dict[int, str]) -> str:
    """A translation with its places filled, and the particle behind each as its last sound wants it."""

    def fill(match: re.Match[str]) -> str:
        value, between, marker = places[int(match[1])], match[2] or "", match[3]
        return f"{value}{between}{particle(value, marker) if marker else ''}"

    return _FILLED.sub(fill, template)


def _first_word(text: str) -> str:
    """What patterns are looked up by: the first whole word, where the text begins with one."""
    found = re.match(r"(\S+) ", text)
    return found[1] if found else ""
