"""Index pages that web servers make of a folder: nginx, Apache, lighttpd, Python. Pure: a page in, names out.

A page is taken for a listing only if it says so in its title or heading; anything else is the site's own page, from
which nothing may be concluded. Only links to direct children count: sort links, parents and other sites fall away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from recon_cli.core.entry import EntryType, Precision

_HEADING = re.compile(r"\s*(index of|directory listing for|directory listing of|listing of)\s", re.IGNORECASE)
_DATES = (
    (re.compile(r"\b\d{1,2}-[A-Z][a-z]{2}-\d{4} \d{2}:\d{2}(:\d{2})?"), "%d-%b-%Y %H:%M"),
    (re.compile(r"\b\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?"), "%Y-%m-%d %H:%M"),
    (re.compile(r"\b\d{4}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}(:\d{2})?"), "%Y-%b-%d %H:%M"),
)
_SIZE = re.compile(r"(?:^|\s)(\d+(?:\.\d+)?)\s?([KMGT]?)(?:i?B)?(?=\s|$)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Item:
    """One name of an index page; `raw` are the bytes of its link, percent-decoding done."""

    raw: bytes
    type: EntryType
    size_bytes: int | None = None
    mtime: datetime | None = None
    precision: Precision = Precision.NONE
    note: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """An index page; `items` is None where the page is something else, `whole` tells whether its end was seen."""

    items: tuple[Item, ...] | None
    whole: bool
    title: str


@dataclass(slots=True)
class _Link:
    href: str
    text: str = ""
    after: str = ""


@dataclass(slots=True)
class _Seen:
    headings: dict[str, str] = field(default_factory=dict)
    links: list[_Link] = field(default_factory=list)
    ended: bool = False


class _Parser(HTMLParser):
    """Collects headings, and links with the text in and after them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = _Seen()
        self._in = ""
        self._at: _Link | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A link or a heading begins; a row or an item ends what stands after a link."""
        if tag == "a":
            self._at = _Link(dict(attrs).get("href") or "")
            self.seen.links.append(self._at)
            self._in = "a"
        elif tag in {"title", "h1", "h2"}:
            self._in = tag
        elif tag in {"tr", "li"}:
            self._at = None

    def handle_endtag(self, tag: str) -> None:
        """A link or a heading ends; text after a link belongs to it until the next one."""
        if tag == self._in:
            self._in = ""
        elif tag in {"td", "th"} and self._at is not None:
            self._at.after += " "
        self.seen.ended |= tag in {"html", "body"}

    def handle_data(self, data: str) -> None:
        """Text of a heading, in a link, or after one."""
        if self._in in {"title", "h1", "h2"}:
            self.seen.headings[self._in] = self.seen.headings.get(self._in, "") + data
        elif self._at is not None and self._in == "a":
            self._at.text += data
        elif self._at is not None:
            self._at.after += data


def parse(body: bytes, url: str, zone: tzinfo = UTC) -> Page:
    """The names on an index page that was fetched from `url`; its times are in `zone`."""
    parser = _Parser()
    parser.feed(body.decode("latin-1"))  # bytes in links stay what they are
    parser.close()
    titles = [" ".join(text.split()) for text in parser.seen.headings.values()]
    whole = parser.seen.ended or body.rstrip().lower().endswith((b"</pre>", b"</table>", b"</ul>"))
    if not any(_HEADING.match(title + " ") for title in titles):
        return Page(None, whole, titles[0] if titles else "")
    items: dict[bytes, Item] = {}
    for link in parser.seen.links:
        if (item := _item(link, url, zone)) is not None:
            items.setdefault(item.raw, item)
    return Page(tuple(items.values()), whole, titles[0])


def _item(link: _Link, url: str, zone: tzinfo) -> Item | None:
    raw = _child(link.href, url)
    if raw is None:
        return None
    folder, raw = raw.endswith(b"/"), raw.rstrip(b"/")
    text = link.text.strip().encode("latin-1", "replace")
    if text in {raw + b"@", raw + b"/@"}:  # Python's way to show a link
        return Item(raw, EntryType.LINK)
    mtime, precision, rest = _moment(link.after, zone)
    if folder:
        return Item(raw, EntryType.DIR, None, mtime, precision)
    size, note = _size(rest) if mtime else (None, "")
    return Item(raw, EntryType.FILE, size, mtime, precision, note)


def _child(href: str, url: str) -> bytes | None:
    """The link's last part, if it leads to a direct child of the page."""
    if not href or href.startswith(("?", "#")):
        return None
    try:
        target, base = urlsplit(urljoin(url, href)), urlsplit(url)
    except ValueError:
        return None
    if (target.scheme, target.netloc) != (base.scheme, base.netloc) or target.query:
        return None
    whole, above = _bytes(target.path), _bytes(base.path)
    rest = whole.removeprefix(above)
    if rest == whole or not rest.strip(b"/") or b"/" in rest.rstrip(b"/") or rest.strip(b"/") in {b".", b".."}:
        return None
    return rest


def _bytes(path: str) -> bytes:
    try:
        return unquote_to_bytes(path.encode("latin-1"))
    except UnicodeEncodeError:
        return unquote_to_bytes(path)


def _moment(text: str, zone: tzinfo) -> tuple[datetime | None, Precision, str]:
    for pattern, form in _DATES:
        if found := pattern.search(text):
            precision = Precision.SECOND if found[1] else Precision.MINUTE
            local = _read(found[0], form + (":%S" if found[1] else ""))
            if local is not None:
                return local.replace(tzinfo=zone).astimezone(UTC), precision, text[found.end() :]
    return None, Precision.NONE, text


def _read(text: str, form: str) -> datetime | None:
    """A date; the month is replaced by its number, because `%b` would depend on the locale."""
    for number, month in enumerate(_MONTHS, 1):
        text = text.replace(month, f"{number:02}")
    try:
        return datetime.strptime(text, form.replace("%b", "%m"))  # noqa: DTZ007  the caller knows the zone
    except ValueError:
        return None


def _size(text: str) -> tuple[int | None, str]:
    found = _SIZE.search(text)
    if found is None:
        return None, ""
    if found[2] or "." in found[1]:
        return None, f"about {found[0].strip()}"
    return int(found[1]), ""
