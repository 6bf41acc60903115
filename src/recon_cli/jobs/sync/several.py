"""several: one source to several targets at once, each by a lane of its own: one that is away holds no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from recon_cli.core.canonical import Json
from recon_cli.core.errors import ExitCode, ReconError
from recon_cli.core.report import Problem, Report
from recon_cli.jobs.sync.deliver import told
from recon_cli.jobs.sync.ends import Ends
from recon_cli.ops import signals

T = TypeVar("T")
_LOOK_S = 0.2
_STOP_S = 40.0


def each(ends: Sequence[Ends], run: Callable[[Ends], Report]) -> Report:
    """Run for every target at the same time, and tell of all of them.

    Args:
        ends: what to work with, target by target.
        run: one target's run.

    Raises:
        Stopped: a signal came.
    """
    done: list[Report | ReconError] = _beside([_caught(run, one) for one in ends])
    reports = [
        _failed(one, found) if isinstance(found, ReconError) else found for one, found in zip(ends, done, strict=True)
    ]
    return together(reports)


def together(reports: Sequence[Report], schema: str = "recon.sync-several/1") -> Report:
    """Several reports as one: their lines, their documents, and the worst exit code."""
    bodies: list[Json] = [{"schema": one.schema, "exit_code": int(one.exit_code), **one.body} for one in reports]
    body: dict[str, Json] = {"targets": bodies}
    return Report(
        schema,
        "; ".join(one.summary for one in reports),
        body,
        tuple(table for one in reports for table in one.tables),
        tuple(problem for one in reports for problem in one.problems),
        max((one.exit_code for one in reports), default=ExitCode.DONE),
        hints=tuple(dict.fromkeys(hint for one in reports for hint in one.hints)),
    )


def watch_all(ends: Sequence[Ends], watch: Callable[[Ends, Callable[[], bool]], None]) -> None:
    """Watch for every target in a thread of its own, until a signal comes or one of them ends."""
    _beside([_watching(watch, one) for one in ends])


def _watching(watch: Callable[[Ends, Callable[[], bool]], None], ends: Ends) -> Callable[[Callable[[], bool]], None]:
    return lambda stop: watch(ends, stop)


def _caught(run: Callable[[Ends], Report], ends: Ends) -> Callable[[Callable[[], bool]], Report | ReconError]:
    def caught(_stop: Callable[[], bool]) -> Report | ReconError:
        try:
            return run(ends)
        except ReconError as exc:
            return exc

    return caught


def _beside(works: Sequence[Callable[[Callable[[], bool]], T]]) -> list[T]:
    """All of them in threads; their results in order. What one raises ends all, and is raised here."""
    stop = threading.Event()
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            results[number] = works[number](lambda: stop.is_set() or signals.stop_requested())
        except BaseException as exc:  # noqa: BLE001  raised by the main thread
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(works))]
    for one in threads:
        one.start()
    try:
        while any(one.is_alive() for one in threads) and not errors:
            for one in threads:
                one.join(_LOOK_S)
    finally:
        stop.set()
        for one in threads:
            one.join(_STOP_S)
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(works))]


def _failed(ends: Ends, error: ReconError) -> Report:
    target = ends.route.target.label
    body: dict[str, Json] = {"system": ends.route.system, "source": str(ends.route.root), "target": target}
    summary = f"{ends.route.system}: nothing done ({ends.route.root} → {target})"
    return Report(
        "recon.sync/1", summary, body, problems=(Problem(target, error.slug, told(error)),), exit_code=error.code
    )
