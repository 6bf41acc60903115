"""Listings of the LIST and STAT kind: unix, DOS/IIS and EPLF lines, told apart line by line."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from recon_cli.core.entry import EntryType, Precision
from recon_cli.files.listing.rows import Row, Rows, Stamp
from recon_cli.files.listing.times import dos_stamp, unix_stamp

# Looked up once: on Python 3.11 the word of an enum costs as much as half a row.
_FILE, _DIR, _LINK = EntryType.FILE, EntryType.DIR, EntryType.LINK
_TYPES = {b"-": _FILE, b"d": _DIR, b"l": _LINK}
_SELF = (b".", b"..")
# What nearly every line looks like; ` ?` is ProFTPD's indent inside a STAT reply.
_COMMON = re.compile(
    rb" ?([dl-])\S{9,10} +\d+ +\S+ +\S+ +(\d+) ([A-Z][a-z]{2} [ \d]\d [ \d]\d[:\d]\d\d) (.+)", re.DOTALL
)
_DATE = (
    rb"[A-Za-z]{3} +\d{1,2} +(?:\d{1,2}:\d\d(?::\d\d)?(?: \d{4})?|\d{4})"
    rb"|\d{1,2} +[A-Za-z]{3} +(?:\d{1,2}:\d\d|\d{4})"
    rb"|\d{4}-\d\d-\d\d +\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
)
# Compiled when first met: most servers never send them.
_UNUSUAL = rb" ?([a-zA-Z-])[-rwxsStTlL]{9}\S? +(?:.*? )??(\d+|\d+, *\d+) +(" + _DATE + rb") (.+)"
_DOS = rb"(\d{2,4})[-/.](\d\d)[-/.](\d{2,4}) +(\d\d):(\d\d) ?([AaPp][Mm])?(?: +(\d+) | +<([A-Z]+)>(?: {10}| +))(.+)"
_EPLF = rb"\+([^\t]*)\t(.+)"
_TOTAL = re.compile(rb" ?(?:total \d+\S*)?")  # also the empty line after the last CRLF
_ARROW = b" -> "
_REMEMBERED = 20_000
_CENTURY = 100
_FIRST_DOS_YEAR = 70
_MONTHS = 12


class LineReader:
    """Reads blocks of lines. Times repeat a lot, so each spelling of one is worked out once."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._stamps: dict[bytes, Stamp | None] = {}

    def read(self, block: bytes) -> Rows:
        """The rows of a listing whose lines end with CRLF (or with LF where no CR is found at all).

        A lone LF inside a CRLF listing belongs to the name: vsftpd and ProFTPD send such names as they are.
        """
        found = Rows()
        common, seen, keep = _COMMON.fullmatch, self._common, found.rows.append
        for line in block.split(b"\r\n" if b"\r\n" in block else b"\n"):
            match = common(line)
            row = seen(match) if match else self._other(line) if line else None
            if row is None:
                if line and not _TOTAL.fullmatch(line):
                    found.strange.append(line)
            elif row.name in _SELF:
                found.dots = True
            else:
                keep(row)
        return found

    def _common(self, match: re.Match[bytes]) -> Row:
        kind, size, when, name = match.groups()
        try:
            stamp = self._stamps[when]
        except KeyError:
            stamp = self._learn(when)
        if kind == b"-":
            return Row(name, _FILE, int(size), stamp)
        if kind == b"d":
            return Row(name, _DIR, None, stamp)
        return Row(_link_name(name, int(size)), _LINK, None, stamp)

    def _learn(self, when: bytes) -> Stamp | None:
        if len(self._stamps) >= _REMEMBERED:
            self._stamps.clear()
        self._stamps[when] = unix_stamp(when, self._now)
        return self._stamps[when]

    def _other(self, line: bytes) -> Row | None:
        if match := re.fullmatch(_UNUSUAL, line, re.DOTALL):
            return self._unusual(match)
        if match := re.fullmatch(_DOS, line, re.DOTALL):
            return _dos_row(match)
        if match := re.fullmatch(_EPLF, line, re.DOTALL):
            return _eplf_row(match)
        return None

    def _unusual(self, match: re.Match[bytes]) -> Row:
        letter, size, when, name = match.groups()
        kind = _TYPES.get(letter, EntryType.OTHER)
        stamp = self._stamps[when] if when in self._stamps else self._learn(when)
        note = "" if stamp else f"time not understood: {when.decode('ascii', 'replace')}"
        if kind is EntryType.LINK:
            name = _link_name(name, int(size) if size.isdigit() else -1)
        return Row(name, kind, int(size) if kind is EntryType.FILE and size.isdigit() else None, stamp, note)


def _link_name(text: bytes, size: int) -> bytes:
    """The name before ` -> target`. A link's size is the length of its target, which settles arrows in names."""
    if size > 0 and text[:-size].endswith(_ARROW):
        return text[: -size - len(_ARROW)]
    return text.partition(_ARROW)[0] or text


def _dos_row(match: re.Match[bytes]) -> Row | None:
    first, second, third, hour, minute, half, size, mark, name = match.groups()
    date = _dos_date(first, int(second), third)
    stamp = dos_stamp(date, int(hour), int(minute), half or b"") if date else None
    note = "" if stamp else "time not understood"
    if size is not None:
        return Row(name, EntryType.FILE, int(size), stamp, note)
    if mark == b"DIR":
        return Row(name, EntryType.DIR, None, stamp, note)
    target = name.rfind(b" [") if name.endswith(b"]") else -1
    return Row(name if target < 0 else name[:target], EntryType.LINK, None, stamp, note)


def _dos_date(first: bytes, second: int, third: bytes) -> tuple[int, int, int] | None:
    """Month-day-year as IIS writes it, or year-month-day; a month above 12 is unknown, not swapped."""
    if len(first) == len(b"2025"):
        return int(first), second, int(third)
    year = int(third)
    if year < _CENTURY:
        year += 2000 if year < _FIRST_DOS_YEAR else 1900
    return (year, int(first), second) if int(first) <= _MONTHS else None


def _eplf_row(match: re.Match[bytes]) -> Row | None:
    """Easily Parsed LIST Format (cr.yp.to/ftp/list/eplf.html): facts, a tab, the name; times are seconds of UTC."""
    facts = {fact[:1]: fact[1:] for fact in match[1].split(b",") if fact}
    kind = EntryType.DIR if b"/" in facts else EntryType.FILE if b"r" in facts else EntryType.OTHER
    size = facts.get(b"s", b"")
    return Row(
        match[2],
        kind,
        int(size) if size.isdigit() and kind is EntryType.FILE else None,
        _eplf_stamp(facts.get(b"m", b"")),
        unique=facts.get(b"i", b""),
    )


def _eplf_stamp(seconds: bytes) -> Stamp | None:
    if not seconds.isdigit():
        return None
    try:
        return Stamp(datetime.fromtimestamp(int(seconds), UTC), Precision.EXACT)
    except (OverflowError, ValueError, OSError):
        return None
