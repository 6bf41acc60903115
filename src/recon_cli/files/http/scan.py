"""Scanning index pages: requests for many folders are under way at once, on at most two connections."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, tzinfo
from http import HTTPStatus
from urllib.parse import quote
from zoneinfo import ZoneInfo

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing, Precision
from recon_cli.core.errors import AuthError, ConfigError, NotFoundError, ReconError, UnreachableError
from recon_cli.core.place import Place
from recon_cli.core.retry import RetryPolicy
from recon_cli.files.base import MtimeMode, ScanOptions
from recon_cli.files.cut import Cut, cost, give_up
from recon_cli.files.encoding import NameCodec, raw_unless_utf8
from recon_cli.files.http.autoindex import Item, parse
from recon_cli.files.http.replies import LATER, length, modified, reason_for, refusal
from recon_cli.files.http.wire import Answer, Origin, Pipeline, Request
from recon_cli.files.walk import Directory, Frontier, failed, join, join_raw, raw_of

LISTED_BY = "autoindex"
RETRY = RetryPolicy(retries=3, base_s=0.2)
REPEATS = 2
"""How often a listing may repeat below itself before it counts as a loop: servers follow links without a word."""


class Scan:
    """One scan of one server."""

    def __init__(self, origin: Origin, codec: NameCodec, place: Place, options: ScanOptions) -> None:
        self._origin, self._codec, self._options = origin, codec, options
        self._pipeline = Pipeline(origin, min(options.connections, int(place.number("connections", 2))))
        self._zone = zone_of(place)
        self._no_dotfiles = place.text("dotfiles") in {"none", "shown"}
        self._refused: dict[str, int] = {}
        self._answered = False

    def listings(self, frontier: Frontier) -> Iterator[Listing]:
        """Every directory once; after the first answer, a lost connection is data in the listings that it cost."""
        failures = 0
        try:
            while True:
                batch: list[Directory] = []
                while len(batch) < self._pipeline.room and (here := frontier.next()) is not None:
                    if isinstance(here, Listing):
                        yield here
                    else:
                        batch.append(here)
                if not batch:
                    return
                done, trouble = self._round(batch, frontier)
                yield from done
                failures = 0 if done else failures + cost(trouble)
                if trouble is not None and not done:
                    if failures > RETRY.retries or (isinstance(trouble, ReconError) and not self._answered):
                        yield from give_up(frontier, trouble, self._origin.url, answered=self._answered)
                        return
                    time.sleep(RETRY.delay_s(failures))
        finally:
            self._pipeline.close()

    def _round(self, batch: list[Directory], frontier: Frontier) -> tuple[list[Listing], Cut | UnreachableError | None]:
        """List a batch; what was not answered goes back to the frontier."""
        left, found, trouble = dict(enumerate(batch)), [], None
        requests = [Request("GET", self._path(here.raw, folder=True)) for here in batch]
        try:
            for index, answer in self._pipeline.round(requests):
                here = left.pop(index)
                if self._asks_again(here, answer):
                    left[index] = here
                else:
                    found.append((here, *self._listing(here, answer)))
                    self._answered = True
        except (Cut, UnreachableError) as exc:
            trouble = exc
        for _, here in sorted(left.items(), reverse=True):
            frontier.again(here)
        if self._options.mtime is MtimeMode.EXACT:
            exact = self._exact([listing for _, listing, _ in found])
            found = [(here, listing, trail) for (here, _, trail), listing in zip(found, exact, strict=True)]
        return [frontier.grow(here, listing, trail) for here, listing, trail in found], trouble

    def _asks_again(self, here: Directory, answer: Answer) -> bool:
        """Whether a busy server gets this request once more."""
        if answer.status not in LATER or self._refused.get(here.path, 0) >= RETRY.retries:
            return False
        self._refused[here.path] = self._refused.get(here.path, 0) + 1
        time.sleep(RETRY.delay_s(self._refused[here.path]))
        return True

    def _listing(self, here: Directory, answer: Answer) -> tuple[Listing, tuple[int, ...]]:
        """A directory from its page, and the fingerprints of the listings on the way to it."""
        if answer.status != HTTPStatus.OK:
            return self._refusal(here, answer), ()
        url = f"http://origin{quote(self._path(here.raw, folder=True))}"
        page = parse(answer.body, url, self._zone)
        if page.items is None:
            detail = f"the page is not a listing of the folder but the site's own ({page.title or 'without a title'})"
            return failed(here, Incomplete.UNPARSED, detail, LISTED_BY), ()
        fingerprint = hash(page.items)
        if here.trail.count(fingerprint) >= REPEATS:
            return failed(here, Incomplete.LOOP, "the same listing stands above it already", LISTED_BY), ()
        self._codec.see(true_name(item.raw) for item in page.items)
        entries = tuple(self._entry(here, item) for item in page.items)
        reason, detail = self._doubt(page.items, answer, whole=page.whole)
        listing = Listing(here.path, entries, LISTED_BY, reason, detail, raw_unless_utf8(here.path, here.raw))
        # A chain of folders with one folder each looks the same on every level and is no loop.
        telling = len(page.items) > 1 or any(item.type is EntryType.FILE for item in page.items)
        return listing, (*here.trail, fingerprint) if telling else here.trail

    def _refusal(self, here: Directory, answer: Answer) -> Listing:
        error = refusal(answer.status, answer.reason, f"{here.path or 'the root'} in {self._origin.url}")
        fatal = isinstance(error, NotFoundError | UnreachableError | AuthError)
        if here.depth == 0 and fatal and answer.status != HTTPStatus.FORBIDDEN:
            raise error
        target = answer.headers.get("Location", "")
        detail = f"{answer.status} {answer.reason}" + (f" to {target}" if target else "")
        return failed(here, reason_for(answer.status, answer.reason), detail, LISTED_BY)

    def _doubt(self, items: tuple[Item, ...], answer: Answer, *, whole: bool) -> tuple[Incomplete | None, str]:
        if not whole:
            return Incomplete.TRUNCATED, "the page has no end"
        server = answer.headers.get("Server", "the server")
        shows = server.startswith("SimpleHTTP") or any(item.raw.startswith(b".") for item in items)
        if shows or self._no_dotfiles:
            return None, ""
        hint = 'if there are none, set `dotfiles = "none"` for this place'
        return Incomplete.HIDDEN, f"{server} leaves dotfiles out of its index pages; {hint}"

    def _entry(self, here: Directory, item: Item) -> Entry:
        path = join(here.path, self._codec.decode(true_name(item.raw)))
        raw = raw_unless_utf8(path, join_raw(here.raw, item.raw))
        return Entry(path, item.type, item.size_bytes, item.mtime, item.precision, raw, LISTED_BY, item.note)

    def _exact(self, listings: list[Listing]) -> list[Listing]:
        """The same listings, with size and time of every file from its own headers."""
        files = [entry for listing in listings for entry in listing.entries if entry.type is EntryType.FILE]
        told: dict[str, Entry] = {}
        failures = 0
        while files and failures <= RETRY.retries:
            batch, before = files[: self._pipeline.room], len(told)
            try:
                requests = [Request("HEAD", self._path(raw_of(entry))) for entry in batch]
                for index, answer in self._pipeline.round(requests):
                    told[batch[index].path] = with_headers(batch[index], answer)
            except (Cut, UnreachableError) as exc:
                failures = failures + cost(exc) if len(told) == before else 0
            files = [entry for entry in files if entry.path not in told]
        return [
            replace(listing, entries=tuple(told.get(entry.path, entry) for entry in listing.entries))
            for listing in listings
        ]

    def _path(self, raw: bytes, *, folder: bool = False) -> bytes:
        return path_below(self._origin.root, raw, folder=folder)


def path_below(root: bytes, raw: bytes, *, folder: bool = False) -> bytes:
    """The path that is asked for; folders end with a slash."""
    path = b"/" + b"/".join(part for part in (root.strip(b"/"), raw) if part)
    return path + b"/" if folder and not path.endswith(b"/") else path


def with_headers(entry: Entry, answer: Answer) -> Entry:
    """An entry with what a HEAD says about it."""
    if answer.status != HTTPStatus.OK:
        return replace(entry, note=f"{answer.status} {answer.reason}")
    moment, size = modified(answer.headers), length(answer.headers)
    return replace(
        entry,
        size_bytes=entry.size_bytes if size is None else size,
        mtime=moment or entry.mtime,
        precision=Precision.EXACT if moment else entry.precision,
        note="",
    )


def true_name(raw: bytes) -> bytes:
    """The bytes of a name on the server's disk: Python's server writes undecodable ones as encoded surrogates."""
    try:
        return raw.decode("utf-8", "surrogatepass").encode("utf-8", "surrogateescape")
    except UnicodeError:
        return raw


def zone_of(place: Place, default: str = "UTC") -> tzinfo:
    """The zone in which the server tells times."""
    name = place.text("zone", default)
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError) as exc:
        raise ConfigError(f"no time zone `{name}`", hint="use a name such as `Asia/Seoul` or `UTC`") from exc
