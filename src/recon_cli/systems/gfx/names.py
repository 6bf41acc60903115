"""Names of exports: how a path is spelled, which session it names, and whether it is an export at all."""

from __future__ import annotations

import re
from collections.abc import Callable

from recon_cli.core.globs import compile_glob
from recon_cli.systems.text import base_name, compose

REGISTRY = "config/pc_registry.json"
"""Where the list of PCs lies, below the root of the NAS."""
PATTERN = "*.json"
_GAME_ID = re.compile(r"GameID\s*[=_-]?\s*([0-9]{1,19})(?![0-9])", re.IGNORECASE)
_UNFIT = re.compile("[\0\ud800-\udfff]")
_HIDDEN = (".", "~", "@eaDir", "#recycle")
"""Also the folders in which a NAS keeps thumbnails and what was deleted."""
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart")


def spelled(path: str) -> str:
    r"""A path in the one spelling that is compared and stored: composed (NFC), and text in every database.

    Bytes that are no text (surrogate escapes, as `os.fsdecode` gives them) are written as `\xff`.
    """
    if path.isascii() and "\0" not in path:
        return path
    return _UNFIT.sub(lambda found: "\\x" + f"{ord(found[0]) & 0xFF:02x}", compose(path))


def printable(text: str) -> str:
    """A text as any database can hold it: NUL and halves of surrogate pairs become U+FFFD."""
    return text if text.isascii() and "\0" not in text else _UNFIT.sub("\ufffd", text)


def game_id(path: str) -> int | None:
    """The session id in an export's name: `PGFX_live_data_export GameID=638961224831992165.json`."""
    name = base_name(path)
    found = _GAME_ID.search(name if name.isascii() else compose(name))
    return int(found[1]) if found else None


def is_export(pattern: str = PATTERN) -> Callable[[str], bool]:
    """Whether a path may be an export: it fits the pattern, and is not hidden, under way or the registry.

    Names that begin with `.` or `~`, or end like a transfer under way, belong to somebody who is still writing.
    """
    fits = compile_glob(pattern)

    def wanted(path: str) -> bool:
        whole = spelled(path).strip("/")
        names = whole.split("/")
        return bool(
            (fits.fullmatch(whole) or fits.fullmatch(whole.lower()))
            and not [name for name in names if name.startswith(_HIDDEN)]
            and not names[-1].lower().endswith(_UNFINISHED)
            and names[-1] != base_name(REGISTRY)
        )

    return wanted
