"""Container readings as a feed with a book: the cameras' lists, single readings, and what can be asked of the logs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from fnmatch import fnmatch

from recon_cli.core.catalog import Catalog
from recon_cli.core.errors import ConfigError, GuardError, UsageError
from recon_cli.core.landing import Landing, Parcel, Shape
from recon_cli.core.record import Record
from recon_cli.core.report import Problem
from recon_cli.systems import feed
from recon_cli.systems.containers import adding, faults, lists, number, statements, table
from recon_cli.systems.containers.names import video_of
from recon_cli.systems.containers.reading import Reading, of_payload
from recon_cli.systems.containers.table import USUAL, WINDOW_S, Names
from recon_cli.systems.feed import Sending, Spot, Unfit
from recon_cli.systems.moments import zone_named
from recon_cli.systems.records import Entry, Given, Hints
from recon_cli.systems.tables.columns import Dialect, dialect_of
from recon_cli.systems.text import base_name, compose

_ENDINGS = (".csv", ".tsv", ".xlsx", "_log.json", ".jsonl")
_LONGEST_NAME = 63 - len("_readings_captured_at_idx")
_MOST_LATELY = 2000


@dataclass(frozen=True, slots=True)
class Cameras:
    """The folder that the cameras' lists are written to."""

    folders: tuple[str, ...] = ("",)
    problems: tuple[Problem, ...] = ()

    def owner(self, path: str) -> str | None:
        """The first folder, or what stands for the root."""
        return compose(path.partition("/")[0]) if "/" in path else "."


@dataclass(frozen=True, slots=True)
class Making:
    """How tables that are not there yet are made."""

    window_s: float = WINDOW_S
    partitioned: bool = False


class ContainersFeed:
    """Readings into one table of all, of which those that stand are the logs."""

    name = "containers"
    registry = ""

    def __init__(
        self, main: str = "", pattern: str = "", making: Making | None = None, zone: tzinfo | None = None
    ) -> None:
        self.names = Names(main) if main else USUAL
        self.table = self.names.logs
        self.book = table.book(self.names)
        self.pattern = pattern
        self.made = making or Making()
        self.zone = zone
        self._lately: dict[bytes, Parcel] = {}

    def sources(self, registry: bytes | None, folders: Iterable[str]) -> Cameras:  # noqa: ARG002  there is no registry
        """One folder, with all below it."""
        return Cameras()

    def wants(self, path: str) -> bool:
        """Lists by their endings, or those that the pattern says."""
        name = base_name(path)
        if name.startswith((".", "~")):
            return False
        return fnmatch(name, self.pattern) if self.pattern else name.lower().endswith(_ENDINGS)

    def spelled(self, path: str) -> str:
        """Composed, as everywhere."""
        return compose(path)

    def sending(self, raw: bytes, spot: Spot) -> Sending | Unfit:
        """A list under the hash of where it lies and what it says: grown, it is sent again, and lands on its rows."""
        found = lists.read(spot.path, raw, self.zone)
        if isinstance(found, Unfit):
            return found
        file_hash = hashlib.sha256(raw).hexdigest()
        key = hashlib.sha256(f"{len(spot.path)}:{spot.path}{file_hash}".encode()).hexdigest()
        refused = tuple(adding.refusals(self.names.readings, spot.path, found))
        return Sending(self.names.readings, key, file_hash, refused=refused)

    def sighting(self, spot: Spot, file_hash: str, first: str, last: str) -> tuple[str, str, bytes] | None:  # noqa: ARG002  not kept
        """Where lists lie is not kept: their readings are."""
        return None

    def parcels(self, table_name: str, payload: bytes, meta: Mapping[str, str]) -> tuple[Parcel, ...] | Unfit:  # noqa: ARG002  one table
        """The readings of a list, or the one that was added by itself."""
        if feed.PATH in meta:
            found = lists.read(meta[feed.PATH], payload, self.zone)
            return found if isinstance(found, Unfit) else tuple(map(self.parcel, found.readings))
        kept = self._lately.pop(payload, None)
        if kept is not None:
            return (kept,)
        one = of_payload(payload)
        return one if isinstance(one, Unfit) else (self.parcel(one),)

    def parcel(self, reading: Reading) -> Parcel:
        """A reading as its row."""
        return Parcel(Record(self.names.readings, reading.values()))

    def landings(self) -> tuple[Landing, ...]:
        """Readings land; the logs follow from them."""
        return (table.landing(self.names),)

    def shapes(self, catalog: Catalog) -> tuple[Shape, ...]:
        """What of the readings table the target takes."""
        declared = catalog.table(self.names.readings)
        if declared is None:
            return ()
        there, landing = {one.name for one in declared.columns}, table.landing(self.names)
        columns = tuple(one.name for one in landing.schema.columns if one.name in there)
        key = ("id", "captured_at") if "captured_at" in declared.key else ("id",)
        return (Shape(landing, columns, key),)

    def faults(self, catalog: Catalog) -> Sequence[feed.Fault]:
        """As `faults.faults`."""
        return faults.faults(catalog, self.names)

    def migration(self, catalog: Catalog, *, exposed: bool) -> tuple[str, ...]:
        """The statements that make or mend the tables; partitions only where no table is yet. None for documents.

        Raises:
            ConfigError: partitions are wanted, and the table is there without them, or the engine has none.
            GuardError: the tables hold times as texts, as SQLite does, where the engine has times.
        """
        if catalog.schemaless:
            return ()
        if (wrong := faults.text_for_time(catalog, self.names)) is not None:
            raise GuardError(
                f"`{wrong}` is a text, where Postgres needs a time",
                cause="the tables were moved here from SQLite as they were",
                hint="rename them, run this again, and bring the rows by `recon backup import … --mode upsert`",
            )
        dialect, there = dialect_of(catalog), catalog.table(self.table)
        has = there is not None and "captured_at" in there.key
        if self.made.partitioned and dialect is not Dialect.POSTGRES:
            raise ConfigError(f"{dialect} tables are not partitioned here", hint="only Postgres's are")
        if self.made.partitioned and there is not None and not has:
            hint = "rename it, make the new one, and add its rows again"
            raise ConfigError(f"`{self.table}` is there, and not partitioned", hint=hint)
        mending = [one.sql for one in faults.faults(catalog, self.names) if one.sql]
        partitioned = has or (self.made.partitioned and there is None)
        made = statements.create(dialect, self.names, self.made.window_s, partitioned=partitioned, exposed=exposed)
        return (*mending, *made)

    def explained(self, code: str, message: str) -> feed.Fault | None:
        """As `faults.explained`."""
        return faults.explained(code, message, self.names)

    def making(self, window_s: float | None, *, partitioned: bool) -> ContainersFeed:
        """The same, with tables of this window, and partitioned by month."""
        made = Making(window_s or WINDOW_S, partitioned)
        return ContainersFeed(self.names.logs, self.pattern, made, self.zone)

    def asked(self, words: Mapping[str, str]) -> Mapping[str, str]:
        """Filters as columns: a number brings its owner along, a source is a video with or without its ending."""
        found: dict[str, str] = {}
        for word, value in words.items():
            if word not in self.book.equal:
                known = ", ".join(self.book.equal)
                raise UsageError(f"records of `{self.table}` have no `{word}`", hint=f"ask for {known}")
            found |= _ASKED.get(word, _as_it_is)(self.book.equal[word], value)
        return found

    def listed(self, path: str, raw: bytes, hints: Hints) -> Iterator[Given] | Unfit:
        """What a list holds."""
        found = adding.of_list(self.names.readings, path, raw, hints)
        return found if isinstance(found, Unfit) else map(self._keep, found)

    def lines(self, texts: Iterable[str], hints: Hints) -> Iterator[Given]:
        """What JSON lines say."""
        return map(self._keep, adding.of_lines(self.names.readings, texts, hints))

    def single(self, word: str, hints: Hints) -> Given:
        """A number of the command line."""
        return self._keep(adding.of_word(self.names.readings, word, hints))

    def _keep(self, given: Given) -> Given:
        """Keep the row of what was read just now: it is delivered soon, if all goes well."""
        if isinstance(given, Entry) and given.parcel is not None:
            while len(self._lately) >= _MOST_LATELY:
                self._lately.pop(next(iter(self._lately)))
            self._lately[given.payload] = given.parcel
        return given


def make(
    main: str = "",
    pattern: str = "",
    *,
    observations: bool = True,  # noqa: ARG001  the readings are kept
    options: Mapping[str, str] | None = None,
) -> ContainersFeed:
    """The feed for one main table (empty: `container_logs`) and one pattern of names.

    Of `options` it knows `zone`, that of times that say none.

    Raises:
        UsageError: there is no such zone.
        ConfigError: the table's name is longer than a database takes with what is hung on it, or has a quote in it.
    """
    if len(main.encode()) > _LONGEST_NAME or re.search(r"[\"'`%\\\x00]", main):
        hint = f"at most {_LONGEST_NAME} bytes, without quotes"
        raise ConfigError(f"the table's name will not do: {main}", hint=hint)
    zone = (options or {}).get("zone")
    return ContainersFeed(main, pattern, zone=zone_named(zone) if zone else None)


def _owner(column: str, value: str) -> Mapping[str, str]:
    return {column: value.strip().upper()}


def _number(column: str, value: str) -> Mapping[str, str]:
    parts = number.search_parts(value)
    if parts is None:
        raise UsageError(f"`{value}` is not a container number", hint="write it as `TCNU8971796`, or six digits")
    owner, serial = parts
    return {column: serial, **({"container_owner": owner} if owner else {})}


def _source(column: str, value: str) -> Mapping[str, str]:
    return {column: video_of(value)}


def _as_it_is(column: str, value: str) -> Mapping[str, str]:
    return {column: value}


_ASKED = {"owner": _owner, "number": _number, "source": _source}
