"""A query as SQL, in the words of one engine. Values are always bound; names come from the book, and are quoted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from recon_cli.core.errors import UsageError
from recon_cli.core.search import DAY, Book, Query

Bound: TypeAlias = "str | datetime"


@dataclass(frozen=True, slots=True)
class Words:
    """How an engine says it: a quoted name, a placeholder, a time as it is compared, parts of conditions."""

    quote: Callable[[str], str]
    mark: str
    moment: Callable[[datetime], Bound]
    """The first of the spellings of a time, in the order in which they sort."""
    contains: str
    """Whether a column has a text in it, whatever the case: `{column}` and `{mark}`; the text is a LIKE pattern."""
    day: str
    """The day of a moment as ISO text: `{column}`."""
    rows: bool = True
    """Whether two rows of values compare along an index."""
    spellings: Callable[[datetime], tuple[Bound, ...]] | None = None
    """All spellings of a time that may stand in a table, in the order in which they sort; None where there is one."""


@dataclass(slots=True)
class Statement:
    """SQL that grows, with what it binds."""

    words: Words
    parts: list[str] = field(default_factory=list)
    bound: list[Bound] = field(default_factory=list)

    def add(self, condition: str, *values: Bound) -> None:
        """One condition; `{mark}` stands for each value."""
        self.parts.append(condition.replace("{mark}", self.words.mark))
        self.bound += values

    @property
    def where(self) -> str:
        """All conditions."""
        return f" WHERE {' AND '.join(self.parts)}" if self.parts else ""


def select(words: Words, book: Book, query: Query) -> tuple[str, list[Bound]]:
    """The page asked for."""
    by, found = query.sorted_by(book), asked(words, book, query)
    if query.after is not None:
        _behind(found, book, query, by)
    names = ", ".join(map(words.quote, book.columns))
    way = " DESC" if query.descending else ""
    order = ", ".join(f"{words.quote(one)}{way}" for one in dict.fromkeys((by, book.key)))
    limit = f" LIMIT {query.limit:d}" if query.limit is not None else ""
    return f"SELECT {names} FROM {words.quote(book.table)}{found.where} ORDER BY {order}{limit}", found.bound


def count(words: Words, book: Book, by: Sequence[str], query: Query) -> tuple[str, list[Bound]]:
    """How many there are of each group, in the groups' order; the number comes last."""
    found = asked(words, book, query)
    day = words.day.replace("{column}", words.quote(book.moment))
    groups = [day if one == DAY else words.quote(one) for one in by]
    names = "".join(f"{one} AS g{number}, " for number, one in enumerate(groups))
    over = ", ".join(str(number + 1) for number in range(len(groups)))
    tail = f" GROUP BY {over} ORDER BY {over}" if groups else ""
    return f"SELECT {names}count(*) FROM {words.quote(book.table)}{found.where}{tail}", found.bound


def asked(words: Words, book: Book, query: Query) -> Statement:
    """What a row has to be, whatever the page."""
    made, at = Statement(words), words.quote(book.moment)
    for column, value in query.equal.items():
        made.add(f"{words.quote(column)} = {{mark}}", value)
    if query.since is not None:
        made.add(f"{at} >= {{mark}}", words.moment(query.since))
    if query.until is not None:
        made.add(f"{at} < {{mark}}", words.moment(query.until))
    if query.text:
        pattern = f"%{like(query.text)}%"
        any_of = [words.contains.replace("{column}", words.quote(name)) for name in book.texts]
        made.add(f"({' OR '.join(any_of)})", *[pattern] * len(any_of))
    return made


def like(text: str) -> str:
    """A text as a LIKE pattern means it, escaped by `!`."""
    for one in "!%_":
        text = text.replace(one, f"!{one}")
    return text


def moment_of(text: str) -> datetime:
    """The moment that a place says.

    Raises:
        UsageError: it says none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"`{text}` is not a time", hint="give `next` of the page before as `--after`") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _behind(made: Statement, book: Book, query: Query, by: str) -> None:
    assert query.after is not None  # the caller asked
    words, (said, key) = made.words, query.after
    timed = by in {book.moment, book.arrived}
    if timed and words.spellings is not None:
        _behind_text(made, query, (words.quote(by), words.quote(book.key)), words.spellings(moment_of(said)))
        return
    value = words.moment(moment_of(said)) if timed else said
    first, last, sign = words.quote(by), words.quote(book.key), "<" if query.descending else ">"
    if by == book.key:
        made.add(f"{last} {sign} {{mark}}", key)
    elif words.rows:
        made.add(f"({first}, {last}) {sign} ({{mark}}, {{mark}})", value, key)
    else:
        made.add(f"{first} {sign}= {{mark}}", value)
        made.add(f"({first} {sign} {{mark}} OR {last} {sign} {{mark}})", value, key)


def _behind_text(made: Statement, query: Query, names: tuple[str, str], spellings: tuple[Bound, ...]) -> None:
    """Behind a time that may be spelled in more than one way: all of them are that time."""
    assert query.after is not None  # the caller asked
    (at, key), marks = names, ", ".join(["{mark}"] * len(spellings))
    bound, sign = (spellings[-1], "<") if query.descending else (spellings[0], ">")
    made.add(f"{at} {sign}= {{mark}}", bound)
    made.add(f"({at} NOT IN ({marks}) OR {key} {sign} {{mark}})", *spellings, query.after[1])
