"""The web host's own listing: a PHP program that answers `action=list` with the models and their files.

It is shown as the tree that FTP would show, `files/<model_id>/<name>`, so that every system reads it the same way;
file contents come from the static path beside the program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit, urlunsplit

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing, Precision
from recon_cli.core.errors import DataError, UnreachableError
from recon_cli.core.json_text import loads
from recon_cli.core.place import Place
from recon_cli.files.base import FileRef, MtimeMode, ScanOptions
from recon_cli.files.http.replies import refusal
from recon_cli.files.http.scan import zone_of
from recon_cli.files.http.store import HttpStore
from recon_cli.files.http.wire import SAFE, Request
from recon_cli.files.walk import Directory, Frontier, failed, no_directory, raw_path
from recon_cli.files.wrap import Through

Models = Mapping[str, Sequence[Mapping[str, Any]]]

LISTED_BY = "action=list"
FILES = "files"
_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
_TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y.%m.%d %H:%M:%S")


class ActionListStore(Through):
    """Models as the program lists them, files as the web server gives them."""

    def __init__(self, place: Place) -> None:
        parts = urlsplit(place.url)
        folder, _, _ = parts.path.rpartition("/")
        self._static = HttpStore(replace(place, url=urlunsplit(parts._replace(path=folder + "/", query=""))))
        super().__init__(self._static)
        self._program = unquote_to_bytes(parts.path)
        self._zone = zone_of(place, "Asia/Seoul")
        self.url = self._static.url.rstrip("/") + "/" + quote(self._program.rpartition(b"/")[2], safe=SAFE)

    def scan(self, under: FileRef = "", options: ScanOptions = ScanOptions()) -> Iterator[Listing]:  # noqa: B008  frozen
        """List `under` and everything below it, from one answer of the program; see `FileStore.scan`."""
        tree = {listing.path: listing for listing in tree_of(self._models(), self._zone)}
        root = raw_path(under).decode("utf-8", "surrogateescape")
        if root not in tree:
            raise no_directory(root, self.url)
        frontier = Frontier(options, Directory(root, raw_path(under)))
        while (here := frontier.next()) is not None:
            if isinstance(here, Listing):
                yield here
                continue
            listing = tree.get(here.path) or failed(here, Incomplete.MISSING, "it is not in the answer", LISTED_BY)
            yield frontier.grow(here, self._exact(listing) if options.mtime is MtimeMode.EXACT else listing)

    def _exact(self, listing: Listing) -> Listing:
        """The program's sizes are exact; its times too where they are epochs, else the files' headers tell."""
        found = [
            self._static.stat(one.ref) if one.type is EntryType.FILE and one.precision is not Precision.EXACT else one
            for one in listing.entries
        ]
        return replace(listing, entries=tuple(found))

    def _models(self) -> Models:
        answer = self._static.ask(Request("POST", self._program, _FORM, b"action=list"))
        if answer.status != HTTPStatus.OK:
            raise refusal(answer.status, answer.reason, self.url)
        return models_in(answer.body, self.url)


def models_in(body: bytes, url: str) -> Models:
    """The models of the program's answer, each with its files; `url` names it in errors. Pure.

    Raises:
        DataError: it is not such an answer, or one of its names would lead out of its folder.
        UnreachableError: the program says that it failed.
    """
    try:
        document = loads(body)
        models = {_part(model["model_id"]): list(model["files"]) for model in document["models"]}
        for file in (file for files in models.values() for file in files):
            _part(file["name"])
    except (ValueError, KeyError, TypeError) as exc:
        begin = body[:60].decode("utf-8", "replace")
        hint = "check that it is the program that answers `action=list`"
        raise DataError(f"{url} does not answer with a list of models", cause=begin, hint=hint) from exc
    if str(document.get("status", "success")).lower() not in {"success", "ok", "true"}:
        cause = str(document.get("message") or document["status"])
        raise UnreachableError(f"{url} does not list its models", cause=cause, hint="try the FTP URL of the host")
    return models


def tree_of(models: Models, zone: tzinfo) -> Iterator[Listing]:
    """The models as FTP would list them; their times are in `zone`."""
    yield Listing(
        "",
        (Entry(FILES, EntryType.DIR, listed_by=LISTED_BY),),
        LISTED_BY,
        Incomplete.HIDDEN,
        "the program names model folders only; databases and backups beside them are seen over FTP",
    )
    ids = sorted(models)
    yield Listing(FILES, tuple(Entry(f"{FILES}/{one}", EntryType.DIR, listed_by=LISTED_BY) for one in ids), LISTED_BY)
    for one in ids:
        files = tuple(_entry(f"{FILES}/{one}", file, zone) for file in models[one])
        yield Listing(f"{FILES}/{one}", files, LISTED_BY)


def _entry(folder: str, file: Mapping[str, Any], zone: tzinfo) -> Entry:
    size, note = _size(file.get("size"))
    moment, precision = moment_of(file.get("modified"), zone)
    return Entry(f"{folder}/{file['name']}", EntryType.FILE, size, moment, precision, None, LISTED_BY, note)


def moment_of(value: object, zone: tzinfo) -> tuple[datetime | None, Precision]:
    """A time that is an epoch, or text in the host's zone; None where it is neither."""
    text = str(value or "").strip()
    try:
        return datetime.fromtimestamp(float(text), UTC), Precision.EXACT
    except (ValueError, OverflowError, OSError):
        pass
    for form in _TIMES:
        try:
            local = datetime.strptime(text, form)  # noqa: DTZ007  the zone is added below
        except ValueError:
            continue
        precision = Precision.SECOND if "%S" in form else Precision.MINUTE
        return local.replace(tzinfo=zone).astimezone(UTC), precision
    return None, Precision.NONE


def _size(value: object) -> tuple[int | None, str]:
    text = str("" if value is None else value).strip()
    return (int(text), "") if text.isascii() and text.isdigit() else (None, f"about {text}" if text else "")


def _part(value: object) -> str:
    """One part of a path; a program on a web host is not trusted to keep to its folder."""
    text = str(value)
    if not text or "/" in text or text in {".", ".."}:
        raise ValueError(f"not a name: {text!r}")
    return text
