"""GFX sessions as a feed: registry, exports and rows, and the items of the older service's queue."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from recon_cli.core.canonical import Value
from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.core.errors import ConfigError
from recon_cli.core.json_text import loads
from recon_cli.core.landing import Landing, Mark, Parcel, Shape
from recon_cli.core.report import Problem
from recon_cli.core.schema import Schema
from recon_cli.systems import feed
from recon_cli.systems.feed import Sending, Spot, Unfit
from recon_cli.systems.gfx import constraints, document, registry, rows, table
from recon_cli.systems.gfx.names import PATTERN, REGISTRY, is_export
from recon_cli.systems.gfx.parse import Session, parse
from recon_cli.systems.gfx.registry import Registry
from recon_cli.systems.gfx.rows import Observation
from recon_cli.systems.gfx.table import SENT, USUAL, Names
from recon_cli.systems.tables.faults import writable
from recon_cli.systems.text import base_name
from recon_cli.systems.wanted import spelled

_LATELY = 4_000
"""Some megabytes; a few batches are at hand at once."""
_BEGAN = datetime(1970, 1, 1, tzinfo=UTC)
_HASH = re.compile(r"[0-9a-f]{64}")
_ADOPTED = "recon adopt"
"""What `sync_source` says of a row that came from the older service's queue: the file itself replaces it."""


@dataclass(frozen=True, slots=True)
class GfxSources:
    """The PCs of a registry, or the folders where there is none."""

    registry: Registry

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of the PCs that are wanted."""
        return tuple(pc.folder for pc in self.registry.enabled)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Entries that could not be taken."""
        return self.registry.problems

    def owner(self, path: str) -> str | None:
        """The PC of the innermost folder around a file."""
        pc = self.registry.pc_of(path)
        return pc.id if pc else None


class GfxFeed:
    """Exports into one table of sessions and, if `observations`, a second one of where each content was seen."""

    name = "gfx"
    registry = REGISTRY

    def __init__(self, main: str = "", pattern: str = "", *, observations: bool = True) -> None:
        self.names = Names(main) if main else USUAL
        self.table = self.names.sessions
        self.observations = observations
        self.wants = is_export(pattern or PATTERN)
        self.spelled = spelled
        self._lately = Lately(_LATELY)

    def sources(self, registry_bytes: bytes | None, folders: Iterable[str]) -> GfxSources:
        """The registry's PCs; without one, every folder at the root is a PC."""
        found = registry.of_folders(folders) if registry_bytes is None else registry.parse(registry_bytes)
        return GfxSources(found)

    def sending(self, raw: bytes, spot: Spot) -> Sending | Unfit:
        """An export under the identity of its observation: the same content at another place is another item."""
        found = self._sent(raw, spot, document.file_hash(raw))
        if isinstance(found, document.Refusal):
            return Unfit(found.reason.value, found.detail, found.waits)
        sent, notes = found
        self._lately.keep(spot, sent)
        return Sending(self.table, sent.seen.id, sent.seen.file_hash, notes, sent.older)

    def sighting(self, spot: Spot, file_hash: str, first: str, last: str) -> tuple[str, str, bytes] | None:
        """An observation by itself."""
        if not self.observations:
            return None
        seen = Observation.of(spot.source, spot.path, file_hash)
        told = {"pc": seen.pc, "path": seen.path, "file_hash": seen.file_hash, "first": first, "last": last}
        return self.names.observations, f"{seen.id}@{last}", json.dumps(told, ensure_ascii=False).encode()

    def parcels(self, table_name: str, payload: bytes, meta: Mapping[str, str]) -> tuple[Parcel, ...] | Unfit:
        """The session's row and the observation's."""
        if table_name == self.names.observations:
            return self._sighted(payload)
        if "adopted_from" in meta:
            return self._adopted(payload, meta)
        spot = Spot(meta.get(feed.SOURCE, ""), meta.get(feed.PATH, ""))
        file_hash = document.file_hash(payload)
        sent = self._lately.take(spot, file_hash)
        if sent is None:
            found = self._sent(payload, spot, file_hash)
            if isinstance(found, document.Refusal):
                return Unfit(found.reason.value, found.detail)
            sent, _notes = found
        at = _moment(meta.get(feed.SEEN, ""))
        return (
            Parcel(rows.with_document(sent.row, document.text_of(payload), self.names), sent.older),
            *self._observed(sent.seen, at, at),
        )

    def landings(self) -> tuple[Landing, ...]:
        """Sessions by content, then observations."""
        main, seen = table.schemas(self.names)
        sent = Schema(main.table, tuple(main.column(name) for name in SENT), main.key)
        sessions = Landing(
            sent,
            keys=(("gfx_pc_id", "file_hash"),),
            rank=("gfx_pc_id", "nas_path"),
            mark=Mark("sync_source", rows.SOURCE),
            sums=("hand_count",),
        )
        observed = Landing(seen, earliest=("first_seen",), latest=("last_seen",))
        return (sessions, observed) if self.observations else (sessions,)

    def shapes(self, catalog: Catalog) -> tuple[Shape, ...]:
        """What of both tables the target takes."""
        if catalog.schemaless:
            return tuple(
                Shape(one, tuple(column.name for column in one.schema.columns), one.schema.key)
                for one in self.landings()
            )
        found = ((one, catalog.table(one.table)) for one in self.landings())
        return tuple(_shape(one, declared) for one, declared in found if declared is not None)

    def faults(self, catalog: Catalog) -> Sequence[feed.Fault]:
        """As `constraints.faults`; observations that are wanted need their table."""
        return () if catalog.schemaless else constraints.faults(catalog, self.names)

    def migration(self, catalog: Catalog, *, exposed: bool) -> tuple[str, ...]:
        """As `constraints.migration`."""
        return () if catalog.schemaless else constraints.migration(catalog, self.names, exposed=exposed)

    def explained(self, code: str, message: str) -> feed.Fault | None:
        """As `constraints.explained`."""
        return constraints.explained(code, message, self.names)

    def _sent(self, raw: bytes, spot: Spot, file_hash: str) -> tuple[Sent, tuple[Problem, ...]] | document.Refusal:
        """A file's row, and what was taken all the same."""
        found = parse(raw, spot.path, file_hash)
        if not isinstance(found, Session):
            return found
        seen = Observation.of(spot.source, spot.path, file_hash)
        return Sent(rows.derived(found, seen), seen, found.hashes[1:]), found.problems

    def _observed(self, seen: Observation, first: datetime, last: datetime) -> tuple[Parcel, ...]:
        return (Parcel(rows.observation_row(seen, first, last, self.names)),) if self.observations else ()

    def _sighted(self, payload: bytes) -> tuple[Parcel, ...] | Unfit:
        try:
            told = loads(payload)
            seen = Observation.of(told["pc"], told["path"], told["file_hash"])
            return self._observed(seen, _moment(told["first"]), _moment(told["last"]))
        except (ValueError, KeyError, TypeError) as exc:
            return Unfit("no sighting", str(exc))

    def _adopted(self, payload: bytes, meta: Mapping[str, str]) -> tuple[Parcel, ...] | Unfit:
        """The older service's record: its document is derived anew.

        Its hash (of the text) stays its key, unless `meta` names that of the file, which was sent before.
        """
        outer = document.read(payload)
        if isinstance(outer, document.Refusal):
            return Unfit(outer.reason.value, outer.detail)
        inner = document.member(outer.text, "raw_json")
        if inner is None:
            return Unfit("no document", "the record has no `raw_json`")
        keys = outer.keys
        said = {name: str(keys.get(name) or "") for name in ("file_name", "nas_path", "file_hash", "gfx_pc_id")}
        path = spelled(said["nas_path"] or meta.get("file_path", "") or said["file_name"])
        found = parse(inner.encode(), said["file_name"] or path)
        if not isinstance(found, Session):
            return Unfit(found.reason.value, found.detail)
        known = meta.get(feed.HASH, "") or said["file_hash"]
        kept = known if _HASH.fullmatch(known) else found.file_hash
        seen = Observation.of(said["gfx_pc_id"] or meta.get("gfx_pc_id", ""), path, kept)
        row = rows.session_row(found, seen, self.names)
        row = row.with_values(file_hash=kept, file_name=said["file_name"] or base_name(path), sync_source=_ADOPTED)
        at = _moment(meta.get("created_at", ""))
        return (Parcel(row), *self._observed(seen, at, at))


class Sent(NamedTuple):
    """What a file gives: its row without the document, where it was seen, and the older hashes of its content."""

    row: Mapping[str, Value]
    seen: Observation
    older: tuple[str, ...]


class Lately:
    """What was parsed lately, by spot and content: a file is read when it is put, and again when it is delivered.

    The bytes are not kept: whoever asks has them. What is kept is given out once, and the oldest makes room.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[tuple[Spot, str], Sent] = {}
        self._lock = threading.Lock()

    def take(self, spot: Spot, file_hash: str) -> Sent | None:
        """What was kept of this content at this spot."""
        with self._lock:
            return self._kept.pop((spot, file_hash), None)

    def keep(self, spot: Spot, found: Sent) -> None:
        """Keep it."""
        with self._lock:
            self._kept[spot, found.seen.file_hash] = found
            while len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]


def make(
    main: str = "",
    pattern: str = "",
    *,
    observations: bool = True,
    options: Mapping[str, str] | None = None,  # noqa: ARG001  it has none
) -> GfxFeed:
    """The feed for one main table (empty: `gfx_sessions`) and one pattern of names (empty: every JSON file).

    Raises:
        ConfigError: the table's name is longer than a database takes with what is hung on it.
    """
    most = 63 - len("_observations_file_hash_idx")
    if len(main.encode()) > most:
        raise ConfigError(f"the table's name is too long: {main}", hint=f"at most {most} bytes")
    return GfxFeed(main, pattern, observations=observations)


def _shape(landing: Landing, declared: DeclaredTable) -> Shape:
    if landing.mark:
        key = constraints.conflict_key(declared) or landing.schema.key
        return Shape(landing, writable(declared, table.COLUMNS), key)
    there = {column.name for column in declared.columns}
    columns = tuple(one.name for one in landing.schema.columns if one.name in there)
    return Shape(landing, columns, landing.schema.key)


def _moment(text: str) -> datetime:
    """A time as aware UTC; the beginning of all times where it says none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return _BEGAN
    return found if found.tzinfo else found.replace(tzinfo=UTC)
