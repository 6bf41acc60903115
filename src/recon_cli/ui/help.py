"""Help pages in another language than the code's: translated as they are written, wrapped by the width of letters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import click
from rich.cells import cell_len

from recon_cli.ui.language import said

_EXTRA = re.compile(r"(?:^|  )\[([^\[\]]*)\]$")
_UNWRAPPED = "\b"
"""Click's mark for a paragraph whose lines stay as they are."""


class TranslatedFormatter(click.HelpFormatter):
    """Click's formatter, but each text passes the catalogue, and a Hangul letter is two columns wide."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The line of how a command is called."""
        super().write_usage(prog, args, prefix or f"{said('Usage:')} ")

    def write_heading(self, heading: str) -> None:
        """The title of a section."""
        super().write_heading(said(heading))

    def write_text(self, text: str) -> None:
        """Paragraphs, parted by empty lines."""
        indent = " " * self.current_indent
        told = (self._paragraph(one, indent) for one in paragraphs(text))
        self.write("\n\n".join(told) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Two columns: what to type, and what it means."""
        pairs = list(rows)
        first = min(max((cell_len(term) for term, _text in pairs), default=0), col_max) + col_spacing
        gap = " " * (self.current_indent + first)
        for term, text in pairs:
            lines = wrapped(meaning(text), max(self.width - first - self.current_indent, 10))
            head = f"{' ' * self.current_indent}{term}"
            if not lines:
                self.write(f"{head}\n")
            elif cell_len(term) > first - col_spacing:
                self.write(f"{head}\n")
                self.write("".join(f"{gap}{line}\n" for line in lines))
            else:
                begin = head + " " * (first - cell_len(term))
                self.write("".join(f"{gap if at else begin}{line}\n" for at, line in enumerate(lines)))

    def _paragraph(self, text: str, indent: str) -> str:
        if text.startswith(_UNWRAPPED):
            lines = [unwrapped(line) for line in text.splitlines()[1:]]
        else:
            lines = wrapped(said(text), self.width - len(indent))
        return "\n".join(f"{indent}{line}" for line in lines)


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a help text as they are translated: lines joined, but for those that click keeps."""
    for paragraph in re.split(r"\n\s*\n", text.partition("\f")[0].strip("\n")):
        lines = [line.strip() for line in paragraph.splitlines()]
        if lines and lines[0] == _UNWRAPPED:
            yield paragraph.strip("\n")
        elif any(lines):
            yield " ".join(lines)


def unwrapped(line: str) -> str:
    """A line that click keeps: its words behind `#`, or all of it, where the catalogue knows them."""
    before, mark, remark = line.partition("  # ")
    return f"{before}{mark}{said(remark)}" if mark else said(line)


def meaning(text: str) -> str:
    """The second column of an option: its help, then what click says of its default and range."""
    extra = _EXTRA.search(text)
    if extra is None:
        return said(text)
    told = "; ".join(said(one) for one in extra[1].split("; "))
    words = said(text[: extra.start()])
    return f"{words}  [{told}]" if words else f"[{told}]"


def brief(text: str) -> str:
    """The first sentence of a translated help, as a group lists its commands."""
    first = next(paragraphs(text), "")
    told = re.split(r"(?<=[.?!])\s", said(first))[0]
    return told.removesuffix(".")


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, broken between words."""
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
