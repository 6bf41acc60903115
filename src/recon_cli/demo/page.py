"""The demo's `index.html`: what happened, with pictures, for a browser without a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from string import Template

from recon_cli.demo.stage import Outcome
from recon_cli.demo.tour import INSTALL, Played

HERE = Path(__file__).parent
CAPTIONS = {"photo": "a photo that training never saw", "splat": "the same view of the splat"}


def write(folder: Path, played: Sequence[Played], coloured: Callable[[str], str]) -> Path:
    """Write `index.html` and `transcript.txt` of what was played; `coloured` makes HTML of a terminal's text."""
    text = "\n".join(f"# {one.what}\n$ {one.command}\n{one.text}" for part in played for one in part.outcomes)
    (folder / "transcript.txt").write_text(text, "utf-8")
    template = Template((HERE / "page.html").read_text("utf-8"))
    page = template.substitute(
        contents="".join(_entry(one) for one in played),
        parts="".join(_part(folder, one, coloured) for one in played),
        after=escape("\n".join(command for one in played if one.proven for command in one.part.after)),
    )
    (folder / "index.html").write_text(page, "utf-8")
    return folder / "index.html"


def _entry(one: Played) -> str:
    told = f'<span class="proven">{escape(one.proven)}</span>' if one.proven else '<span class="skipped">skipped</span>'
    return f'<li><a href="#{one.part.name}">{one.part.name}</a>: {told}</li>'


def _part(folder: Path, one: Played, coloured: Callable[[str], str]) -> str:
    head = f'<h2 id="{one.part.name}">{one.part.name}</h2><p>{escape(one.part.story)}</p>'
    if not one.proven:
        return f'{head}<p class="skipped">skipped: {one.missing} is not installed; <code>{escape(INSTALL)}</code></p>'
    steps = "".join(_step(outcome, coloured, shown=outcome is one.outcomes[-1]) for outcome in one.outcomes)
    return f'{head}{_pictures(folder, one)}{steps}<p class="proven">Proven: {escape(one.proven)}.</p>'


def _step(outcome: Outcome, coloured: Callable[[str], str], *, shown: bool) -> str:
    """A command to open; the last one of a part, which proves it, is open."""
    screen = coloured(outcome.screen.rstrip("\n"))
    summary = f"{escape(outcome.what)}<br><code>$ {escape(outcome.command)}</code>"
    return f"<details{' open' if shown else ''}><summary>{summary}</summary><pre>{screen}</pre></details>"


def _pictures(folder: Path, one: Played) -> str:
    there = [name for name in one.part.pictures if (folder / "pictures" / f"{name}.png").exists()]
    figures = (
        f'<figure><img src="pictures/{name}.png" alt=""><figcaption>{CAPTIONS[name]}</figcaption></figure>'
        for name in there
    )
    link = '<p><a href="splat/viewer.html">Walk around in it</a></p>' if there else ""
    return f'<div class="pictures">{"".join(figures)}</div>{link}' if there else ""
