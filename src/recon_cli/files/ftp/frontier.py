"""What a scan still has to do, and how rows become listings. Shared by the connections of one scan."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing, Precision
from recon_cli.files.base import MtimeMode, ScanOptions
from recon_cli.files.encoding import NameCodec, raw_unless_utf8
from recon_cli.files.ftp.clock import ServerClock, sendable
from recon_cli.files.ftp.probe import Ways
from recon_cli.files.listing.rows import Row, Stamp

# Looked up once: on Python 3.11 the word of an enum costs as much as half a row.
_DIR, _LINK, _NO_TIME = EntryType.DIR, EntryType.LINK, Precision.NONE
MAX_TRIES = 3
DEEPEST = 200


@dataclass(slots=True, eq=False)
class Folder:
    """A directory to list. `raw` and `text` are its path from the store's root; `same` as in `encoding.Name`.

    `shape` sums up its listing once it is known, so that a link followed by the server shows as a repeated shape.
    """

    raw: bytes
    text: str
    same: bool = True
    depth: int = 0
    parent: Folder | None = None
    tries: int = 0
    by_data: bool = False
    shape: int = 0
    identity: bytes | None = None


@dataclass(slots=True, eq=False)
class Found:
    """What one folder's listing said, on its way to becoming a Listing.

    `compared` says that the data channel has been asked already.
    """

    folder: Folder
    rows: list[Row]
    listed_by: str
    incomplete: Incomplete | None = None
    detail: str = ""
    waiting: int = 0
    loop_checked: bool = False
    compared: bool = False


@dataclass(slots=True, eq=False)
class Question:
    """A file (or folder) to ask about on the control channel while its listing waits."""

    command: bytes
    found: Found
    index: int
    purpose: str
    tries: int = 0


class Frontier:
    """Folders to list, questions to ask, folders to look at again, and listings that are done."""

    def __init__(self, ways: Ways, names: NameCodec, clock: ServerClock, options: ScanOptions, now: datetime) -> None:
        self.now = now
        self.ways = ways
        self.names = names
        self.clock = clock
        self.options = options
        self.folders: list[Folder] = []
        self.questions: deque[Question] = deque()
        self.doubts: deque[tuple[Found, str]] = deque()
        self.done: deque[Listing] = deque()
        self.busy = 0
        self.listed = 0
        self.links_shown = False
        self._measuring: list[Found] | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is left and nobody is at work."""
        return not (self.folders or self.questions or self.doubts or self.busy)

    def path(self, raw: bytes) -> bytes:
        """The server's absolute path of a path below the root."""
        if not raw:
            return self.ways.root
        return self.ways.root.rstrip(b"/") + b"/" + raw

    def take(self) -> Folder | None:
        """The next folder that has to be asked for; known ones and those too deep are settled on the way."""
        while self.folders:
            folder = self.folders.pop()
            if known := self.options.known(folder.text):
                self._adopt(folder, known)
            elif self.options.max_depth is not None and folder.depth > self.options.max_depth:
                self.fail(folder, Incomplete.DEPTH, f"deeper than {self.options.max_depth}")
            elif folder.depth > DEEPEST:
                self.fail(folder, Incomplete.LOOP, f"more than {DEEPEST} folders deep")
            elif not sendable(folder.raw):
                self.fail(folder, Incomplete.UNPARSED, "a line break in the name cannot be sent over FTP")
            else:
                self.busy += 1
                return folder
        return None

    def give_back(self, folder: Folder) -> None:
        """A folder taken but not listed, to be taken again."""
        self.busy -= 1
        self.folders.append(folder)

    def drop(self, folder: Folder, reason: Incomplete, detail: str) -> None:
        """A folder taken that cannot be listed."""
        self.busy -= 1
        self.fail(folder, reason, detail)

    def fail(self, folder: Folder, reason: Incomplete, detail: str) -> None:
        """An empty listing with its reason."""
        listed_by = "" if reason is Incomplete.DEPTH else self.ways.listing
        self._emit(Listing(folder.text, (), listed_by, reason, detail, None if folder.same else folder.raw))

    def doubt(self, found: Found, why: str) -> None:
        """Have a folder looked at again over the data channel."""
        self.doubts.append((found, why))

    def settle(self, found: Found) -> None:
        """A folder listed for good: ask what is still open, then emit it and take up its sub-folders."""
        if self._may_loop(found) or self._wants_measure(found):
            return
        mode = self.options.mtime
        if found.listed_by == "NLST":
            self._ask_kinds(found)
        elif mode is MtimeMode.EXACT and self.ways.mdtm:
            self._ask_times(found)
        if not found.waiting:
            self._finish(found)

    def answered(self, question: Question, answer: bytes | None, stamp: Stamp | None) -> None:
        """The reply to a question: an identity, or a time or size put into its row."""
        found = question.found
        if question.purpose == "loop":
            self._loop_answer(found, question.index, answer)
        elif question.purpose == "zone":
            self._measured(found, question.index, stamp)
        else:
            self._fill_in(found, question, answer, stamp)

    def leave_unasked(self, question: Question) -> None:
        """A question that the server keeps dying on: do without the answer, and without MDTM if that was it."""
        if question.command.startswith(b"MDTM"):
            self.ways.mdtm = self.clock.measurable = False
            rest = [other for other in self.questions if other.command.startswith(b"MDTM")]
            self.questions = deque(other for other in self.questions if not other.command.startswith(b"MDTM"))
            for other in rest:
                self.answered(other, None, None)
        self.answered(question, None, None)

    # -- times

    def _wants_measure(self, found: Found) -> bool:
        """Whether the listing has to wait for the server's zone."""
        if self.options.mtime is not MtimeMode.LISTED or not self.ways.mdtm:
            return False
        sample = self.clock.sample(found.rows)
        if sample is None:
            return False
        if self._measuring is not None:
            self._measuring.append(found)
            return True
        self._measuring = [found]
        index = found.rows.index(sample)
        self.questions.append(Question(b"MDTM " + self._path_of(found, sample), found, index, "zone"))
        return True

    def _measured(self, found: Found, index: int, stamp: Stamp | None) -> None:
        listed = found.rows[index].stamp
        assert listed is not None
        self.clock.learn(listed, stamp)
        waiting, self._measuring = self._measuring or [], None
        for held in waiting:
            self.settle(held)

    def _ask_times(self, found: Found) -> None:
        for index, row in enumerate(found.rows):
            if row.type is not EntryType.FILE or not sendable(row.name):
                continue
            path = self._path_of(found, row)
            if row.stamp is None or not row.stamp.exact:
                found.waiting += 1
                self.questions.append(Question(b"MDTM " + path, found, index, "time"))
            if row.size_bytes is None:
                found.waiting += 1
                self.questions.append(Question(b"SIZE " + path, found, index, "size"))

    def _ask_kinds(self, found: Found) -> None:
        """NLST gives names alone: what can be entered is a folder, what has a size is a file."""
        wanted = [(b"CWD ", "folder"), (b"SIZE ", "size")]
        if self.ways.mdtm and self.options.mtime is not MtimeMode.NONE:
            wanted.append((b"MDTM ", "time"))
        for index, row in enumerate(found.rows):
            for verb, purpose in wanted if sendable(row.name) else ():
                found.waiting += 1
                self.questions.append(Question(verb + self._path_of(found, row), found, index, purpose))

    def _fill_in(self, found: Found, question: Question, answer: bytes | None, stamp: Stamp | None) -> None:
        row = found.rows[question.index]
        if question.purpose == "time" and stamp is not None:
            if row.stamp is not None and not row.stamp.exact:
                self.clock.learn(row.stamp, stamp)
            found.rows[question.index] = row._replace(stamp=stamp)
        elif question.purpose == "size" and answer is not None and answer.strip().isdigit():
            if row.type is not EntryType.DIR:
                found.rows[question.index] = row._replace(type=EntryType.FILE, size_bytes=int(answer))
        elif question.purpose == "folder" and answer is not None:
            found.rows[question.index] = row._replace(type=EntryType.DIR)
        found.waiting -= 1
        if not found.waiting:
            self._finish(found)

    def _path_of(self, found: Found, row: Row) -> bytes:
        raw = found.folder.raw
        return self.path(raw + b"/" + row.name if raw else row.name)

    # -- loops

    def _may_loop(self, found: Found) -> bool:
        """Whether the listing has to wait for a proof that it is not an ancestor seen through a link.

        Servers that show links as links do not need it. Elsewhere a folder with the shape of an ancestor is compared
        with it by the `unique` fact of MLST; without that fact the third repetition counts as a loop.
        """
        folder = found.folder
        if found.loop_checked or self.links_shown or found.incomplete:
            return False
        found.loop_checked = True
        if all(row.type is not _DIR for row in found.rows):
            return False
        folder.shape = hash(frozenset((row.name, row.type, row.stamp) for row in found.rows))
        alike = [above for above in _above(folder) if above.shape == folder.shape]
        if not alike:
            return False
        if b"MLST" in self.ways.features:
            return self._ask_identities(found, [folder, *alike])
        if len(alike) > MAX_TRIES:
            self._mark_loop(found, alike[0])
        return False

    def _ask_identities(self, found: Found, folders: list[Folder]) -> bool:
        unknown = [index for index, folder in enumerate(folders) if folder.identity is None]
        found.waiting = len(unknown)
        for index in unknown:
            self.questions.append(Question(b"MLST " + self.path(folders[index].raw), found, index, "loop"))
        return bool(unknown)

    def _loop_answer(self, found: Found, index: int, identity: bytes | None) -> None:
        folder = found.folder
        alike = [above for above in _above(folder) if above.shape == folder.shape]
        ([folder, *alike])[index].identity = identity or b""
        found.waiting -= 1
        if found.waiting:
            return
        same = next((above for above in alike if folder.identity and above.identity == folder.identity), None)
        if same is not None:
            self._mark_loop(found, same)
        elif not folder.identity and len(alike) > MAX_TRIES:
            self._mark_loop(found, alike[0])
        self.settle(found)

    def _mark_loop(self, found: Found, above: Folder) -> None:
        found.incomplete = Incomplete.LOOP
        found.detail = f"the server follows a link back to {above.text or 'the root'}"

    # -- listings

    def _finish(self, found: Found) -> None:
        folder = found.folder
        self.names.see(row.name for row in found.rows)
        above = f"{folder.text}/" if folder.text else ""
        timed = self.options.mtime is not MtimeMode.NONE
        entries = tuple([self._entry(found, row, above, timed=timed) for row in found.rows])
        raw = None if folder.same else folder.raw
        if found.incomplete is not Incomplete.LOOP:
            self._descend(folder, entries)
        self.busy -= 1
        self._emit(Listing(folder.text, entries, found.listed_by, found.incomplete, found.detail, raw))

    def _emit(self, listing: Listing) -> None:
        self.listed += 1
        self.done.append(listing)
        self.options.progress.update(self.listed, note=listing.path)

    def _entry(self, found: Found, row: Row, above: str, *, timed: bool) -> Entry:
        """One row as an entry; `above` is the path of its folder, as it stands before a name."""
        folder, (raw_name, kind, size_bytes, stamp, note, _) = found.folder, row
        name = self.names.decode(raw_name)
        raw = None
        if not (folder.same and (raw_name.isascii() or raw_unless_utf8(name, raw_name) is None)):
            raw = folder.raw + b"/" + raw_name if folder.raw else raw_name
        if kind is _LINK:
            self.links_shown = True
        if stamp is None or not timed:
            return Entry(above + name, kind, size_bytes, None, _NO_TIME, raw, found.listed_by, note)
        mtime, doubt = self.clock.read(stamp)
        return Entry(above + name, kind, size_bytes, mtime, stamp.precision, raw, found.listed_by, note or doubt)

    def _descend(self, folder: Folder, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.type is _DIR and not self.options.skip(entry.path):
                raw = entry.path.encode() if entry.raw_path is None else entry.raw_path
                self.folders.append(Folder(raw, entry.path, entry.raw_path is None, folder.depth + 1, folder))

    def _adopt(self, folder: Folder, known: Listing) -> None:
        self._descend(folder, known.entries)
        self._emit(known)


def _above(folder: Folder) -> Iterable[Folder]:
    above = folder.parent
    while above is not None:
        yield above
        above = above.parent
