"""What SQLite's pragmas do not tell, read out of the CREATE statements that it keeps.

A small tokenizer and a reader of its own grammar (https://sqlite.org/lang_createtable.html): checks, generated
expressions, names of constraints, DEFERRABLE. The statements stand as SQLite accepted them, so nothing is verified.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from recon_cli.core.catalog import DeclaredCheck

_TOKENS = re.compile(
    r"""(?P<space>\s+|--[^\n]*(?:\n|$))
      | (?P<comment>/\*.*?(?:\*/|\Z))
      | (?P<string>[xX]?'(?:[^']|'')*+(?:'|\Z))
      | (?P<quoted>"(?:[^"]|"")*+(?:"|\Z)|`(?:[^`]|``)*+(?:`|\Z)|\[[^\]]*+(?:\]|\Z))
      | (?P<word>[^\W\d][\w$]*)
      | (?P<number>[\d.][\w.]*)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_TABLE_WORDS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
_NOTE = re.compile(r"/\*\s*(recon:.*?)\s*\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a statement; `upper` is empty where it is quoted, for such a one is never a keyword."""

    text: str
    upper: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """As an identifier, without quotes."""
        return unquoted(self.text)


@dataclass(slots=True)
class Written:
    """What a CREATE TABLE says beyond the pragmas. Names of columns are in lower case; all in order of writing."""

    key_name: str | None = None
    checks: list[DeclaredCheck] = field(default_factory=list)
    generated: dict[str, str] = field(default_factory=dict)
    unique: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    references: list[tuple[str | None, str]] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    defaults: list[str] = field(default_factory=list)


def unquoted(text: str) -> str:
    """An identifier as SQLite understands it."""
    first = text[:1]
    if first in ('"', "`", "'"):
        return text[1:-1].replace(first * 2, first)
    return text[1:-1] if first == "[" else text


def quoted(name: str) -> str:
    """An identifier that can stand anywhere."""
    return '"' + name.replace('"', '""') + '"'


def tokens(sql: str) -> list[Token]:
    """The words of a statement, without space and comments."""
    return [
        Token(found[0], "" if found.lastgroup in {"string", "quoted"} else found[0].upper(), found.start(), found.end())
        for found in _TOKENS.finditer(sql)
        if found.lastgroup not in {"space", "comment"}
    ]


def groups(words: Sequence[Token]) -> Iterator[list[Token]]:
    """Cut at the commas that stand in no bracket."""
    depth, group = 0, list[Token]()
    for word in words:
        depth += (word.text == "(") - (word.text == ")")
        if word.text == "," and depth == 0:
            yield group
            group = []
        else:
            group.append(word)
    yield group


def closing(words: Sequence[Token], start: int) -> int:
    """The place of the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(words)):
        depth += (words[place].text == "(") - (words[place].text == ")")
        if depth == 0:
            return place
    return len(words) - 1


def inside(sql: str, words: Sequence[Token], start: int) -> str:
    """The text in the bracket that opens at `start`."""
    return sql[words[start].end : words[closing(words, start)].start].strip()


def written(sql: str) -> Written:
    """What a CREATE TABLE says."""
    found, words = Written(), tokens(sql)
    start = next((place for place, word in enumerate(words) if word.text == "("), None)
    if start is None:
        return found
    body = words[start + 1 : closing(words, start)]
    for group in groups(body):
        if not group:
            continue
        column = None if group[0].upper in _TABLE_WORDS else group[0].name.lower()
        _Definition(sql, group, column, found).read()
    _notes(sql, body, found)
    return found


def _notes(sql: str, body: Sequence[Token], found: Written) -> None:
    """Our own comments: each belongs to the column it stands behind."""
    starts = [(group[0].start, group[0].name.lower()) for group in groups(body) if group]
    for note in _NOTE.finditer(sql):
        column = next((name for start, name in reversed(starts) if start < note.start()), None)
        if column is not None:
            found.notes[column] = note[1].replace("* /", "*/")


class _Definition:
    """One column, or one constraint of the table, from left to right."""

    def __init__(self, sql: str, words: list[Token], column: str | None, found: Written) -> None:
        self.sql, self.words, self.column, self.found = sql, words, column, found
        self.place = 0 if column is None else 1
        self.named: str | None = None

    def read(self) -> None:
        """To the end."""
        while self.place < len(self.words):
            word = self.words[self.place].upper
            step = getattr(self, f"_{word.lower()}", None) if word in _STEPS else None
            if step is not None:
                step()
            elif self.words[self.place].text == "(":
                self.place = closing(self.words, self.place)
            self.place += 1

    def _bracket(self, limit: int = 4) -> int | None:
        """The next opening bracket, if it stands near."""
        near = range(self.place, min(self.place + limit, len(self.words)))
        return next((place for place in near if self.words[place].text == "("), None)

    def _columns(self) -> tuple[str, ...]:
        if self.column is not None:
            return (self.column,)
        start = self._bracket()
        if start is None:
            return ()
        end = closing(self.words, start)
        self.place = end
        return tuple(group[0].name.lower() for group in groups(self.words[start + 1 : end]) if group)

    def _constraint(self) -> None:
        self.place += 1
        self.named = self.words[self.place].name if self.place < len(self.words) else None

    def _primary(self) -> None:
        self.found.key_name, self.named = self.named, None
        self._columns()

    def _unique(self) -> None:
        name, self.named = self.named or "", None
        self.found.unique.append((name, self._columns()))

    def _check(self) -> None:
        start = self._bracket(2)
        if start is not None:
            self.found.checks.append(DeclaredCheck(inside(self.sql, self.words, start), self.named))
            self.place = closing(self.words, start)
        self.named = None

    def _as(self) -> None:
        start = self._bracket(2)
        if start is not None and self.column is not None:
            self.found.generated[self.column] = inside(self.sql, self.words, start)
            self.place = closing(self.words, start)

    def _default(self) -> None:
        self.place += 1
        if self.place >= len(self.words):
            return
        start = self.place
        if self.words[start].text in ("+", "-"):
            self.place += 1
        elif self.words[start].text == "(":
            self.place = closing(self.words, start)
        end = min(self.place, len(self.words) - 1)
        self.found.defaults.append(self.sql[self.words[start].start : self.words[end].end])

    def _collate(self) -> None:
        self.place += 1

    def _foreign(self) -> None:
        self._columns()

    def _references(self) -> None:
        rest = self.words[self.place :]
        words = [word.upper for word in rest]
        deferrable = ""
        if "DEFERRABLE" in words:
            at = words.index("DEFERRABLE")
            start = at - 1 if words[at - 1] == "NOT" else at
            end = at + 3 if words[at + 1 : at + 2] == ["INITIALLY"] else at + 1
            deferrable = " ".join(words[start:end])
        self.found.references.append((self.named, deferrable))
        self.named = None
        self.place += 1
        start_at = self._bracket(2)
        if start_at is not None:
            self.place = closing(self.words, start_at)


_STEPS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "AS", "DEFAULT", "COLLATE", "FOREIGN", "REFERENCES"})


@dataclass(frozen=True, slots=True)
class WrittenIndex:
    """The parts of a CREATE INDEX as written, without direction and collation, and its condition."""

    parts: tuple[str, ...]
    where: str | None


def written_index(sql: str) -> WrittenIndex:
    """What a CREATE INDEX says."""
    words = tokens(sql)
    start = next((place for place, word in enumerate(words) if word.text == "("), None)
    if start is None:
        return WrittenIndex((), None)
    end = closing(words, start)
    parts = tuple(_part(sql, group) for group in groups(words[start + 1 : end]) if group)
    where = next((word.end for word in words[end:] if word.upper == "WHERE"), None)
    return WrittenIndex(parts, None if where is None else sql[where:].strip().rstrip(";").strip())


def _part(sql: str, words: list[Token]) -> str:
    while len(words) > 1 and words[-1].upper in {"ASC", "DESC"}:
        words = words[:-1]
    if len(words) > 2 and words[-2].upper == "COLLATE":  # noqa: PLR2004  the two words and something before them
        words = words[:-2]
    return sql[words[0].start : words[-1].end]


def module(sql: str) -> tuple[str, tuple[str, ...]]:
    """The module of a CREATE VIRTUAL TABLE, in lower case, and its arguments as written."""
    words = tokens(sql)
    using = next((place for place, word in enumerate(words) if word.upper == "USING"), None)
    if using is None or using + 1 >= len(words):
        return "", ()
    name = words[using + 1].name.lower()
    if using + 2 >= len(words) or words[using + 2].text != "(":
        return name, ()
    end = closing(words, using + 2)
    return name, tuple(sql[one[0].start : one[-1].end] for one in groups(words[using + 3 : end]) if one)
