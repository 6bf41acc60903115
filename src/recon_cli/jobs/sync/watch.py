"""watch: take files in as they come, deliver as the target takes them, until somebody says stop."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from recon_cli.core.errors import ConfigError, ReconError, UnreachableError
from recon_cli.files.watched import mounts
from recon_cli.files.watched.events import Events
from recon_cli.jobs.sync.deliver import told
from recon_cli.jobs.sync.ends import Ends
from recon_cli.jobs.sync.run import pace, refill
from recon_cli.outbox.drain import Drain

Say = Callable[[str], None]
_IDLE_S = 0.2
_WAIT_S = 1.0
"""At most so long without a look whether to stop."""
_STOP_S = 30.0


@dataclass(slots=True)
class Told:
    """What was told last of each matter, so that the same is told once, and also that it is over."""

    say: Say
    last: dict[str, str] = field(default_factory=dict)

    def __call__(self, matter: str, text: str) -> None:
        """Tell, if it is news; an empty text means that all is well again."""
        if text != self.last.get(matter, ""):
            self.last[matter] = text
            self.say(f"{matter}: {text}" if text else f"{matter}: well again")


def watch(
    ends: Ends, say: Say, beat: Callable[[], None] = lambda: None, stop: Callable[[], bool] = lambda: False
) -> None:
    """Watch until a signal comes, or `stop` says so; what was taken in by then is in the outbox.

    Args:
        ends: what to work with.
        say: told what an operator should know, when it changes.
        beat: called after every scan of everything that went well.
        stop: asked at least every second; for threads, which no signal reaches.

    Raises:
        ConfigError: the registry cannot be read at the start.
    """
    refill(ends)
    tell = Told(say)
    with _listening(ends) as events, _delivering(ends, tell) as failed:
        _watch(ends, events, tell, beat, failed, stop)


def _watch(
    ends: Ends,
    events: Events | None,
    tell: Told,
    beat: Callable[[], None],
    failed: Sequence[BaseException],
    stop: Callable[[], bool],
) -> None:
    clock, route, intake = ends.queue.clock, ends.route, ends.intake
    rescan = poll = clock.monotonic()
    started = False
    while not stop():
        if failed:
            raise failed[0]
        now = clock.monotonic()
        polled = events is None or events.exhausted
        try:
            if now >= rescan:
                rescan = now + route.rescan_s
                intake.scan()
                started = True
                tell("source", "; ".join(f"{one.item} {one.reason}" for one in intake.taken.problems[:3]))
                beat()
            elif now >= poll and polled:
                poll = now + route.poll_s
                intake.poll()
            wait_s = intake.settle()
            tell("queue", "")
        except UnreachableError as exc:
            tell("source", told(exc))
            wait_s = None
        except ConfigError:
            if not started:
                raise
            wait_s = None
        except ReconError as exc:  # a full disk: what was read is read again
            tell("queue", told(exc))
            rescan, wait_s = now + route.poll_s, None
        until = min(rescan, poll if polled else rescan, now + (route.poll_s if wait_s is None else wait_s))
        if _hints(ends, events, until - clock.monotonic()):
            rescan = clock.monotonic()


def _hints(ends: Ends, events: Events | None, seconds: float) -> bool:
    """Wait, and follow what the kernel tells meanwhile; True where it lost count and everything is to be looked at."""
    if events is None:
        ends.queue.clock.sleep(max(0.01, min(seconds, _WAIT_S)))
        return False
    files, folders = events.wait(max(0.01, min(seconds, _WAIT_S)))
    for folder in folders:
        ends.intake.look_into(folder)
    for path in files:
        ends.intake.look_at(path)
    overflowed, events.overflowed = events.overflowed, False
    # A folder at the root may be a new source, and the registry says who the sources are.
    return overflowed or any("/" not in one for one in folders) or ends.intake.registry in files


@contextmanager
def _listening(ends: Ends) -> Iterator[Events | None]:
    """The kernel's hints, where it sees what others write; else None, and the folders are polled."""
    events = None if mounts.is_far(ends.route.root) else Events.open(ends.route.root)
    if events is None:
        yield None
        return
    with closing(events):
        ends.intake.listens = lambda folder: events.add([folder])
        events.add(["", ends.intake.registry.rpartition("/")[0]])
        yield events


@contextmanager
def _delivering(ends: Ends, tell: Told) -> Iterator[Sequence[BaseException]]:
    """A thread that drains the outbox for as long as the block runs; what ended it before, if anything did."""
    stop = threading.Event()
    failed: list[BaseException] = []
    worker = threading.Thread(target=_drain, args=(ends, tell, stop, failed), name="recon-deliver", daemon=True)
    worker.start()
    try:
        yield failed
    finally:
        stop.set()
        worker.join(_STOP_S)


def _drain(ends: Ends, tell: Told, stop: threading.Event, failed: list[BaseException]) -> None:
    """Deliver whenever something is ready; a trouble of the queue's own disk passes, a fault of ours ends the run."""
    target = ends.route.target.label
    drain = Drain(ends.queue, target, ends.delivery, pace(ends.route), random.random, stop.is_set)
    while not stop.is_set():
        try:
            if ends.queue.has_waiting(target):
                done = drain.again()
                if done.stopped_by is not None:
                    tell(target, f"{done.stopped_by.failure}: {done.stopped_by.detail}")
                elif done.delivered:
                    tell(target, "")
        except ReconError as exc:
            tell("queue", told(exc))
        except BaseException as exc:  # noqa: BLE001  handed to the main thread
            failed.append(exc)
            return
        stop.wait(_IDLE_S)
