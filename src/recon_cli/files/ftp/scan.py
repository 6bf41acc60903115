"""A scan: the connections, what happens when they break, and the stream of listings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from recon_cli.core.entry import Incomplete, Listing
from recon_cli.core.errors import AuthError, ReconError, UnreachableError
from recon_cli.files.base import ScanOptions
from recon_cli.files.encoding import UTF8, NameCodec, raw_unless_utf8
from recon_cli.files.ftp.clock import ServerClock
from recon_cli.files.ftp.frontier import MAX_TRIES, Folder, Found, Frontier
from recon_cli.files.ftp.pipeline import FIRST_WINDOW, WIDEST_WINDOW, Pipeline, lost_reason
from recon_cli.files.ftp.probe import Prober, Ways, greetings
from recon_cli.files.ftp.recheck import first_found
from recon_cli.files.ftp.replies import OutOfStepError
from recon_cli.files.ftp.session import FullError, Login, Session, as_recon_error, open_session, patient_session
from recon_cli.files.ftp.steps import Loop, Steps, Wait
from recon_cli.files.ftp.wire import LostError
from recon_cli.files.listing.lines import LineReader

PATIENCE = 6
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 4.0


@dataclass(frozen=True, slots=True)
class Course:
    """How a scan behaves towards its server: `patience` is how often a lost connection is tried again in a row."""

    login: Login
    root: bytes
    timeout_s: float
    zone: str = ""
    patience: int = PATIENCE
    before_resuming: Callable[[], None] = field(default=lambda: None)


class Scan:
    """One scan of one server. Connections share the frontier; a lost one gives back what it had in flight."""

    def __init__(self, course: Course, under: bytes, options: ScanOptions, names: NameCodec) -> None:
        self._course = course
        self._login = course.login
        self._under = under
        self._options = options
        self._names = names
        self._frontier: Frontier | None = None
        self._failure: ReconError | None = None
        self._loop = Loop(course.timeout_s)
        self._widest = WIDEST_WINDOW
        self._live = 0
        self._called = False
        self._lost = Incomplete.CUT
        self._lost_words = ""
        self._now = datetime.now(UTC)
        self.ways: Ways | None = None
        self.paused = False

    def listings(self) -> Iterator[Listing]:
        """Every directory once. Raises only before the first listing."""
        try:
            self._loop.add(self._first())
            while self._loop or self.paused:
                yield from self._ready()
                if self.paused:
                    self._resume()
                self._loop.turn()
            yield from self._ready()
            yield from self._leftovers()
        finally:
            self._loop.close()

    @property
    def zone_words(self) -> str:
        """What is known about the server's time zone."""
        return self._frontier.clock.words if self._frontier else "unknown"

    def pause(self) -> None:
        """Take in what is under way and hang up, so that a server with few connections has one for something else."""
        self.paused = True
        while self._loop:
            self._loop.turn()

    def _resume(self) -> None:
        """Go on after a pause, with one connection."""
        self.paused = False
        self._course.before_resuming()
        if self._frontier is not None and not self._frontier.idle:
            self._live += 1
            self._loop.add(self._work(None))

    def _ready(self) -> Iterator[Listing]:
        if self._failure is not None:
            raise self._failure
        while self._frontier is not None and self._frontier.done:
            yield self._frontier.done.popleft()

    def _leftovers(self) -> Iterator[Listing]:
        """What nobody was left to list."""
        frontier = self._frontier
        if frontier is None:
            return
        while not frontier.idle:
            while frontier.questions:
                frontier.answered(frontier.questions.popleft(), None, None)
            while frontier.doubts:
                found, why = frontier.doubts.popleft()
                self._give_up(frontier, found, why)
            if (folder := frontier.take()) is not None:
                frontier.drop(folder, self._lost, self._lost_words)
            elif not (frontier.questions or frontier.doubts):
                break
            yield from self._ready()
        yield from self._ready()

    def _give_up(self, frontier: Frontier, found: Found, why: str) -> None:
        found.incomplete, found.detail = self._lost, f"{why}; {self._lost_words}"
        frontier.settle(found)

    # -- connections

    def _first(self) -> Steps[None]:
        """Find out how to list, and work."""
        try:
            session = yield from self._explored()
        except ReconError as error:
            self._failure = error
            return
        except (LostError, TimeoutError, OSError) as error:
            self._failure = as_recon_error(error, self._login)
            return
        self._live += 1
        yield from self._work(session)

    def _call_others(self) -> None:
        """Let the others log in while the first explores; not before it is in, on a server with room for one."""
        if not self._called:
            self._called = True
            for _ in range(self._options.connections - 1):
                self._loop.add(self._another())

    def _explored(self) -> Steps[Session]:
        for attempt in range(1, MAX_TRIES + 1):
            session = None
            try:
                session = yield from patient_session(self._login)
                self._call_others()
                prober = Prober(session, self._now, utf8=self._utf8, stat=attempt == 1)
                ways = yield from prober.explore(self._course.root, self._under)
            except (LostError, TimeoutError) as error:
                if session is None or attempt == MAX_TRIES:
                    raise
                session.wire.close()
                if attempt > 1:
                    self._suspect_pipelining(error)
                yield Wait(-1, pause_s=_FIRST_PAUSE_S)
            except BaseException:
                if session is not None:
                    session.close()
                raise
            else:
                self._start(ways)
                return session
        raise AssertionError  # the last attempt raised

    def _suspect_pipelining(self, error: Exception) -> None:
        """A server that loses its step even without STAT gets one command at a time."""
        if isinstance(error, (OutOfStepError, TimeoutError)):
            self._login = replace(self._login, lockstep=True)
            self._widest = 1

    def _start(self, ways: Ways) -> None:
        self.ways = ways
        self._frontier = Frontier(ways, self._names, ServerClock(self._course.zone), self._options, self._now)
        name = self._names.decode(self._under)
        self._begin(self._frontier, Folder(self._under, name, raw_unless_utf8(name, self._under) is None))

    def _begin(self, frontier: Frontier, folder: Folder) -> None:
        """The first folder was listed by the probe already, unless it is known from an earlier scan."""
        first = first_found(folder, frontier.ways)
        frontier.ways.first = None
        frontier.folders.append(folder)
        taken = frontier.take()
        if taken is not folder or first is None:
            if taken is not None:
                frontier.give_back(taken)
            return
        found, why = first
        if why and found.incomplete is None:
            frontier.doubt(found, why)
        else:
            frontier.settle(found)

    @property
    def _utf8(self) -> bool:
        return self._names.encoding == UTF8

    def _another(self) -> Steps[None]:
        """A further connection, given up silently where the server refuses it (421, or 530 on ProFTPD)."""
        try:
            session = yield from self._opened()
        except (ReconError, LostError, TimeoutError, OSError):
            return
        try:
            while self._frontier is None:
                yield None
        except BaseException:
            session.close()
            raise
        session.login = self._login  # exploring may have taught caution
        self._live += 1
        yield from self._work(session)

    def _opened(self) -> Steps[Session]:
        session = yield from open_session(self._login)
        try:
            yield from session.burst(*greetings(utf8=self._utf8))
        except BaseException:
            session.wire.close()
            raise
        return session

    # -- work

    def _work(self, session: Session | None) -> Steps[None]:
        frontier = self._frontier
        assert frontier is not None
        reader = LineReader(self._now)
        fruitless = 0
        session = session or (yield from self._again(1))
        while session is not None:
            pipeline = Pipeline(frontier, session, reader, widest=self._widest, crew=self)
            try:
                yield from pipeline.run()
            except (LostError, TimeoutError, OSError) as error:
                session.wire.close()
                fruitless = 1 if pipeline.progress else fruitless + 1
                self._salvage(pipeline, error)
                session = yield from self._again(fruitless)
            except BaseException:
                session.close()
                raise
            else:
                session.close()
                break
        self._live -= 1

    @property
    def live(self) -> int:
        """How many connections share the work."""
        return max(1, self._live)

    def _salvage(self, pipeline: Pipeline, error: Exception) -> None:
        """Put what was in flight back; the folder that was being answered is blamed, and given up at its third time."""
        frontier = self._frontier
        assert frontier is not None
        self._lost, self._lost_words = lost_reason(error), str(error)
        folders, questions, again = pipeline.unfinished()
        if isinstance(error, OutOfStepError) and not any(folder.by_data for folder in folders):
            self._slow_down(frontier)
        if folders:
            folders[0].tries += 1
        for folder in reversed(folders):
            if folder.tries >= MAX_TRIES:
                frontier.drop(folder, self._lost, self._lost_words)
            else:
                frontier.give_back(folder)
        if questions and not folders:
            questions[0].tries += 1
        for question in reversed(questions):
            if question.tries >= MAX_TRIES - 1:
                frontier.leave_unasked(question)
            else:
                frontier.questions.appendleft(question)
        if again is not None:
            self._doubt_again(frontier, *again)

    def _slow_down(self, frontier: Frontier) -> None:
        """Each time replies get out of step: fewer folders in a burst, no PWD, at last one command at a time."""
        if self._widest > 1:
            self._widest = 1 if self._widest <= FIRST_WINDOW else FIRST_WINDOW
        elif frontier.ways.pwd:
            frontier.ways.pwd = False  # the server may spell its paths in its own way
        elif frontier.ways.data:
            frontier.ways.stat = b""
            self._login = replace(self._login, lockstep=True)

    def _doubt_again(self, frontier: Frontier, found: Found, why: str) -> None:
        found.folder.tries += 1
        if found.folder.tries >= MAX_TRIES:
            self._give_up(frontier, found, why)
        else:
            frontier.doubt(found, why)

    def _again(self, fruitless: int) -> Steps[Session | None]:
        """A new connection, tried for a while with growing pauses; None when it is time to give up."""
        while fruitless <= self._course.patience:
            if fruitless > 1:
                yield Wait(-1, pause_s=min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**fruitless))
            try:
                return (yield from self._opened())
            except (AuthError, UnreachableError, FullError, LostError, TimeoutError, OSError) as error:
                self._lost, self._lost_words = lost_reason(error), str(error)
                fruitless += 1
            if self._live > 1 and fruitless > MAX_TRIES:
                return None
        return None
