"""What a built page would fetch from another host by itself: the site has to read well without a network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

FETCHING = frozenset({"audio", "embed", "iframe", "img", "object", "script", "source", "video"})
TOLD_ONLY = frozenset({"alternate", "canonical", "next", "prev"})
"""What a `link` names for others to know; of these alone nothing is fetched."""
MERMAID = "https://unpkg.com/mermaid"
"""What the theme's script fetches where it finds a diagram in Mermaid's language."""
_ELSEWHERE = re.compile(r"(https?:)?//")
_IN_STYLES = re.compile(r"""(?:url\(|@import)\s*['"]?(?P<url>(?:https?:)?//[^'")\s]+)""")


def calls(site: Path) -> list[str]:
    """`PAGE: ADDRESS` for each fetch from elsewhere in a folder of pages and style sheets."""
    found = [(path, outside(path.read_text("utf-8"))) for path in sorted(site.rglob("*.html"))]
    found += [(path, in_styles(path.read_text("utf-8"))) for path in sorted(site.rglob("*.css"))]
    return [f"{path.relative_to(site)}: {url}" for path, urls in found for url in urls]


def outside(page: str) -> list[str]:
    """The addresses on other hosts that a browser fetches to show a page; links to follow are not meant."""
    finder = _Fetched()
    finder.feed(page)
    return [*(url for url in finder.urls if _ELSEWHERE.match(url)), *in_styles(page)]


def in_styles(sheet: str) -> list[str]:
    """The addresses on other hosts that a style sheet loads."""
    return [found["url"] for found in _IN_STYLES.finditer(sheet)]


class _Fetched(HTMLParser):
    """The addresses that a page asks for by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what this element fetches."""
        told_only = TOLD_ONLY.intersection((dict(attrs).get("rel") or "").split())
        if tag in FETCHING or (tag == "link" and not told_only):
            kept = (value for name, value in attrs if value and name in {"data", "href", "poster", "src", "srcset"})
            self.urls += [part.split()[0] for value in kept for part in value.split(",") if part.strip()]
        if any(name == "class" and "mermaid" in (value or "").split() for name, value in attrs):
            self.urls.append(MERMAID)
