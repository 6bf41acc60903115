"""Names as people give them: `YYMMDD_customer_model_heightm`, and what the uploader makes of a file name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from recon_cli.systems import text

_DAY = re.compile(r"(\d{2})(\d{2})(\d{2})(?=[_\-\s.]|$)")
_HEIGHT = re.compile(r"(?<![0-9A-Za-z.,])(\d{1,5}(?:[.,]\d+)?)\s*(mm|cm|m)(?![0-9A-Za-z가-힣])", re.IGNORECASE)
_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_TALLEST_M = 100.0
"""What the application accepts as a height."""
_GENERIC = re.compile(
    r"(model|materials?|untitled|default|objects?|scene|mesh|cube|plane|group|export|textures?|tex|image|img|map|diffuse"
    r"|base_?color|albedo|normal)?[._\- ]*\d*",
    re.IGNORECASE,
)
_REMOVED = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Name:
    """A name taken apart. `day` is the date prefix, `height_m` the height, each None where not written."""

    text: str
    day: date | None
    height_m: float | None
    height_last: bool = False

    @property
    def generic(self) -> bool:
        """Whether an exporter, not a person, gave the name."""
        return bool(_GENERIC.fullmatch(self.text))


def parse(name: str) -> Name:
    """Take a name apart; what does not follow the convention is simply absent."""
    clean = text.compose(name).strip()
    found = _height(clean)
    return Name(clean, _day(clean), found[0] if found else None, bool(found and found[1]))


def sanitised(name: str) -> str:
    """The file name the uploader stores: every character outside `[A-Za-z0-9._-]` deleted.

    `로고.png` becomes `.png`; `앞면(1).jpg` and `앞면 1.jpg` both become `1.jpg`.
    """
    return _REMOVED.sub("", name)


def _day(name: str) -> date | None:
    found = _DAY.match(name)
    if not found:
        return None
    year, month, day = map(int, found.groups())
    try:
        return date(2000 + year, month, day)
    except ValueError:
        return None


def _height(name: str) -> tuple[float, bool] | None:
    """The last height in the name that the application would accept, and whether the name ends with it."""
    for found in reversed(list(_HEIGHT.finditer(name))):
        metres = float(found[1].replace(",", ".")) * _METRES[found[2].lower()]
        if 0 < metres <= _TALLEST_M:
            return round(metres, 4), found.end() == len(name)
    return None
