"""Shapes: what a line of a log is. Every shape of question and answer that was seen, and lines that frame a save."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a turn is."""

    QUESTION = "question"
    ANSWER = "answer"
    SYSTEM = "system"
    RAW = "raw"
    """Text of no known shape, kept as it is."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A line that begins a turn. Texts are composed (NFC); `when` is the time as written."""

    kind: Kind
    speaker: str = ""
    when: str = ""
    model: str = ""


_FACE = "\U0001f5e3"
_OPENS = frozenset(f"#*>-`{_FACE}\U0001f916")
"""A line that begins with nothing of these is the middle of a turn: most lines are, and are not looked at further."""
_COLON = "[:\uff1a]"
_QUESTION = re.compile(
    rf"(?P<head>\#{{1,6}}\s*)?(?P<face>{_FACE}\ufe0f?\s*)?(?P<bold>\*\*\s*)?"
    r"(?P<name>[^*():\"\uff1a]{0,80}?)\s*(?P<word>질문|님)\s*"
    r"(?:\(\s*(?P<inner>[^()]*)\))?\s*(?:\*\*)?\s*(?:\(\s*(?P<outer>[^()]*)\)|(?P<bare>\d{4}\s*[년.][^:\uff1a\"]*"
    rf"(?:\d{{1,2}}:\d{{2}}(?::\d{{2}})?)?))?\s*(?:{_COLON}.*)?"
)
_FACED = re.compile(
    rf"(?:\#{{1,6}}\s*)?{_FACE}\ufe0f?\s*(?:\*\*)?(?P<name>[^*():\n]{{1,80}}?)(?:\*\*)?\s*(?:{_COLON}.*)?"
)
_ANSWER = re.compile(
    rf"(?:\#{{1,6}}\s*)?(?:\U0001f916\s*)?\*\*(?P<name>[^*\n]{{1,80}})\*\*\s*"
    rf"\[(?P<model>[^\]\n]{{1,60}})\]\s*(?:\((?P<when>[^()]*)\))?\s*{_COLON}.*"
)
_SYSTEM = re.compile(rf">\s*(?:\*\*)?시스템(?:\*\*)?\s*{_COLON}.*")
_SAVE = re.compile(r"\*(?P<when>[^*]+?)\s+-\s+(?P<model>[^*]+?)\s*모델 사용\*")
_RULE = re.compile(r"-{3,}")


def plain(line: str) -> str:
    """A line without its end and the blanks around it; composed, if it may be one of the shapes."""
    text = line.strip()
    return text if text[:1] not in _OPENS or text.isascii() else unicodedata.normalize("NFC", text)


def opening(line: str, *, fenced: bool = False) -> Opening | None:
    """What turn a plain line begins; None for the middle of one. Within a code block only a face begins a question."""
    if not line or line[0] not in _OPENS:
        return None
    if fenced and _FACE not in line[:12]:
        return None
    return _question(line) or (None if fenced else _answer(line) or _system(line))


def save(line: str) -> tuple[str, str] | None:
    """Time (as written) and model of the line under a separator, `*<time> - <MODEL> 모델 사용*`."""
    found = _SAVE.fullmatch(line) if line.startswith("*") else None
    return (found["when"].strip(), found["model"].strip()) if found else None


def is_rule(line: str) -> bool:
    """Whether a line is `---`: a separator, if a save's line follows."""
    return line.startswith("---") and _RULE.fullmatch(line) is not None


def begins_save(line: str) -> bool:
    """Whether a line at a file's end may be the first half of a save's line."""
    return line.startswith("*") and not line.startswith("**")


def is_fence(line: str) -> bool:
    """Whether a line begins or ends a code block."""
    return line.startswith("```")


def _question(line: str) -> Opening | None:
    found = _QUESTION.fullmatch(line)
    if found and (found["face"] or ((found["head"] or found["bold"]) and found["word"] == "질문" and found["name"])):
        when = next((found[name] for name in ("inner", "outer", "bare") if found[name]), "")
        return Opening(Kind.QUESTION, found["name"].strip(), when.strip())
    found = _FACED.fullmatch(line) if _FACE in line[:12] else None
    return Opening(Kind.QUESTION, found["name"].strip()) if found else None


def _answer(line: str) -> Opening | None:
    found = _ANSWER.fullmatch(line)
    return Opening(Kind.ANSWER, found["name"].strip(), (found["when"] or "").strip(), found["model"]) if found else None


def _system(line: str) -> Opening | None:
    return Opening(Kind.SYSTEM) if _SYSTEM.fullmatch(line) else None
