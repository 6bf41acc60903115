"""Rows of a session: one for its content, one for each place where the content was seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType

from recon_cli.core.canonical import Value
from recon_cli.core.record import Record
from recon_cli.systems.gfx.parse import Session
from recon_cli.systems.gfx.table import USUAL, Names, SyncStatus
from recon_cli.systems.text import base_name
from recon_cli.systems.wanted import spelled

SOURCE = "recon"
"""What `sync_source` says."""


@dataclass(frozen=True, order=True)
class Observation:
    """A content was seen at a path of a PC. The path is relative to the root of the NAS."""

    pc: str
    path: str
    file_hash: str

    @classmethod
    def of(cls, pc: str, path: str, file_hash: str) -> Observation:
        """The observation in the one spelling: NFC and NFD names of one path are one observation."""
        return cls(spelled(pc), spelled(path), file_hash)

    @cached_property
    def id(self) -> str:
        """The three as one key (SHA-256, hex), short enough for every engine's index."""
        pc, path, found = self.pc, self.path, self.file_hash
        return hashlib.sha256(f"{len(pc)}:{pc}{len(path)}:{path}{len(found)}:{found}".encode()).hexdigest()


def owner(observations: Iterable[Observation]) -> Observation:
    """Which observation the row of a content names: the first by PC, then by path, whatever came first.

    So the same files in any order end in the same row, if the content is parsed under that path: a name may carry the
    session's id. What the others were stands in the observations table.
    """
    return min(observations)


def session_row(session: Session, seen: Observation, names: Names = USUAL) -> Record:
    """The row of a content: every column that recon writes, always all of them, and nothing that can be changed.

    `raw_json` is the document as it was written, as text; times are aware and in UTC.
    """
    return with_document(derived(session, seen), session.text, names)


def with_document(values: Mapping[str, Value], text: str, names: Names = USUAL) -> Record:
    """The row out of what was derived and the document's text."""
    return Record(names.sessions, MappingProxyType({**values, "raw_json": text}))


def derived(session: Session, seen: Observation) -> dict[str, Value]:
    """The row, its document still empty: some hundred bytes, however long the file is."""
    hands = session.hands
    return {
        "session_id": session.session_id,
        "file_name": base_name(seen.path),
        "file_hash": session.file_hash,
        "nas_path": seen.path,
        "table_type": session.table_type.value,
        "event_title": session.event_title,
        "software_version": session.software_version,
        "payouts": list(session.payouts) if session.payouts is not None else None,
        "hand_count": hands.hand_count,
        "player_count": hands.player_count,
        "total_duration_seconds": hands.total_duration_seconds,
        "session_created_at": session.created_at,
        "session_start_time": hands.started_at,
        "session_end_time": hands.ended_at,
        "raw_json": None,
        "sync_status": SyncStatus.SYNCED.value,
        "sync_source": SOURCE,
        "gfx_pc_id": seen.pc,
    }


def observation_row(seen: Observation, first: datetime, last: datetime, names: Names = USUAL) -> Record:
    """The row of an observation."""
    values: dict[str, Value] = {
        "id": seen.id,
        "gfx_pc_id": seen.pc,
        "nas_path": seen.path,
        "file_hash": seen.file_hash,
        "first_seen": first,
        "last_seen": last,
    }
    return Record(names.observations, MappingProxyType(values))


def body(record: Record) -> bytes:
    """A row as one JSON object for a REST server. The document stands in it as it was written: no number is read."""
    document = record.values.get("raw_json")
    plain = {name: _plain(value) for name, value in record.values.items() if name != "raw_json"}
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if isinstance(document, str):
        text = f'{text[:-1]},"raw_json":{document}}}'
    return text.encode()


def _plain(value: Value) -> Value:
    return value.isoformat() if isinstance(value, datetime) else value
