"""Conversations as a feed: a log goes out whole, and lands as its turns and as the layout that gives it back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from types import MappingProxyType
from zoneinfo import ZoneInfo

from recon_cli.core.canonical import Value
from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.core.errors import ConfigError, UsageError
from recon_cli.core.landing import Landing, Parcel, Shape
from recon_cli.core.record import Record
from recon_cli.core.report import Problem
from recon_cli.systems import feed
from recon_cli.systems.conversations import layout, moments, rebuild, table
from recon_cli.systems.conversations.names import COMBINED, PATTERN, Rooms, room_of
from recon_cli.systems.conversations.parse import Log, Turn, parse, spelled
from recon_cli.systems.conversations.table import FILE_COLUMNS, FILE_KEY, KEY, ROOM, TURN_COLUMNS, WHOLE, Names
from recon_cli.systems.feed import Sending, Spot, Unfit
from recon_cli.systems.moments import zone_named
from recon_cli.systems.tables.columns import TableColumn
from recon_cli.systems.tables.faults import writable
from recon_cli.systems.text import storable

ZONE = "Asia/Seoul"
"""Where the clock on the wall hangs, unless said otherwise."""
HOST = "here"
EXCLUDED, COMBINED_FILES, ZONE_OPTION, HOST_OPTION = "exclude_rooms", "combined", "zone", "host"
"""The options of this feed. Lists are texts with line ends between."""
_MOST = 10**20
_LONGEST_NAME = 63 - len("_files_id_key")


@dataclass(frozen=True, slots=True)
class Here:
    """The folder itself, whose files all belong to one host."""

    host: str
    folders: tuple[str, ...] = ("",)
    problems: tuple[Problem, ...] = ()

    def owner(self, path: str) -> str | None:  # noqa: ARG002  the contract's name
        """The host."""
        return self.host


class ConversationsFeed:
    """Logs into one table of turns and, if `files`, a second one of layouts."""

    name = "conversations"
    registry = ""

    def __init__(
        self,
        main: str = "",
        rooms: Rooms | None = None,
        *,
        files: bool = True,
        zone: tzinfo | None = None,
        host: str = HOST,
    ) -> None:
        self.names = Names(main) if main else Names()
        self.table = self.names.turns
        self.book = table.book(self.names)
        self.rooms = rooms or Rooms()
        self.wants = self.rooms.wants
        self.spelled = storable
        self._files, self._host = files, host
        self._zone = zone or ZoneInfo(ZONE)

    def sources(self, registry_bytes: bytes | None, folders: Iterable[str]) -> Here:  # noqa: ARG002  contract
        """Everything below the root is this host's."""
        return Here(self._host)

    def sending(self, raw: bytes, spot: Spot) -> Sending | Unfit:
        """The log as it is now, under an identity of its own."""
        digest = hashlib.sha256(raw).hexdigest()
        return Sending(self.table, _hash(spot.source, spot.path, digest), digest)

    def sighting(self, spot: Spot, file_hash: str, first: str, last: str) -> tuple[str, str, bytes] | None:  # noqa: ARG002  contract
        """Not kept: a log is always there."""
        return None

    def parcels(self, table_name: str, payload: bytes, meta: Mapping[str, str]) -> tuple[Parcel, ...] | Unfit:  # noqa: ARG002  contract
        """A row for each turn, and the file's; none at all for a room that was excluded since it was put."""
        path = meta.get(feed.PATH, "")
        if self.rooms.is_kept_back(path):
            return ()
        log, spot = parse(payload), Spot(meta.get(feed.SOURCE, self._host), path)
        turns = tuple(map(Parcel, self._rows(log, spot)))
        return (*turns, Parcel(self._file(log, payload, spot))) if self._files else turns

    def landings(self) -> tuple[Landing, ...]:
        """Turns, then files."""
        return table.landings(self.names, files=self._files)

    def shapes(self, catalog: Catalog) -> tuple[Shape, ...]:
        """What of both tables the target takes."""
        columns = (TURN_COLUMNS, FILE_COLUMNS)
        keys = (KEY, FILE_KEY)
        made = []
        for landing, ours, key in zip(self.landings(), columns, keys, strict=False):
            there = catalog.table(landing.table)
            if catalog.schemaless or there is not None:
                made.append(Shape(landing, _columns(there, ours), (key,)))
        return tuple(made)

    def faults(self, catalog: Catalog) -> Sequence[feed.Fault]:
        """As `table.faults`."""
        return table.faults(catalog, self.names, files=self._files)

    def migration(self, catalog: Catalog, *, exposed: bool) -> tuple[str, ...]:
        """As `table.migration`."""
        return table.migration(catalog, self.names, files=self._files, exposed=exposed)

    def explained(self, code: str, message: str) -> feed.Fault | None:
        """As `table.explained`."""
        return table.explained(code, message, self.names)

    def asked(self, words: Mapping[str, str]) -> Mapping[str, str]:
        """Filters as columns; names of rooms and people in either spelling.

        Raises:
            UsageError: a word is unknown.
        """
        for word in words:
            if word not in self.book.equal:
                known = ", ".join(self.book.equal)
                raise UsageError(f"turns of `{self.table}` have no `{word}`", hint=f"ask for {known}")
        return {self.book.equal[word]: spelled(value) for word, value in words.items()}

    def needed(self) -> Mapping[str, tuple[str, ...]]:
        """As `rebuild.needed`."""
        return rebuild.needed(self.names)

    def rebuilt(self, rows: Mapping[str, Iterable[Mapping[str, str]]], host: str) -> Iterable[feed.Rebuilt | Problem]:
        """As `rebuild.rebuilt`."""
        return rebuild.rebuilt(self.names, rows, host)

    def _rows(self, log: Log, spot: Spot) -> Iterator[Record]:
        """A row for each turn; one without a time is sorted behind the one before it."""
        last = ""
        for place, turn in enumerate(log.turns):
            moment = moments.instant(turn.said_at, self._zone)
            last = moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else last
            yield self._row(turn, place, spot, moment, f"{last} {place:08}".lstrip())

    def _row(self, turn: Turn, place: int, spot: Spot, moment: datetime | None, sort_key: str) -> Record:
        values: dict[str, Value] = {
            KEY: turn.id,
            "room_id": room_of(spot.path),
            "content": turn.text,
            "timestamp": moment,
            "ai_model": spelled(turn.model) or None,
            "kind": turn.kind.value,
            "speaker": spelled(turn.speaker) or None,
            "said_at": spelled(turn.said_at) or None,
            "scope": WHOLE if self.rooms.is_combined(spot.path) else ROOM,
            "source": spot.source,
            "place": place,
            "sort_key": sort_key,
        }
        return Record(self.names.turns, MappingProxyType(values))

    def _file(self, log: Log, raw: bytes, spot: Spot) -> Record:
        values: dict[str, Value] = {
            FILE_KEY: _hash(spot.source, spot.path),
            "source": spot.source,
            "path": spot.path,
            "room_id": room_of(spot.path),
            "size_bytes": len(raw),
            "file_hash": hashlib.sha256(raw).hexdigest(),
            "shortness": f"{_MOST - len(raw):021}",
            "layout": layout.of(log),
        }
        return Record(self.names.files, MappingProxyType(values))


def make(
    main: str = "", pattern: str = "", *, observations: bool = True, options: Mapping[str, str] | None = None
) -> ConversationsFeed:
    """The feed for one main table (empty: `conversations`), one pattern of names (empty: `*.md`) and its options.

    Raises:
        ConfigError: the table's name is longer than a database takes with what is hung on it.
        UsageError: there is no such time zone.
    """
    if len(main.encode()) > _LONGEST_NAME:
        raise ConfigError(f"the table's name is too long: {main}", hint=f"at most {_LONGEST_NAME} bytes")
    given = options or {}
    excluded = tuple(filter(None, given.get(EXCLUDED, "").split("\n")))
    combined = tuple(filter(None, given.get(COMBINED_FILES, "").split("\n"))) or COMBINED
    rooms = Rooms(pattern or PATTERN, excluded, combined)
    zone = zone_named(given.get(ZONE_OPTION) or ZONE)
    return ConversationsFeed(main, rooms, files=observations, zone=zone, host=given.get(HOST_OPTION) or HOST)


def _columns(there: DeclaredTable | None, ours: tuple[TableColumn, ...]) -> tuple[str, ...]:
    return writable(there, ours) if there is not None else tuple(one.name for one in ours)


def _hash(*parts: str) -> str:
    return hashlib.sha256("".join(f"{len(one)}:{one}" for one in parts).encode("utf-8", "replace")).hexdigest()
