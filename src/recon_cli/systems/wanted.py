"""Which files a feed wants: those that fit a pattern, and that nobody hides or is still writing."""

from __future__ import annotations

from collections.abc import Callable

from recon_cli.core.globs import compile_glob
from recon_cli.systems.text import compose, storable

_HIDDEN = (".", "~", "@eaDir", "#recycle")
"""Also the folders in which a NAS keeps thumbnails and what was deleted."""
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart")


def spelled(path: str) -> str:
    """A path in the one spelling that is compared and stored: composed (NFC), and text in every database."""
    return storable(compose(path))


def wanted(pattern: str) -> Callable[[str], bool]:
    """Whether a path may be one of ours: it fits the pattern, and is neither hidden nor under way.

    Names that begin with `.` or `~`, or end like a transfer under way, belong to somebody who is still writing.
    """
    fits = compile_glob(pattern)

    def is_wanted(path: str) -> bool:
        whole = spelled(path).strip("/")
        names = whole.split("/")
        return bool(
            (fits.fullmatch(whole) or fits.fullmatch(whole.lower()))
            and not [name for name in names if name.startswith(_HIDDEN)]
            and not names[-1].lower().endswith(_UNFINISHED)
        )

    return is_wanted
