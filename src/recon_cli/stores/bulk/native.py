"""The compiled library, where it is installed; everything goes without it, too, only slower.

It has one way of spelling a float. Where the orjson that is installed has another, lines are left to Python.
"""

from __future__ import annotations

import os
import struct
from contextlib import closing
from functools import cache
from types import ModuleType

import apsw
import orjson

ABI = 3
SWITCH = "RECON_NATIVE"
"""`off` in this variable leaves the library alone."""
MORE, DONE, FAILED, DRY = 0, 1, 3, 4
"""How a reading ends, as in buffer.h; 2 is a value that only Python knows."""
_FLOATS = (1.0, -0.0, 1e15, 1e16, 1.5e300, 1e-4, 1e-5, 1e-6, 1.5e-7, 5e-324, 0.1, 123456.789)


@cache
def module() -> ModuleType | None:
    """The library, loaded; None where it is not installed, of another make, or switched off."""
    return _found()[0]


def told() -> tuple[bool, str]:
    """Whether it is used, and why, in words."""
    found, why = _found()
    return found is not None, why


@cache
def for_lines() -> ModuleType | None:
    """The library, if it writes lines as this orjson does."""
    found = module()
    return found if found is not None and _spells_alike(found) else None


def _found() -> tuple[ModuleType | None, str]:
    if os.environ.get(SWITCH, "").lower() in {"0", "off", "no", "false"}:
        return None, f"switched off by {SWITCH}"
    try:
        import recon_native  # noqa: PLC0415  optional
    except ImportError as exc:
        missing = isinstance(exc, ModuleNotFoundError) and exc.name == "recon_native"
        return None, "not installed" if missing else f"installed, but cannot be loaded: {exc}"
    if recon_native.ABI != ABI:
        return None, f"installed, but it is made for another version of recon ({recon_native.ABI}, not {ABI})"
    try:
        _introduce(recon_native)
    except (apsw.Error, AttributeError) as exc:  # a SQLite without extensions
        return None, f"installed, but SQLite does not take it: {exc}"
    return recon_native, "installed"


def _introduce(native: ModuleType) -> None:
    """Let SQLite hand it its functions; they hold for every connection of the process."""
    with closing(apsw.Connection(":memory:")) as db:
        db.enable_load_extension(True)  # noqa: FBT003  apsw's own
        db.load_extension(native.FILE, native.ENTRY)


def _spells_alike(native: ModuleType) -> bool:
    row = struct.pack(">hiq", 1 + len(_FLOATS), 8, 0) + b"".join(struct.pack(">id", 8, one) for one in _FLOATS)
    text, *_ = native.CopyLines("i" + "d" * len(_FLOATS), 0).read(row, 0, 1)
    return bool(text == orjson.dumps([0, *_FLOATS]) + b"\n")
