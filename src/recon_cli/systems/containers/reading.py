"""Reading: one container number seen by one camera at one moment, and how a row of a list says so."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from uuid import UUID, uuid5

from recon_cli.core.canonical import Value
from recon_cli.core.json_text import loads
from recon_cli.systems.containers import names, number, times
from recon_cli.systems.containers.names import Origin
from recon_cli.systems.containers.number import Number
from recon_cli.systems.feed import Unfit
from recon_cli.systems.text import compose

_SPACE = UUID("8a4cf4c6-4f0b-5d0e-9f1c-6f7a0c1d2e30")
"""What our ids are derived in."""
_LONGEST = 1000
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_COLUMNS = {
    "elapsed": ("시간", "time", "elapsed", "경과"),
    "at": ("captured_at", "timestamp", "at", "일시", "촬영시각"),
    "owner": ("container_owner", "owner", "소유자"),
    "number": ("container_number", "number", "container", "번호", "id"),
    "source": ("source_video", "source", "video"),
    "image": ("cropped_image_ref", "image_path", "image"),
    "confidence": ("confidence", "신뢰도"),
}
"""What columns and members are called; the first that is there counts."""
_MEANT = {word: (what, rank) for what, words in _COLUMNS.items() for rank, word in enumerate(words)}
_SERIAL_DIGITS = 6
_WHOLE = re.compile(r"\d{1,7}\.0+")


@dataclass(frozen=True, slots=True)
class Reading:
    """A number at a moment (aware, UTC). `source` is the video, `image` what was cut out of it; each may be empty."""

    number: Number
    captured_at: datetime
    source: str = ""
    image: str = ""
    confidence: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The same for the same reading, however often and by whom it is sent: number, moment, source and image."""
        moment = self.captured_at.astimezone(UTC).isoformat(timespec="microseconds")
        told = [self.number.owner, self.number.serial, moment, self.source, self.image]
        return str(uuid5(_SPACE, json.dumps(told, ensure_ascii=True)))

    def values(self) -> dict[str, Value]:
        """As a row of the readings table."""
        return {
            "id": self.id,
            "captured_at": self.captured_at,
            "container_owner": self.number.owner,
            "container_number": self.number.serial,
            "check_digit": self.number.digit,
            "source_video": self.source or None,
            "cropped_image_ref": self.image or None,
            "confidence": self.confidence,
            "notes": "; ".join(self.notes) or None,
        }

    def payload(self) -> bytes:
        """As it waits in the outbox; `of_payload` is the inverse."""
        body = {
            "container_owner": self.number.owner,
            "container_number": f"{self.number.serial}{self.number.digit}",
            "captured_at": self.captured_at.astimezone(UTC).isoformat(),
            "source_video": self.source,
            "cropped_image_ref": self.image,
            "confidence": self.confidence,
            "notes": list(self.notes),
        }
        return _JSON.encode(body).encode()


def of_payload(payload: bytes) -> Reading | Unfit:
    """A reading out of the outbox, judged anew: a dead letter may have been mended by hand."""
    try:
        row = loads(payload)
    except ValueError as exc:
        return Unfit("no JSON", str(exc))
    if not isinstance(row, dict):
        return Unfit("no reading", "not an object")
    found = of_row(row, Origin(""), None)
    if isinstance(found, Unfit):
        return found
    kept = row.get("notes")
    notes = tuple(str(one) for one in kept) if isinstance(kept, list) else ()
    return Reading(
        found.number,
        found.captured_at,
        found.source,
        found.image,
        found.confidence,
        tuple(dict.fromkeys((*notes, *found.notes))),
    )


def of_row(row: Mapping[str, object], origin: Origin, zone: tzinfo | None) -> Reading | Unfit:
    """A row of a list as a reading, or why it is none. Raises nothing, whatever the cells.

    Args:
        row: cells by the name of their column.
        origin: what the file's name says.
        zone: the zone of times that say none.
    """
    cells = _cells(row)
    at = _captured(cells, origin, zone)
    if isinstance(at, Unfit):
        return at
    read, padded = _text_of(cells.get("number", ""))
    parsed = number.parse(number.joined(_text(cells.get("owner", "")), read))
    if isinstance(parsed, Unfit):
        return parsed
    notes = (*parsed.notes, *origin.notes, *(("leading zeros were lost, and put back",) if padded else ()))
    source = names.video_of(_text(cells["source"])) if "source" in cells else origin.source
    return Reading(parsed, at, source, _text(cells.get("image", "")), _share(cells.get("confidence")), notes)


def captured(row: Mapping[str, object], origin: Origin, zone: tzinfo | None) -> datetime | Unfit:
    """When a row was read, whatever else it says."""
    return _captured(_cells(row), origin, zone)


def _cells(row: Mapping[str, object]) -> dict[str, object]:
    """What a row says, by its meaning; of two columns of one meaning the first in `_COLUMNS` counts."""
    found: dict[str, object] = {}
    ranks: dict[str, int] = {}
    for word, cell in row.items():
        meant = _MEANT.get(word)
        if meant is not None and _says(cell) and meant[1] < ranks.get(meant[0], len(_MEANT)):
            found[meant[0]], ranks[meant[0]] = cell, meant[1]
    return found


def _says(cell: object) -> bool:
    if type(cell) is str:
        return bool(cell)
    return cell is not None and not isinstance(cell, list | dict) and cell != ""


def _captured(cells: Mapping[str, object], origin: Origin, zone: tzinfo | None) -> datetime | Unfit:
    """When: said outright, or the start of the video and how far into it."""
    if "at" in cells:
        found = times.moment(cells["at"], zone)
        if found is None:
            return Unfit("no time", f"{_text(cells['at'])!r} is none, or says no zone: state it")
    elif "elapsed" not in cells:
        return Unfit("no time", "neither when, nor how far into the video")
    elif (passed := times.elapsed(cells["elapsed"])) is None:
        return Unfit("no time", f"{_text(cells['elapsed'])!r} is not H:MM:SS")
    elif origin.began is None:
        return Unfit("no start", origin.notes[0]) if origin.notes else names.no_time(origin.source)
    else:
        found = origin.began + passed
    return found if names.plausible(found) else Unfit("no time", f"{found.isoformat()} is not a time of a camera")


def _text_of(cell: object) -> tuple[str, bool]:
    """A number's cell as text. Sheets keep numbers, and so lose leading zeros: those are put back, and told."""
    if isinstance(cell, float) and math.isfinite(cell) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, int) and not isinstance(cell, bool):
        written = str(cell)
        return written.zfill(_SERIAL_DIGITS), len(written) < _SERIAL_DIGITS
    text = _text(cell)
    return (text.partition(".")[0] if _WHOLE.fullmatch(text) else text), False


def _text(cell: object) -> str:
    """Without what no database takes in a text."""
    text = compose(str(cell)[:_LONGEST].replace("\x00", "").strip())
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _share(cell: object) -> float | None:
    try:
        found = float(str(cell))
    except ValueError:
        return None
    return found if math.isfinite(found) else None
