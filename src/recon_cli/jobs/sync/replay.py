"""replay: drain the outbox now, target after target, by the same identity and the same classes of errors as sync."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ExitCode, ReconError
from recon_cli.core.place import Place
from recon_cli.core.report import Problem, Report, Table
from recon_cli.jobs.sync.aliases import Aliases
from recon_cli.jobs.sync.columns import Columns
from recon_cli.jobs.sync.deliver import Delivery, told
from recon_cli.jobs.sync.run import CODES
from recon_cli.outbox import lanes, moves
from recon_cli.outbox.drain import Drain, Drained, Pace
from recon_cli.outbox.queue import Outbox
from recon_cli.stores.sink.registry import open_sink


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one target's items."""

    target: str
    drained: Drained
    waiting: int
    error: ReconError | None = None


def replay(
    queue: Outbox,
    place_of: Callable[[str], Place],
    only: str = "",
    rate: float | None = None,
    options: Mapping[str, Mapping[str, str]] | None = None,
) -> Report:
    """Deliver everything that waits, also what was put off and what stands behind an open circuit.

    Args:
        queue: the outbox.
        place_of: the place that a target's name means.
        only: one target; all of them if empty.
        rate: items a second at most.
        options: by system, what overrides the options that an item was put with.
    """
    queue.refill()
    done = [_one(queue, name, place_of, rate, options or {}) for name in targets(queue) if only in {"", name}]
    return _report(done)


def targets(queue: Outbox) -> list[str]:
    """The targets that anything waits for."""
    return list(dict.fromkeys(queue.read(lambda db: [lane.target for lane in lanes.lanes(db)])))


def _one(
    queue: Outbox,
    name: str,
    place_of: Callable[[str], Place],
    rate: float | None,
    options: Mapping[str, Mapping[str, str]],
) -> Replayed:
    drained = Drained()
    try:
        with closing(open_sink(place_of(name))) as sink:
            queue.change(lambda db: moves.hurry(db, name))
            delivery = Delivery(sink, Columns(queue, name), Aliases(queue), options=options)
            drained = Drain(queue, name, delivery, Pace(rate=rate), random.random).run()
    except ReconError as exc:
        return Replayed(name, drained, _waiting(queue, name), exc)
    return Replayed(name, drained, _waiting(queue, name))


def _waiting(queue: Outbox, name: str) -> int:
    query = "SELECT count(*) FROM items WHERE target = ?"
    return queue.read(lambda db: int(db.execute(query, (name,)).fetchone()[0]))


def _report(done: Sequence[Replayed]) -> Report:
    found: list[dict[str, Json]] = [
        {
            "target": one.target,
            "delivered": one.drained.delivered,
            "retried": one.drained.retried,
            "buried": one.drained.buried,
            "waiting": one.waiting,
        }
        for one in done
    ]
    problems = tuple(problem for one in done for problem in _problems(one))
    delivered, left = (sum(int(str(one[name])) for one in found) for name in ("delivered", "waiting"))
    columns = ("target", "delivered", "retried", "buried", "waiting")
    summary = f"{words.count(delivered, 'item')} delivered, {left} waiting"
    table = Table(columns, [[one[name] for name in columns] for one in found])
    body: dict[str, Json] = {"targets": list(found), "delivered": delivered, "waiting": left}
    return Report("recon.queue-replay/1", summary, body, (table,) if found else (), problems, _code(done))


def _problems(one: Replayed) -> list[Problem]:
    stopped = one.drained.stopped_by
    problems = [Problem(one.target, stopped.failure.value, stopped.detail)] if stopped else []
    problems += [Problem(one.target, one.error.slug, told(one.error))] if one.error else []
    if one.drained.buried:
        hint = f"{one.drained.buried} given up; `recon queue dead list` has them"
        problems.append(Problem(one.target, "dead letters", hint))
    return problems


def _code(done: Sequence[Replayed]) -> ExitCode:
    """The first target that could not be reached decides; else whether anything is left."""
    for one in done:
        if one.error:
            return one.error.code
        if one.drained.stopped_by and one.waiting:
            return CODES.get(one.drained.stopped_by.failure, ExitCode.PARTIAL)
    partial = any(one.waiting or one.drained.buried for one in done)
    return ExitCode.PARTIAL if partial else ExitCode.DONE
