"""Readings as they are added: of lists, of lines, and single ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from recon_cli.core.landing import Parcel
from recon_cli.core.record import Record
from recon_cli.systems.containers import lists, names
from recon_cli.systems.containers.names import Origin
from recon_cli.systems.containers.reading import Reading, of_row
from recon_cli.systems.feed import Refused, Unfit
from recon_cli.systems.records import Entry, Given, Hints
from recon_cli.systems.text import base_name


def of_list(table: str, path: str, raw: bytes, hints: Hints) -> Iterator[Given] | Unfit:
    """What a list holds."""
    rows = lists.rows_of(path, raw)
    if isinstance(rows, Unfit):
        return rows
    origin = _origin(names.origin(path, hints.zone), hints)
    found = lists.judged(rows, origin, hints.zone)
    return found if isinstance(found, Unfit) else _given(table, base_name(path), found)


def of_lines(table: str, texts: Iterable[str], hints: Hints) -> Iterator[Given]:
    """What lines say, one by one, as they come."""
    origin = _origin(Origin(""), hints)
    for where, row in lists.lines(texts):
        yield _judged(table, where, row, origin, hints)


def of_word(table: str, word: str, hints: Hints) -> Given:
    """A number of the command line, seen at the moment that is said."""
    row: dict[str, object] = {"number": word, "image": hints.image}
    row |= {"captured_at": hints.at} if hints.at is not None else {}
    return _judged(table, word, row, _origin(Origin(""), hints), hints)


def _judged(table: str, where: str, row: Mapping[str, object], origin: Origin, hints: Hints) -> Given:
    found = of_row(row, origin, hints.zone)
    if isinstance(found, Unfit):
        return Refused(where, found, table, lists.said(row, origin, hints.zone).encode("utf-8", "replace"))
    return _entry(table, where, found)


def _origin(found: Origin, hints: Hints) -> Origin:
    source = names.video_of(hints.source) if hints.source else found.source
    began = hints.began or found.began
    return replace(found, source=source, began=began, notes=() if hints.began else found.notes)


def _given(table: str, name: str, found: lists.Listed) -> Iterator[Given]:
    for one in found.readings:
        yield _entry(table, "", one)
    yield from refusals(table, name, found)


def refusals(table: str, name: str, found: lists.Listed) -> Iterator[Refused]:
    """The rows of a list that give no reading."""
    for refused in found.refused:
        yield Refused(f"{name} {refused.where}", refused.why, table, refused.said.encode("utf-8", "replace"))


def _entry(table: str, where: str, reading: Reading) -> Entry:
    values = reading.values()
    return Entry(where, table, str(values["id"]), reading.payload(), reading.notes, Parcel(Record(table, values)))
