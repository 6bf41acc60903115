"""Listing over the data channel: where STAT cannot be trusted, and to look again at a listing that raises doubts."""

from __future__ import annotations

import re

from recon_cli.core.entry import EntryType, Incomplete
from recon_cli.files.ftp.frontier import Folder, Found, Frontier
from recon_cli.files.ftp.probe import LIST, NLST, Ways, read_rows, shown
from recon_cli.files.ftp.replies import Reply
from recon_cli.files.ftp.session import Fetched, Session, epsv_port
from recon_cli.files.ftp.steps import Steps
from recon_cli.files.listing.lines import LineReader
from recon_cli.files.listing.rows import Row, Rows

LIMITS = frozenset({998, 1000, 1998, 2000, 4998, 5000, 9998, 10000})
MANY = 2000
_DONE, _REFUSED = 2, 4
_GONE = re.compile(rb"no such|not found|not exist|doesn't exist|cannot find", re.IGNORECASE)
_CUT_SHORT = re.compile(rb"truncat|too many|limit", re.IGNORECASE)
_NOT_OPENED = re.compile(rb"failed to open|permission denied|can't open|cannot open", re.IGNORECASE)


def refusal(reply: Reply) -> tuple[Incomplete, str]:
    """What a refused folder is. Its parent listed it, so a refusal without a reason means denied."""
    return (Incomplete.MISSING if _GONE.search(reply.text) else Incomplete.DENIED), reply.words


def doubts_about(rows: Rows, *, dots: bool) -> str:
    """Why a listing may not be the whole truth, or nothing."""
    count = len(rows.rows)
    if rows.strange:
        return f"a line of no known format: {_quoted(rows.strange[0])}"
    if dots and not rows.dots:
        return "not even `.` is listed"
    if count > MANY or count in LIMITS:
        return f"{count} names, where servers like to stop"
    if any(b"\n" in row.name or b"\r" in row.name for row in rows.rows):
        return "a name holds a line break"
    return ""


def list_by_data(
    session: Session, frontier: Frontier, folder: Folder, reader: LineReader
) -> Steps[tuple[Found | None, Reply | None]]:
    """A folder over the data channel; None and the refusal where the server will not."""
    fetched, rows = yield from _fetch_rows(session, frontier, folder, frontier.ways.data, reader)
    if rows is None:
        return None, fetched.reply
    found = Found(folder, rows.rows, shown(frontier.ways.data))
    _mark(found, fetched.reply, rows, dots=frontier.ways.data_dots)
    if found.incomplete is None and (len(rows.rows) > MANY or len(rows.rows) in LIMITS):
        yield from _compare_names(session, frontier, found)
    _mark_hidden(found, frontier.ways, rows)
    return found, None


def _mark_hidden(found: Found, ways: Ways, rows: Rows) -> None:
    """Plain LIST and NLST leave dotfiles out on many servers; one that was seen proves this server does not."""
    ways.shows_hidden = ways.shows_hidden or rows.dots or any(row.name.startswith(b".") for row in rows.rows)
    if found.incomplete is None and not ways.stat and ways.data in (LIST, NLST) and not ways.shows_hidden:
        found.incomplete = Incomplete.HIDDEN
        found.detail = "this server may leave out names that start with a dot"


def look_again(session: Session, frontier: Frontier, found: Found, why: str, reader: LineReader) -> Steps[Found]:
    """Compare what STAT said with the data channel; the result says whether the folder is complete."""
    folder, data = found.folder, frontier.ways.data
    if not data:
        found.incomplete, found.detail = _reason(why), f"{why}; no data connection to compare with"
        return found
    if not found.compared:
        fetched, rows = yield from _fetch_rows(session, frontier, folder, data, reader)
        if rows is None:
            found.incomplete, found.detail = refusal(fetched.reply)
            return found
        _merge(found, rows, shown(data))
        _mark(found, fetched.reply, rows, dots=frontier.ways.data_dots)
    if found.incomplete is None and len(found.rows) in LIMITS:
        yield from _compare_names(session, frontier, found)
    return found


def first_found(folder: Folder, ways: Ways) -> tuple[Found, str] | None:
    """The first folder from what the probe saw, and what is doubtful about it; None where it saw nothing of use."""
    seen = ways.first
    if seen is None or (seen.stat is None and seen.data is None):
        return None
    found = Found(folder, seen.stat.rows if seen.stat else [], "STAT")
    why = doubts_about(seen.stat, dots=ways.stat_dots) if seen.stat else ""
    if seen.data is not None and seen.reply is not None:
        _merge(found, seen.data, shown(ways.data))
        _mark(found, seen.reply, seen.data, dots=ways.data_dots)
        _mark_hidden(found, ways, seen.data)
        why = why or doubts_about(seen.data, dots=False)
        found.compared = True  # the same listing again, a moment later, would be no further evidence
    return found, why


def _fetch_rows(
    session: Session, frontier: Frontier, folder: Folder, command: bytes, reader: LineReader
) -> Steps[tuple[Fetched, Rows | None]]:
    """Go there and list; no rows where the server refuses."""
    move, epsv = b"CWD " + frontier.path(folder.raw), b"EPSV"
    replies = yield from session.burst(*((move, epsv) if session.extended_passive else (move,)))
    if replies[0].kind != _DONE:
        return Fetched(b"", replies[0]), None
    port = epsv_port(replies[-1]) if len(replies) > 1 else None
    fetched = yield from session.fetch(command, (session.wire.peer, port) if port else None)
    if fetched.reply.kind >= _REFUSED and not fetched.payload:
        return fetched, None
    return fetched, read_rows(command, fetched, reader)


def _mark(found: Found, reply: Reply, rows: Rows, *, dots: bool) -> None:
    """What the data channel's own words and rows say about completeness."""
    if reply.kind != _DONE:
        found.incomplete, found.detail = Incomplete.TRUNCATED, reply.words
    elif _CUT_SHORT.search(reply.text):
        found.incomplete, found.detail = Incomplete.TRUNCATED, _telling_line(reply)
    elif not rows.rows and _NOT_OPENED.search(reply.text):
        found.incomplete, found.detail = Incomplete.DENIED, reply.words
    elif rows.strange:
        shown_line = _quoted(rows.strange[0])
        found.incomplete, found.detail = Incomplete.UNPARSED, f"a line of no known format: {shown_line}"
    elif dots and not rows.dots:
        found.incomplete, found.detail = Incomplete.DENIED, "the server lists not even `.`"


def _merge(found: Found, rows: Rows, listed_by: str) -> None:
    """Take the data channel's rows, keep names that only STAT showed, and its word on what is a link.

    pyftpdlib's MLSD follows links and calls them folders.
    """
    links = {row.name for row in found.rows if row.type is EntryType.LINK}
    names = rows.names()
    only_stat = [row for row in found.rows if row.name not in names]
    if rows.strange:
        found.rows = _richer(found, rows)
    else:
        kept = [row._replace(type=EntryType.LINK, size_bytes=None) if row.name in links else row for row in rows.rows]
        found.rows = [*kept, *only_stat]
    found.listed_by = listed_by


def _richer(found: Found, rows: Rows) -> list[Row]:
    """Where both channels split names, the reply that explains more lines counts."""
    return rows.rows if len(rows.rows) >= len(found.rows) or not rows.strange else found.rows


def _compare_names(session: Session, frontier: Frontier, found: Found) -> Steps[None]:
    """Ask NLST as a third witness where a count equals a known limit."""
    if frontier.ways.data == NLST:
        return
    reader = LineReader(frontier.now)
    fetched, rows = yield from _fetch_rows(session, frontier, found.folder, NLST, reader)
    if rows is None:
        return
    missing = rows.names() - {row.name for row in found.rows}
    if missing or _CUT_SHORT.search(fetched.reply.text):
        words = f"NLST names {len(missing)} more" if missing else fetched.reply.words
        found.rows = [*found.rows, *(row for row in rows.rows if row.name in missing)]
        found.incomplete, found.detail = Incomplete.TRUNCATED, words


def _reason(why: str) -> Incomplete:
    if why.startswith("not even"):
        return Incomplete.DENIED
    return Incomplete.TRUNCATED if "servers like to stop" in why else Incomplete.UNPARSED


def _telling_line(reply: Reply) -> str:
    line = next((line for line in reply.text.splitlines() if _CUT_SHORT.search(line)), reply.last)
    return line.decode("utf-8", "backslashreplace").strip()


def _quoted(line: bytes) -> str:
    return repr(line[:80])[1:]
