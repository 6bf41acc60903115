"""Plain SQL: whether an expression that came in a file may stand in a statement of ours.

A default, a check or a part of an index is SQL that somebody else wrote. `is_plain` reads it with a grammar of its own
and says yes only to what is one whole expression, reads the same on SQLite, Postgres and MySQL, and calls nothing but
functions that compute: no SELECT, no semicolon, no comment, no user function. What it does not know is not plain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from recon_cli.core import plain_words as vocabulary

_LONGEST = 20_000
_DEEPEST = 60

# A backslash escapes a quote on some engines and not on others: strings end at the same place on all of them only if
# no quote follows one. Backticks and brackets quote on some engines only: they may hold words alone.
_TOKEN = re.compile(
    r"""[ \t\n\r]+
    | (?P<string> '(?:[^'\\\0]|''|\\[^'\0])*' )
    | (?P<quoted> "(?:[^"\\\0]|""|\\[^"\0])+" | `\w+` )
    | (?P<number> (?: 0[xX][0-9a-fA-F]+ | (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)? ) (?!\w) )
    | (?P<word> [^\W0-9]\w* )
    | (?P<sign> :: | [-+*/<>=~!@%^&|]+ | [(),.\[\]] )""",
    re.VERBOSE,
)


class _Token(NamedTuple):
    kind: str
    text: str
    glued: bool
    """Whether it follows the token before without a space."""


class _NotPlainError(Exception):
    """The text is not one plain expression."""


def is_plain(expression: str, *, types: Collection[str] = ()) -> bool:
    """Whether the text is one expression that computes and does nothing else, on SQLite, Postgres and MySQL alike.

    Plain are literals, columns, comparisons, logic, arithmetic, IN, BETWEEN, LIKE, IS NULL, CASE, casts to built-in
    types and to those in `types` (the enums of the same catalog), and functions from a short list. What stands in a
    statement in its place cannot end that statement, nor begin another clause.
    """
    if len(expression) > _LONGEST:
        return False
    try:
        reader = _Reader(_tokens(expression), frozenset(types))
        reader.expression(0)
    except _NotPlainError:
        return False
    return reader.at_end


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    end, glued = 0, False
    while end < len(text):
        match = _TOKEN.match(text, end)
        if match is None:
            raise _NotPlainError
        if match.lastgroup:
            found.append(_Token(match.lastgroup, match[0], glued))
        end, glued = match.end(), match.lastgroup is not None
    brackets = any(token.text == "[" for token in found)
    if brackets and any(token.kind in {"string", "quoted"} and set("[]") & set(token.text) for token in found):
        raise _NotPlainError  # a bracket opens a name on SQLite: a string inside could end it
    return found


class _Reader:
    """Recursive descent without precedence: whether it is an expression, not what it means."""

    def __init__(self, tokens: list[_Token], types: frozenset[str]) -> None:
        self._tokens = tokens
        self._types = types
        self._place = 0

    @property
    def at_end(self) -> bool:
        return self._place == len(self._tokens)

    def expression(self, depth: int) -> None:
        """Operand, then operators with operands, then whatever follows an operand."""
        if depth > _DEEPEST:
            raise _NotPlainError
        self._operand(depth)
        while self._after(depth) or self._operator():
            if self._followed:
                self._followed = False
            else:
                self._operand(depth)

    _followed = False

    def _peek(self, ahead: int = 0) -> _Token:
        place = self._place + ahead
        return self._tokens[place] if place < len(self._tokens) else _Token("end", "", glued=False)

    def _word(self, ahead: int = 0) -> str:
        """The word ahead in lower case; only ASCII, for other letters may fold into these."""
        token = self._peek(ahead)
        return token.text.lower() if token.kind == "word" and token.text.isascii() else ""

    def _take(self, *texts: str) -> bool:
        """Go past this sequence of words or signs, if it is what comes."""
        if all(text in {self._word(ahead), self._sign(ahead)} for ahead, text in enumerate(texts)):
            self._place += len(texts)
            return True
        return False

    def _sign(self, ahead: int = 0) -> str:
        token = self._peek(ahead)
        return token.text if token.kind == "sign" else ""

    def _need(self, *texts: str) -> None:
        if not self._take(*texts):
            raise _NotPlainError

    def _operand(self, depth: int) -> None:
        while self._take("not") or self._take("-") or self._take("+") or self._take("~") or self._take("binary"):
            pass
        token, word = self._peek(), self._word()
        if token.kind in {"number", "string"}:
            self._place += 1
        elif self._take("("):
            self._list(depth, ")")
        elif self._take("["):
            self._bracketed()
        elif word == "case" or (word in self._special and self._sign(1) in {"(", "["}):
            self._place += 1
            self._special[word](self, depth)
        elif token.kind in {"word", "quoted"}:
            self._named(depth)
        else:
            raise _NotPlainError

    def _named(self, depth: int) -> None:
        """A literal word, a typed literal, a call, or a column."""
        word = self._word()
        if word in vocabulary.LITERALS:
            self._place += 1
        elif word in vocabulary.CLOCKS:
            self._place += 1
            self._digits()
        elif self._peek(1).kind == "string":
            self._prefixed(word)
        elif self._sign(1) == "(":
            self._call(word, depth)
        else:
            self._column()

    def _prefixed(self, word: str) -> None:
        """`date '2026-01-01'`, `X'00ff'`, `_utf8mb4'text'`; the letter of an escape string is none of them."""
        if word not in vocabulary.TYPED and not (word in vocabulary.CHARSETS and self._peek(1).glued):
            raise _NotPlainError
        self._place += 2

    def _call(self, word: str, depth: int) -> None:
        self._place += 2
        if word == "nextval":
            self._sequence()
        elif word not in vocabulary.FUNCTIONS:
            raise _NotPlainError
        elif not self._take(")"):
            self._list(depth, ")")

    def _sequence(self) -> None:
        if self._peek().kind != "string":
            raise _NotPlainError
        self._place += 1
        self._take("::", "regclass")
        self._need(")")

    def _column(self) -> None:
        """`name`, `table.name`, `"na me"`; and the two UUID functions in the schema where Supabase keeps them."""
        if (
            self._word() == "extensions"
            and self._sign(1) == "."
            and self._word(2) in vocabulary.UUIDS
            and self._sign(3) == "("
        ):
            self._place += 4
            self._need(")")
            return
        self._name()
        while self._take("."):
            self._name()
        if self._sign() == "(":
            raise _NotPlainError

    def _name(self) -> None:
        if self._peek().kind not in {"word", "quoted"} or self._word() in vocabulary.RESERVED | vocabulary.LOGIC:
            raise _NotPlainError
        self._place += 1

    def _bracketed(self) -> None:
        while self._peek().kind == "word":
            self._place += 1
        self._need("]")
        if self._sign() == "(":
            raise _NotPlainError

    def _list(self, depth: int, end: str) -> None:
        self.expression(depth + 1)
        while self._take(","):
            self.expression(depth + 1)
        self._need(end)

    def _case(self, depth: int) -> None:
        if self._word() != "when":
            self.expression(depth + 1)
        self._need("when")
        while True:
            self.expression(depth + 1)
            self._need("then")
            self.expression(depth + 1)
            if not self._take("when"):
                break
        if self._take("else"):
            self.expression(depth + 1)
        self._need("end")

    def _cast(self, depth: int) -> None:
        self._need("(")
        self.expression(depth + 1)
        self._need("as")
        self._type()
        self._need(")")

    def _array(self, depth: int) -> None:
        self._need("[")
        if not self._take("]"):
            self._list(depth, "]")

    def _extract(self, depth: int) -> None:
        self._need("(")
        self._name()
        self._need("from")
        self.expression(depth + 1)
        self._need(")")

    def _row(self, depth: int) -> None:
        self._need("(")
        self._list(depth, ")")

    _special: dict[str, Callable[[_Reader, int], None]] = {  # noqa: RUF012  a constant of the grammar
        "case": _case,
        "cast": _cast,
        "array": _array,
        "extract": _extract,
        "row": _row,
    }

    def _type(self) -> None:
        """`varchar(20)`, `timestamp(6) with time zone`, `text[]`, or a type of the catalog."""
        if not self._own_type():
            if self._word() not in vocabulary.TYPES:
                raise _NotPlainError
            while self._word() in vocabulary.TYPES:
                self._place += 1
                self._digits()
        while self._take("[", "]"):
            pass

    def _own_type(self) -> bool:
        """A type of the catalog, with or without its schema."""
        length = 3 if self._sign(1) == "." else 1
        spelled = "".join(self._unquoted(ahead) for ahead in range(length))
        if spelled not in self._types or self._sign(length) == "(":
            return False
        self._place += length
        return True

    def _unquoted(self, ahead: int) -> str:
        token = self._peek(ahead)
        return token.text[1:-1].replace('""', '"') if token.kind == "quoted" else token.text

    def _digits(self) -> None:
        """`(10)`, `(10, 2)`, or nothing."""
        if self._sign() != "(":
            return
        self._place += 1
        while self._peek().kind == "number":
            self._place += 1
            self._take(",")
        self._need(")")

    def _after(self, depth: int) -> bool:
        """What may follow an operand and needs no other: a cast, a subscript, IS NULL."""
        if self._take("::"):
            self._type()
        elif self._take("["):
            self.expression(depth + 1)
            self._need("]")
        elif not (self._take("isnull") or self._take("notnull") or self._take("not", "null")):
            return False
        self._followed = True
        return True

    def _operator(self) -> bool:
        """An operator, with the sign that may be glued to it: `a=-1`."""
        sign = self._sign()
        if sign in vocabulary.OPERATORS or (sign[-1:] in {"-", "+"} and sign[:-1] in vocabulary.BEFORE_A_SIGN):
            self._place += 1
            return True
        several = (("is", "not", "distinct", "from"), ("is", "distinct", "from"), ("is", "not"), ("similar", "to"))
        if any(self._take(*words) for words in (*several, ("at", "time", "zone"))):
            return True
        return self._logic(negated=self._take("not"))

    def _logic(self, *, negated: bool) -> bool:
        """An operator that is a word. IN wants its list: on SQLite a bare name after it would be a table to read."""
        word = self._word()
        if word in vocabulary.LOGIC - {"not", "similar", "at"} and (word != "in" or self._sign(1) == "("):
            self._place += 1
            return True
        if negated:
            raise _NotPlainError
        return False


_STATEMENT = r"""[ \t\n\r\f]+ | --[^\n]* | /\*.*?\*/
    | (?P<string> '(?:[^']|'')*' ) | (?P<quoted> "(?:[^"]|"")*" {more} )
    | (?P<number> [0-9.][\w.]* ) | (?P<word> [^\W0-9][\w$]* ) | (?P<sign> [^\w\s'"`\[] )"""
_STATEMENTS = {
    "sqlite": re.compile(
        _STATEMENT.replace("{more}", r"| `(?:[^`]|``)*` | \[[^\]]*\]"), re.VERBOSE | re.DOTALL
    ),
    "postgresql": re.compile(
        _STATEMENT.replace("{more}", r"| (?P<dollar>\$\w*\$).*?(?P=dollar)").replace(r"`\[]", "`]"),
        re.VERBOSE | re.DOTALL,
    ),
}  # fmt: skip
_KINDS = vocabulary.words("table index view trigger function type sequence extension materialized domain")
_BETWEEN = vocabulary.words("temp temporary unique or replace recursive unlogged constraint virtual global local")


def statement_kind(sql: str, engine: str = "sqlite") -> str | None:
    """What a text creates (`table`, `index`, `view`, `trigger`, …) if it is exactly one CREATE statement, else None.

    It says that nothing else hides in the text, not that the statement is harmless: a view selects, a trigger acts. A
    virtual table is `virtual table`, a table made by a query `table as`. Known are sqlite and postgresql.
    """
    words = _statement(sql, _STATEMENTS[engine]) if engine in _STATEMENTS else None
    if not words or words[0] != "create":
        return None
    begun = next((place for place, word in enumerate(words) if place and word not in _BETWEEN), 0)
    kind = words[begun] if begun < len(words) else ""
    if kind not in _KINDS or (";" in words and not (kind == "trigger" and _one_body(words))):
        return None
    if kind == "table" and "virtual" in words[:begun]:
        return "virtual table"
    return "table as" if kind == "table" and "select" in words else kind


def _statement(sql: str, pattern: re.Pattern[str]) -> list[str] | None:
    """The words and signs of a text, without one semicolon at its end; quoted names and strings are `?`."""
    words: list[str] = []
    end = 0
    while end < len(sql):
        match = pattern.match(sql, end)
        if match is None or "\0" in match[0]:
            return None
        if match["word"] or match["sign"] or match["number"]:
            words.append(match[0].lower() if match[0].isascii() else "?")
        elif match["string"] or match["quoted"]:
            words.append("?")
        end = match.end()
    return words[:-1] if words[-1:] == [";"] else words


def _one_body(words: list[str]) -> bool:
    """Whether all semicolons stand in one BEGIN … END, and nothing after it."""
    if "begin" not in words or ";" in words[: words.index("begin")]:
        return False
    depth = 0
    for place in range(words.index("begin"), len(words)):
        depth += {"begin": 1, "case": 1, "end": -1}.get(words[place], 0)
        if not depth:
            return place == len(words) - 1
    return False
