"""Text from files that say nothing of their encoding: UTF-8 where it fits, else CP949, else byte for byte."""

from __future__ import annotations

import re
import unicodedata

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_UNFIT = re.compile("[\0\ud800-\udfff]")
_LONGEST_CUT = 3
"""How many bytes of a cut UTF-8 character can stand at the end of a head."""


def decode(raw: bytes) -> str:
    """The text of a file or of its head, composed (NFC); never fails, and never mixes encodings within a line."""
    for bom, encoding in _BOMS:
        if raw.startswith(bom):
            return compose(raw[len(bom) :].decode(encoding, "replace"))
    whole = _utf8(raw)
    return compose(whole if whole is not None else _korean(raw))


def compose(text: str) -> str:
    """Korean names as Macs write them (NFD) and as everybody else does (NFC), in one spelling."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def storable(path: str) -> str:
    r"""A path as any database can hold it: bytes that are no text (`os.fsdecode`'s) are written as `\xff`, NUL too.

    Composed and decomposed names stay two names, as they are on a disk.
    """
    if path.isascii() and "\0" not in path:
        return path
    return _UNFIT.sub(lambda found: "\\x" + f"{ord(found[0]) & 0xFF:02x}", path)


def printable(text: str) -> str:
    """A text as any database can hold it: NUL and halves of surrogate pairs become U+FFFD."""
    return text if text.isascii() and "\0" not in text else _UNFIT.sub("\ufffd", text)


def _utf8(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        if len(raw) - exc.start > _LONGEST_CUT or exc.reason != "unexpected end of data":
            return None
        return raw[: exc.start].decode("utf-8")


def _korean(raw: bytes) -> str:
    return raw.decode("cp949") if _fits(raw) else "\n".join(map(_line, raw.split(b"\n")))


def _fits(raw: bytes) -> bool:
    try:
        raw.decode("cp949")
    except UnicodeDecodeError:
        return False
    return True


def _line(raw: bytes) -> str:
    for encoding in ("utf-8", "cp949"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def base_name(path: str) -> str:
    """The last part of a path, whichever system's separators it has."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def split_suffix(name: str) -> tuple[str, str]:
    """`a.png` → (`a`, `.png`); a dotfile is all suffix: `.png` → (``, `.png`)."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, f".{suffix}") if dot else (name, "")
