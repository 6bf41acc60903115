"""What SQLite keeps only as text: CHECK, COLLATE, DEFERRABLE, an index' expressions and its WHERE."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""\s+ | --[^\n]*(?:\n|$) | /\*.*?(?:\*/|$)
    | (?P<quoted>'(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\])
    | (?P<word>[^\W\d][\w$]*) | (?P<number>\d[\w.]*|\.\d\w*) | (?P<sign>\|\||->>|->|<<|>>|<=|>=|<>|!=|==|.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL: `text` as it stands, `name` without quotes, `start` and `end` in the statement."""

    text: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """The name that it spells."""
        quote = self.text[0]
        if quote in "\"`'":
            return self.text[1:-1].replace(quote * 2, quote)
        return self.text[1:-1] if quote == "[" else self.text

    @property
    def keyword(self) -> str:
        """Upper case, or nothing if it is quoted."""
        return self.text.upper()


def tokens(sql: str) -> list[Token]:
    """All but spaces and comments."""
    return [Token(found[0], *found.span()) for found in _TOKEN.finditer(sql) if found.lastgroup]


@dataclass(slots=True)
class Written:
    """What the text of a CREATE TABLE says that no pragma does; foreign keys in the order in which they stand."""

    checks: list[str] = field(default_factory=list)
    collations: dict[str, str] = field(default_factory=dict)
    deferred: list[str] = field(default_factory=list)
    generated: dict[str, str] = field(default_factory=dict)
    autoincrement: bool = False


CONSTRAINTS = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}


def table_written(sql: str) -> Written:
    """Read a CREATE TABLE statement."""
    found, body = Written(), _body(sql)
    if not body:
        return found
    column, depth, starts = "", 0, True
    for place, token in enumerate(body):
        word = token.keyword
        following = body[place + 1] if place + 1 < len(body) else None
        if depth == 0 and starts:
            column = "" if word in CONSTRAINTS else token.name
            starts = False
            if column:
                continue
        if depth == 0:
            starts = word == ","
            _note(found, sql, body, place, column, following)
        depth += (word == "(") - (word == ")")
    return found


def _note(found: Written, sql: str, body: list[Token], place: int, column: str, following: Token | None) -> None:
    word = body[place].keyword
    opens = following is not None and following.text == "("
    if word == "CHECK" and opens:
        found.checks.append(_inside(sql, body, place + 1))
    elif word == "AS" and opens and column:
        found.generated[column] = _inside(sql, body, place + 1)
    elif word == "COLLATE" and column and following is not None:
        found.collations[column] = following.name.upper()
    elif word == "REFERENCES":
        found.deferred.append("")
    elif word == "DEFERRABLE" and found.deferred and body[place - 1].keyword != "NOT":
        later = [token.keyword for token in body[place + 1 : place + 3]]
        found.deferred[-1] = "deferred" if later == ["INITIALLY", "DEFERRED"] else "immediate"
    elif word == "AUTOINCREMENT":
        found.autoincrement = True


def index_written(sql: str) -> tuple[list[str], str | None]:
    """The parts of a CREATE INDEX as written, without direction and collation, and its WHERE."""
    every = tokens(sql)
    opened = next(place for place, token in enumerate(every) if token.text == "(")
    closed = _closing(every, opened)
    parts, start, depth = [], opened + 1, 0
    for place in range(opened + 1, closed + 1):
        text = every[place].text
        if depth == 0 and (text == "," or place == closed):
            parts.append(_bare(sql, every[start:place]))
            start = place + 1
        depth += (text == "(") - (text == ")")
    rest = every[closed + 1 :]
    where = sql[rest[1].start : rest[-1].end].rstrip("; \n") if rest and rest[0].keyword == "WHERE" else None
    return parts, where


def _bare(sql: str, part: list[Token]) -> str:
    if part[-1].keyword in {"ASC", "DESC"}:
        part = part[:-1]
    if len(part) > 2 and part[-2].keyword == "COLLATE":
        part = part[:-2]
    return sql[part[0].start : part[-1].end]


def _body(sql: str) -> list[Token]:
    every = tokens(sql)
    opened = next((place for place, token in enumerate(every) if token.text == "("), None)
    return [] if opened is None else every[opened + 1 : _closing(every, opened)]


def _inside(sql: str, body: list[Token], opened: int) -> str:
    closed = _closing(body, opened)
    return sql[body[opened].end : body[closed].start].strip()


def _closing(every: list[Token], opened: int) -> int:
    depth = 0
    for place in range(opened, len(every)):
        depth += (every[place].text == "(") - (every[place].text == ")")
        if depth == 0:
            return place
    return len(every)
