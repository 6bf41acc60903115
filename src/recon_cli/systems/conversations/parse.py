"""A log as turns and what stands between them. Every byte is in one of both: put together again they are the file.

Nothing is refused: what has no known shape is a raw turn. Pure.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from recon_cli.systems.conversations import moments, shapes
from recon_cli.systems.conversations.shapes import Kind, Opening

_ID_DIGITS = 32
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as it stands in the file. Texts but `raw` are composed.

    `raw` is the file's own text (bytes that are no UTF-8 as surrogate escapes), from the line that begins it to its
    last line with anything in it. `saved` and `when` are the times as written: of the save, and of the line itself.
    """

    id: str
    kind: Kind
    raw: str = field(repr=False)
    speaker: str = ""
    model: str = ""
    saved: str = ""
    when: str = ""

    @property
    def text(self) -> str:
        """The message in the one spelling that is compared and stored."""
        return spelled(self.raw)

    @property
    def said_at(self) -> str:
        """The time as written: the line's own where it says one, else that of its save."""
        return self.when if self.when and moments.local(self.when) else self.saved or self.when


@dataclass(frozen=True, slots=True)
class Log:
    """A whole file: its parts in order, each a Turn, or text between turns."""

    parts: tuple[Turn | str, ...] = field(repr=False)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns, in order."""
        return tuple(one for one in self.parts if isinstance(one, Turn))

    def whole(self) -> bytes:
        """The file, byte for byte."""
        return b"".join(encoded(one.raw if isinstance(one, Turn) else one) for one in self.parts)


@dataclass(slots=True)
class _Block:
    """Lines of one turn, as they are gathered."""

    opening: Opening
    saved: str
    model: str
    lines: list[str]
    fenced: bool = False


def parse(raw: bytes) -> Log:
    """The log in a file's bytes, whatever they are."""
    return Log(tuple(_named(_parts(_lines(raw)))))


def spelled(text: str) -> str:
    """A text in the one spelling: composed (NFC), lines end in LF, and nothing that a database cannot hold.

    The same message by a Mac and by others is one message. NUL, and bytes that are no UTF-8, are U+FFFD.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    return text.replace("\r\n", "\n").replace("\0", "\ufffd")


def encoded(text: str) -> bytes:
    """The bytes of a part."""
    return text.encode("utf-8", "surrogateescape")


def _lines(raw: bytes) -> list[str]:
    """Lines with their ends; only LF ends one."""
    lines = raw.decode("utf-8", "surrogateescape").split("\n")
    return [*(f"{one}\n" for one in lines[:-1]), *([lines[-1]] if lines[-1] else [])]


def _parts(lines: Sequence[str]) -> Iterator[_Block | str]:
    """Blocks, and the text between them."""
    block: _Block | None = None
    saved = model = ""
    at = 0
    if lines and lines[0].startswith(_BOM):
        yield _BOM
        lines = [lines[0].removeprefix(_BOM), *lines[1:]]
    while at < len(lines):
        line = shapes.plain(lines[at])
        frame = _frame(lines, at) if line[:1] in {"-", "*"} else None
        if frame is not None:
            yield from _closed(block)
            end, found = frame
            yield "".join(lines[at:end])
            block, at = None, end
            saved, model = found or (saved, model)
            continue
        opened = shapes.opening(line, fenced=block is not None and block.fenced)
        if opened is None and block is None and line:
            opened = Opening(Kind.RAW)
        if opened is not None:
            yield from _closed(block)
            block = _Block(opened, saved, model, [])
        if block is None:
            yield lines[at]
        else:
            block.lines.append(lines[at])
            block.fenced ^= shapes.is_fence(line)
        at += 1
    yield from _closed(block)


def _frame(lines: Sequence[str], at: int) -> tuple[int, tuple[str, str] | None] | None:
    """Where the frame of a save that begins here ends, and what it says; None if none begins here.

    `---` within an answer is a rule of its own. At the end of the file it is the beginning of a save that is still
    being written: part of no turn, so that the turn before it stays what it is.
    """
    first = shapes.plain(lines[at])
    if (alone := shapes.save(first)) is not None:
        return at + 1, alone
    if not shapes.is_rule(first):
        return None
    below = at + 1
    while below < len(lines) and not lines[below].strip():
        below += 1
    if below == len(lines):
        return below, None
    line = shapes.plain(lines[below])
    if (found := shapes.save(line)) is not None:
        return below + 1, found
    return (below + 1, None) if below == len(lines) - 1 and shapes.begins_save(line) else None


def _closed(block: _Block | None) -> Iterator[_Block | str]:
    """A block, and the empty lines and rules after it: at the file's end nobody can tell a rule from a separator."""
    if block is None:
        return
    end = len(block.lines)
    while end > 1 and (not (line := block.lines[end - 1].strip()) or shapes.is_rule(line)):
        end -= 1
    last = block.lines[end - 1]
    bare = last.rstrip("\r\n")
    tail = last[len(bare) :] + "".join(block.lines[end:])
    block.lines = [*block.lines[: end - 1], bare]
    yield block
    if tail:
        yield tail


def _named(parts: Iterator[_Block | str]) -> Iterator[Turn | str]:
    """Turns with their ids; an answer without any time takes that of the question before it."""
    seen: Counter[tuple[str, ...]] = Counter()
    asked, question, save = "", "", ("", "")
    for part in parts:
        if isinstance(part, str):
            yield part
            continue
        opened, raw = part.opening, "".join(part.lines)
        text = spelled(raw)
        if opened.kind is Kind.QUESTION or save != (part.saved, part.model):
            question = text if opened.kind is Kind.QUESTION else ""
            asked, save = opened.when if question else "", (part.saved, part.model)
        when = opened.when or (asked if opened.kind is Kind.ANSWER and not part.saved else "")
        same = (spelled(part.saved), spelled(part.model), "" if question == text else question, text)
        seen[same] += 1
        model = opened.model or part.model
        yield Turn(_id(same, seen[same]), opened.kind, raw, opened.speaker, model, part.saved, when)


def _id(same: tuple[str, ...], nth: int) -> str:
    """What a turn is found by: its save's time and model, its question, its text, and which of equal ones it is.

    Neither room nor place in the file: it is the same turn in the room's file, in the combined one, and after more was
    appended.
    """
    parts = (*same, str(nth))
    return hashlib.sha256("".join(f"{len(one)}:{one}" for one in parts).encode()).hexdigest()[:_ID_DIGITS]
