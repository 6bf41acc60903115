"""One run of a sync: scan, settle, put; then lease, deliver, acknowledge until nothing is ready."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import reduce
from pathlib import Path

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.delivery import Failure
from recon_cli.core.errors import ConfigError, ExitCode, ReconError
from recon_cli.core.report import Problem, Report
from recon_cli.core.retry import RetryPolicy
from recon_cli.files.watched import look as looks
from recon_cli.jobs.sync.beside import Beside
from recon_cli.jobs.sync.ends import Ends, feed_of, seen_path
from recon_cli.jobs.sync.intake import Intake, Taken, registry_bytes
from recon_cli.jobs.sync.route import Route
from recon_cli.jobs.sync.seen import Seen
from recon_cli.ops import signals
from recon_cli.outbox import moves
from recon_cli.outbox.drain import Drain, Drained, Pace
from recon_cli.outbox.status import status

CODES = {
    Failure.AUTH: ExitCode.AUTH,
    Failure.DRIFT: ExitCode.DRIFT,
    Failure.TRANSIENT: ExitCode.UNREACHABLE,
    Failure.THROTTLED: ExitCode.UNREACHABLE,
}
_NAP_S = 0.2
_ROUNDS = 4
"""How often one run waits for files to settle; those that go on changing are the next run's."""
_SHOWN = 50


def once(ends: Ends, *, resend: bool = False, wait_s: float = 0.0) -> Report:
    """Take in what is there and deliver what is ready.

    Args:
        ends: what to work with.
        resend: send every file again, also those that the target is known to have.
        wait_s: how long to stay for a target that does not answer, and for items that are to be tried again.
    """
    intake = ends.intake
    began = ends.queue.clock.monotonic()
    refill(ends)
    if resend:
        ends.seen.read_again(delivered=True)
    ends.queue.change(lambda db: moves.probe(db, ends.route.target.label))
    failed, drained = _through(ends, wait_s)
    intake.taken.waiting += len(intake.settling)
    return report(ends, drained, ends.queue.clock.monotonic() - began, failed)


def _through(ends: Ends, wait_s: float) -> tuple[ReconError | None, Drained]:
    """Take in, deliver; where the queue had no room for all there is, again, for as long as that makes room.

    Batch by batch, where no rate is asked for: while one is on its way, the next is read and put. A target that is away
    costs a look at its circuit.
    """
    with Beside(lambda stop: drain(ends, until=0.0, stop=lambda: stop() or signals.stop_requested())) as beside:
        ends.intake.make_room = beside.now
        if ends.route.rate is None:
            ends.intake.after_put = beside.start
        while True:
            before = len(beside.done)
            failed = _take(ends.intake)
            beside.join()
            beside.done.append(drain(ends, until=ends.queue.clock.monotonic() + wait_s))
            made_room = any(one.delivered for one in beside.done[before:])
            if type(failed) is not ReconError or not made_room:
                return failed, reduce(Drained.and_then, beside.done)


def _take(intake: Intake) -> ReconError | None:
    """Take in what is there. What keeps us from it is no reason not to deliver what waits: a full disk drains."""
    try:
        intake.scan()
        for _round in range(_ROUNDS):
            if (left_s := intake.settle()) is None:
                break
            intake.clock.sleep(left_s)
    except ConfigError:
        raise
    except ReconError as exc:
        intake.taken.problems.append(Problem(str(intake.route.root), exc.message, exc.cause or ""))
        return exc
    return None


def would(route: Route, state_dir: Path) -> Report:
    """What a run would take in, found without touching queue, memory or target."""
    feed = feed_of(route)
    sources = feed.sources(registry_bytes(route, feed), looks.names_in(route.root))
    problems = list(sources.problems)
    path = seen_path(state_dir, route)
    with ExitStack() as stack:
        seen = stack.enter_context(closing(Seen(path))) if path.exists() else None
        files, new = 0, 0
        walked = (looks.walk(route.root, folder, problems.append) for folder in sources.folders)
        for one in {one.path: one for found in walked for one in found}.values():
            if feed.wants(one.path) and sources.owner(one.path):
                known = seen.known([one]).get(one.path) if seen else None
                files, new = files + 1, new + (known is None or known.look != one)
    body: dict[str, Json] = {"source": str(route.root), "target": route.target.label, "files": files, "new": new}
    told = f"{words.count(files, 'file')}, {new} new or changed; nothing was put or sent"
    return Report("recon.sync/1", told, body, problems=tuple(problems[:_SHOWN]))


def refill(ends: Ends) -> None:
    """Where the queue lost items, or is another one than at the last run: put again what no target has yet.

    Where another zone is stated than at the last run, the same files say other moments: put all again.
    """
    zone = ends.route.options.get("zone", "")
    if ends.seen.fact("zone") != zone:
        if ends.seen.fact("zone") is not None:
            ends.seen.read_again(delivered=True)
        ends.seen.note("zone", zone)
    mark = f"sync:{ends.seen.fact('name') or ''}"
    token = ends.queue.read(lambda db: db.execute("SELECT value FROM facts WHERE name = ?", (mark,)).fetchone())
    losses = str(ends.queue.read(lambda db: db.execute("SELECT count(*) FROM losses").fetchone())[0])
    if token is None or ends.seen.fact("losses") != losses:
        ends.seen.read_again(delivered=False)
        if not ends.seen.fact("name"):
            ends.seen.note("name", f"{random.getrandbits(64):x}")
        mark = f"sync:{ends.seen.fact('name')}"
        ends.queue.change(lambda db: db.execute("INSERT OR REPLACE INTO facts VALUES (?, '1')", (mark,)))
        ends.seen.note("losses", losses)


def pace(route: Route, *, patient: bool = False) -> Pace:
    """How a route drains."""
    return Pace(route.batch_items, rate=route.rate, patient=patient, items=RetryPolicy(route.retries))


def drain(ends: Ends, *, until: float, stop: Callable[[], bool] = signals.stop_requested) -> Drained:
    """Deliver until nothing is ready; until `until` (monotonic) also what is to be tried again."""
    queue, target = ends.queue, ends.route.target.label
    one = Drain(queue, target, ends.delivery, pace(ends.route), random.random, stop)
    done = one.run()
    while queue.clock.monotonic() < until and queue.has_waiting(target) and not stop():
        queue.clock.sleep(_NAP_S)
        done = done.and_then(one.again())
    return done


def report(ends: Ends, drained: Drained, took_s: float, failed: ReconError | None) -> Report:
    """What the run did, and what is left."""
    taken = ends.intake.taken
    left = ends.queue.read(lambda db: status(db, ends.queue.path, ends.queue.clock.monotonic()))
    target = ends.route.target.label
    waiting = sum(n for (one, _table), n in left.by_lane.items() if one == target) + left.accounts["spilled"]
    problems = [*taken.problems]
    problems += [Problem(f"{one.target} {one.table}".rstrip(), one.failure.value, one.detail) for one in left.circuits]
    if drained.buried:
        problems.append(Problem(target, "dead letters", f"{drained.buried} given up; `recon queue dead list` has them"))
    stash = ends.delivery.stash
    stashed = stash.kept if stash else 0
    body: dict[str, Json] = {
        "system": ends.route.system,
        "source": str(ends.route.root),
        "target": target,
        "files": taken.files,
        "put": taken.put,
        "unchanged": taken.unchanged,
        "being_written": taken.waiting,
        "unfit": taken.unfit,
        "refused": taken.refused,
        "delivered": drained.delivered,
        "retried": drained.retried,
        "buried": drained.buried,
        "stashed": stashed,
        "waiting": waiting,
        "notes": [note.document() for note in taken.notes[:_SHOWN]],
        "took_s": round(took_s, 3),
    }
    hints = [f"{words.count(taken.remarked, 'file')} taken with a remark; `--json` has them"] if taken.notes else []
    hints += ["`recon queue dead list` has what was refused"] if taken.refused else []
    paused = next((one.failure for one in left.circuits if one.target == target), None)
    code = _code(taken, drained, waiting, paused, failed)
    return Report(
        "recon.sync/1", _told(body), body, problems=tuple(problems[:_SHOWN]), exit_code=code, hints=tuple(hints)
    )


def _code(taken: Taken, drained: Drained, waiting: int, paused: Failure | None, failed: ReconError | None) -> ExitCode:
    """What stopped this run, or an earlier one for longer than until now, says why anything waits."""
    stopped = drained.stopped_by.failure if drained.stopped_by else paused
    if stopped is not None and waiting:
        return CODES.get(stopped, ExitCode.PARTIAL)
    if failed is not None:
        return failed.code
    partial = drained.buried or drained.retried or waiting or taken.unfit or taken.refused or taken.problems
    return ExitCode.PARTIAL if partial else ExitCode.DONE


def _told(body: dict[str, Json]) -> str:
    parts = [words.count(int(str(body["files"])), "file"), f"{body['put']} put", f"{body['delivered']} delivered"]
    parts += [f"{body[name]} {shown}" for name, shown in _LEFT.items() if body[name]]
    ends = f"({body['source']} → {body['target']})"
    return f"{body['system']}: {', '.join(parts)} {ends} in {words.seconds(float(str(body['took_s'])))}"


_LEFT = {
    "waiting": "waiting",
    "being_written": "being written",
    "unfit": "unfit",
    "refused": "refused",
    "buried": "given up",
}
