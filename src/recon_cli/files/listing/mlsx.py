"""MLSD and MLST lines (RFC 3659): `fact=value;fact=value; name`."""

from __future__ import annotations

from recon_cli.core.entry import EntryType
from recon_cli.files.listing.rows import Row, Rows, Stamp
from recon_cli.files.listing.times import exact_stamp

_FILE = EntryType.FILE
_TYPES = {b"file": _FILE, b"dir": EntryType.DIR}
_SELF = (b"cdir", b"pdir")


def read_mlsd(block: bytes) -> Rows:
    """The rows of an MLSD transfer."""
    found, stamps = Rows(), dict[bytes, Stamp | None]()
    for line in block.split(b"\r\n" if b"\r\n" in block else b"\n"):
        if not line:
            continue
        row = mlsx_row(line, stamps)
        if row is None:
            found.strange.append(line)
        elif row.name in (b".", b".."):
            found.dots = True
        else:
            found.rows.append(row)
    return found


def mlsx_row(line: bytes, stamps: dict[bytes, Stamp | None] | None = None) -> Row | None:
    """One line, or None where it is not of this format; the directory itself comes back under the name `.`."""
    head, space, name = line.partition(b"; ")
    if not space or not name or b"=" not in head:
        return None
    facts = {key.lower(): value for key, _, value in [part.strip(b" ").partition(b"=") for part in head.split(b";")]}
    kind = facts.get(b"type", b"").lower()
    if kind in _SELF:
        return Row(b".", EntryType.DIR)
    shown = _TYPES.get(kind) or (EntryType.LINK if b"link" in kind else EntryType.OTHER)
    size = facts.get(b"size", b"")
    return Row(
        name,
        shown,
        int(size) if shown is _FILE and size.isdigit() else None,
        _stamp(facts.get(b"modify", b""), {} if stamps is None else stamps),
        unique=facts.get(b"unique", b""),
    )


def _stamp(digits: bytes, stamps: dict[bytes, Stamp | None]) -> Stamp | None:
    try:
        return stamps[digits]
    except KeyError:
        stamps[digits] = exact_stamp(digits)
        return stamps[digits]
