"""One connection at work on the frontier: bursts of CWD + STAT, or one data transfer at a time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from recon_cli.core.entry import Incomplete
from recon_cli.files.ftp.frontier import Folder, Found, Frontier, Question
from recon_cli.files.ftp.probe import pwd_path
from recon_cli.files.ftp.recheck import doubts_about, list_by_data, look_again, refusal
from recon_cli.files.ftp.replies import OutOfStepError, Reply
from recon_cli.files.ftp.session import Session
from recon_cli.files.ftp.steps import Steps
from recon_cli.files.listing.lines import LineReader
from recon_cli.files.listing.mlsx import mlsx_row
from recon_cli.files.listing.times import exact_stamp

FIRST_WINDOW, WIDEST_WINDOW, _GROWTH = 8, 512, 8
_DONE, _REFUSED = 2, 4
_STAT_CODES = (211, 212, 213)
_PWD_CODE, _VALUE_CODE, _FACTS_CODE, _UNKNOWN = 257, 213, 250, (500, 502)


@dataclass(slots=True, eq=False)
class Burst:
    """Commands sent together. Their listings count only when the PWD at the end says we are where we think."""

    seen: list[tuple[Folder, Reply, Reply]] = field(default_factory=list)
    where: bytes | None = None


class Expected(NamedTuple):
    """What the next reply answers."""

    kind: str
    folder: Folder | None
    burst: Burst | None
    question: Question | None = None


class Crew(Protocol):
    """Who else works on the frontier."""

    @property
    def live(self) -> int:
        """How many connections share the work."""

    @property
    def paused(self) -> bool:
        """Whether to stop after what is in flight."""


class Pipeline:
    """Feeds one session until the frontier is empty."""

    def __init__(self, frontier: Frontier, session: Session, reader: LineReader, *, widest: int, crew: Crew) -> None:
        self.frontier = frontier
        self.session = session
        self._crew = crew
        self.progress = 0
        self._reader = reader
        self._widest = widest
        self._window = min(FIRST_WINDOW, widest)
        self._expected: deque[Expected] = deque()
        self._moved: Reply | None = None
        self._at_hand: list[Folder] = []
        self._again: tuple[Found, str] | None = None

    def run(self) -> Steps[None]:
        """Work until nothing is left."""
        while True:
            self._fill()
            if self._expected:
                yield from self._read()
            elif self._crew.paused:
                return
            elif self.frontier.doubts:
                yield from self._look_again()
            elif not self.frontier.ways.stat and self._take():
                yield from self._by_data()
            elif self.frontier.idle:
                return
            else:
                yield None

    def unfinished(self) -> tuple[list[Folder], list[Question], tuple[Found, str] | None]:
        """What was in flight when the connection was lost, the likely culprit first."""
        folders = list(self._at_hand)
        questions = [expected.question for expected in self._expected if expected.question is not None]
        seen = {id(folder) for folder in folders}
        for burst in {id(item.burst): item.burst for item in self._expected if item.burst}.values():
            for folder, _, _ in burst.seen:
                if id(folder) not in seen:
                    folders.append(folder)
                    seen.add(id(folder))
        for expected in self._expected:
            if expected.folder is not None and id(expected.folder) not in seen:
                folders.append(expected.folder)
                seen.add(id(expected.folder))
        return folders, questions, self._again

    # -- sending

    def _fill(self) -> None:
        """Top the window up once it is half empty; hold back while a folder waits to be looked at again."""
        room = self._window - len(self._expected)
        if room * 2 < self._window or self.frontier.doubts or self._crew.paused:
            return
        commands: list[bytes] = []
        self._ask(commands, room)
        if self.frontier.ways.stat and len(commands) < room:
            self._walk(commands, room - len(commands))
        if commands:
            self.session.send(*commands)

    def _ask(self, commands: list[bytes], room: int) -> None:
        questions = self.frontier.questions
        while questions and len(commands) < room:
            question = questions.popleft()
            self._expected.append(Expected("ask", None, None, question))
            commands.append(question.command)

    def _walk(self, commands: list[bytes], room: int) -> None:
        burst = Burst()
        share = -(-len(self.frontier.folders) // self._crew.live)
        for _ in range(min(max(1, room // 2), share)):
            folder = self.frontier.take()
            if folder is None:
                break
            if folder.by_data:
                self._set_aside(folder)
                continue
            self._expected.append(Expected("cwd", folder, burst))
            self._expected.append(Expected("stat", folder, burst))
            commands += (b"CWD " + self.frontier.path(folder.raw), self.frontier.ways.stat)
            burst.where = folder.raw
        if burst.where is not None:
            burst.where = None
            self._expected.append(Expected("pwd", None, burst))
            commands.append(b"PWD" if self.frontier.ways.pwd else b"NOOP")

    def _set_aside(self, folder: Folder) -> None:
        self.frontier.doubt(Found(folder, [], ""), "its reply did not end where it should")

    # -- receiving

    def _read(self) -> Steps[None]:
        reply = yield from self.session.reply()
        while True:
            self._answer(self._expected[0], reply)
            self._expected.popleft()
            self.progress += 1
            if not self._expected:
                return
            following = self.session.replies.next()
            if following is None:
                return
            reply = self.session.checked(following)

    def _answer(self, expected: Expected, reply: Reply) -> None:
        if expected.kind == "stat":
            self._on_stat(expected, reply)
        elif expected.kind == "cwd":
            self._on_cwd(reply)
        elif expected.kind == "pwd":
            self._on_pwd(expected, reply)
        else:
            self._on_answer(expected, reply)

    def _on_cwd(self, reply: Reply) -> None:
        if reply.code in _STAT_CODES or reply.code == _PWD_CODE or reply.kind not in (2, 4, 5):
            raise OutOfStepError(f"CWD answered by {reply.words}")
        self._moved = reply

    def _on_stat(self, expected: Expected, reply: Reply) -> None:
        folder, burst, moved = expected.folder, expected.burst, self._moved
        assert folder is not None
        assert burst is not None
        assert moved is not None
        if reply.code not in _STAT_CODES and reply.kind < _REFUSED:
            raise OutOfStepError(f"STAT answered by {reply.words}")
        if moved.kind == _DONE:
            burst.where = folder.raw
            if reply.code in _STAT_CODES and reply.last != self.frontier.ways.stat_end:
                folder.by_data = True
        burst.seen.append((folder, moved, reply))

    def _on_pwd(self, expected: Expected, reply: Reply) -> None:
        burst = expected.burst
        assert burst is not None
        if self.frontier.ways.pwd:
            at = pwd_path(reply) if reply.code == _PWD_CODE else None
            if at is None or (burst.where is not None and at != self.frontier.path(burst.where)):
                raise OutOfStepError(f"PWD answered by {reply.words}")
        elif reply.code in _STAT_CODES:
            raise OutOfStepError(f"NOOP answered by {reply.words}")
        while burst.seen:
            self._settle(*burst.seen.pop(0))
        self._window = min(self._widest, self._window * _GROWTH)

    def _settle(self, folder: Folder, moved: Reply, stat: Reply) -> None:
        refused = moved if moved.kind != _DONE else stat if stat.code not in _STAT_CODES else None
        if refused is not None:
            self.frontier.drop(folder, *refusal(refused))
            return
        rows = self._reader.read(stat.body)
        found = Found(folder, rows.rows, "STAT")
        why = doubts_about(rows, dots=self.frontier.ways.stat_dots)
        if folder.by_data:
            why = "its reply did not end where it should"
        if why:
            self.frontier.doubt(found, why)
        else:
            self.frontier.settle(found)

    def _on_answer(self, expected: Expected, reply: Reply) -> None:
        question = expected.question
        assert question is not None
        value = None
        if question.purpose == "loop":
            row = mlsx_row(_facts_line(reply)) if reply.code == _FACTS_CODE else None
            value = row.unique if row else None
        elif question.purpose == "folder":
            value = b"" if reply.kind == _DONE else None
        elif reply.code == _VALUE_CODE:
            value = reply.text[4:]
        elif reply.kind < _REFUSED:
            raise OutOfStepError(f"{question.command[:4]!r} answered by {reply.words}")
        if question.command.startswith(b"MDTM") and reply.code in _UNKNOWN:
            self.frontier.ways.mdtm = False
        stamp = exact_stamp(value.strip()) if value and question.command.startswith(b"MDTM") else None
        self.frontier.answered(question, value, stamp)

    # -- the data channel

    def _take(self) -> bool:
        folder = self.frontier.take()
        if folder is not None:
            self._at_hand.append(folder)
        return folder is not None

    def _by_data(self) -> Steps[None]:
        found, why = yield from list_by_data(self.session, self.frontier, self._at_hand[0], self._reader)
        folder = self._at_hand.pop()
        self.progress += 1
        if found is None:
            assert isinstance(why, Reply)
            self.frontier.drop(folder, *refusal(why))
        else:
            self.frontier.settle(found)

    def _look_again(self) -> Steps[None]:
        self._again = self.frontier.doubts.popleft()
        found = yield from look_again(self.session, self.frontier, *self._again, self._reader)
        self._again = None
        self.progress += 1
        self.frontier.settle(found)


def _facts_line(reply: Reply) -> bytes:
    return reply.body.strip(b"\r\n").removeprefix(b" ")


def lost_reason(error: Exception) -> Incomplete:
    """How a listing calls the end of its connection."""
    return Incomplete.TIMEOUT if isinstance(error, TimeoutError) else Incomplete.CUT
