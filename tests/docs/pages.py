"""The Markdown pages of the project: their links, their headings, their code blocks and what a block asks of its test.

A comment on the line before a fence speaks to the tests: `<!-- not run: REASON -->` leaves the block out,
`<!-- scene: NAME -->` sets up what the page's blocks from there on run in (tests/docs/scenes.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTED = frozenset({"console", "sh", "toml", "python", "json"})
PLAIN = frozenset({"text", "ini", "markdown", "mermaid", "csv", "diff"})

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\s*$")
_NOTE = re.compile(r"^\s*<!-- (?P<word>not run|scene): (?P<text>.+?) -->\s*$")
_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
_PICTURE = re.compile(r"<img[^>]*\ssrc=\"(?P<target>[^\"]+)\"")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it begins, its language, its lines, and the comment before it."""

    page: Path
    line: int
    language: str
    text: str
    reason: str = ""
    scene: str = ""

    @property
    def where(self) -> str:
        """For a test's name and message."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every page a reader can open."""
    found = [
        ROOT / "README.md",
        ROOT / "SECURITY.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
    return sorted(path for path in found if path.is_file())


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    note: tuple[str, str] = ("", "")
    lines = iter(enumerate(page.read_text("utf-8").splitlines(), 1))
    for number, line in lines:
        if opening := _FENCE.match(line):
            body = _body(lines, len(opening["indent"]))
            reason, scene = (note[1] if note[0] == word else "" for word in ("not run", "scene"))
            found.append(Block(page, number, opening["language"], body, reason, scene))
        said = _NOTE.match(line)
        note = (said["word"], said["text"]) if said else ("", "")
    return found


def links(page: Path) -> list[str]:
    """The targets of links and pictures outside fenced blocks."""
    text = re.sub(r"^ *```.*?^ *```\s*$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`", "", text)
    return [found["target"] for pattern in (_LINK, _PICTURE) for found in pattern.finditer(text)]


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings give, as GitHub makes them."""
    text = re.sub(r"^ *```.*?^ *```\s*$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#{1,6} (.+?)\s*$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _body(lines: enumerate[str] | object, indent: int) -> str:
    body = []
    for _, line in lines:  # type: ignore[attr-defined] # an iterator of (number, line)
        if line.strip() == "```":
            break
        body.append(line[indent:])
    return "\n".join(body) + "\n"
