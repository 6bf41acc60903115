"""An exported file as a session: every shape that was seen, nothing rounded, the bytes kept as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from recon_cli.core.report import Problem
from recon_cli.systems.gfx import document, fields
from recon_cli.systems.gfx.document import Parsed, Reason, Refusal
from recon_cli.systems.gfx.fields import TableType
from recon_cli.systems.gfx.hands import Played, played
from recon_cli.systems.text import base_name
from recon_cli.systems.wanted import spelled

_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Session:
    """One content of one export. What it is called and where it lies is the observation's, not the content's.

    `raw` are the bytes as given, `text` is the same document as text without its BOM, for a column that holds JSON.
    `problems` are what was taken all the same, such as a HandNum that stands twice.
    """

    raw: bytes = field(repr=False)
    text: str = field(repr=False)
    file_hash: str
    session_id: int
    table_type: TableType
    event_title: str | None
    software_version: str | None
    payouts: tuple[int, ...] | None
    created_at: datetime | None
    hands: Played
    problems: tuple[Problem, ...] = ()

    @property
    def hashes(self) -> tuple[str, ...]:
        """Every hash under which a row may already hold this content, `file_hash` first."""
        return document.known_hashes(self.raw, self.file_hash)


def parse(raw: bytes, path: str, file_hash: str = "") -> Session | Refusal:
    """The session in a file, or why there is none. Pure: nothing is opened, moved or changed, and nothing raised.

    Args:
        raw: the whole file.
        path: where it lies; its name may carry the session's id, and problems are reported under it.
        file_hash: of these bytes, where it is known already.
    """
    own = file_hash or document.file_hash(raw)
    try:
        return _session(raw, document.read_fast(raw), path, own)
    except fields.InexactError:
        return _session(raw, document.read(raw), path, own)


def _session(raw: bytes, found: document.Document | Refusal, path: str, file_hash: str) -> Session | Refusal:
    if isinstance(found, Refusal):
        return found
    problems: list[Problem] = []
    where = spelled(path)

    def say(reason: str, detail: str) -> None:
        if len(problems) < _MOST_PROBLEMS:
            problems.append(Problem(where, reason, detail))

    number = fields.session_id(found.keys, path, say)
    if number is None:
        asked = "`ID`, `session_id`, `session.id`, `id`, and GameID in the name"
        return Refusal(Reason.NO_SESSION_ID, f"none in {asked} of {base_name(where)}")
    unfit = document.unfit_for_postgres(found.text)
    if unfit:
        say("a text that Postgres cannot hold", unfit)
    return Session(
        raw,
        found.text,
        file_hash,
        number,
        fields.table_type(found.keys, say),
        fields.title(found.keys, "EventTitle", "event_title", "eventTitle"),
        fields.title(found.keys, "SoftwareVersion", "software_version", "softwareVersion"),
        fields.payouts(found.keys, say),
        _created(found.keys),
        played(found.keys, say),
        tuple(problems),
    )


def _created(keys: dict[str, Parsed]) -> datetime | None:
    names = ("CreatedDateTimeUTC", "created_at", "created_datetime_utc", "createdAt", "timestamp")
    return fields.moment(fields.said(keys, *names))
