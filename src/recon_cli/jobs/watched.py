"""watched: run a job under a heartbeat and leave its outcome where Prometheus finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from recon_cli.core.errors import ExitCode, ReconError
from recon_cli.core.report import Problem, Report
from recon_cli.ops import metrics
from recon_cli.ops.clock import Clock
from recon_cli.ops.metrics import Gauge
from recon_cli.ops.ping import Ping


@dataclass(frozen=True, slots=True)
class Watch:
    """Who wants to hear of a job: a ping URL and a Prometheus textfile, each optional. `job` labels the gauges."""

    job: str
    ping_url: str = ""
    textfile: Path | None = None


def watched(watch: Watch, clock: Clock, run: Callable[[], Report]) -> Report:
    """Run, and tell the watchers. A watcher that cannot be told is a Problem; the exit code stays the job's."""
    ping = Ping(watch.ping_url)
    warnings = [ping.start()]
    began = clock.monotonic()
    try:
        report = run()
    except ReconError as exc:
        ping.fail(exc.message)
        _measure(watch, clock, clock.monotonic() - began, int(exc.code), {})
        raise
    failed = report.exit_code is not ExitCode.DONE
    warnings.append(ping.fail(report.summary) if failed else ping.success(report.summary))
    warnings.append(_measure(watch, clock, clock.monotonic() - began, int(report.exit_code), _numbers(report)))
    told = tuple(Problem("heartbeat", warning) for warning in warnings if warning)
    return replace(report, problems=(*report.problems, *told))


def _numbers(report: Report) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in report.body.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _measure(watch: Watch, clock: Clock, took_s: float, code: int, numbers: dict[str, float]) -> str | None:
    if watch.textfile is None:
        return None
    now = clock.now().timestamp()
    labels = {"job": watch.job}
    gauges = [
        Gauge("recon_last_run_timestamp_seconds", now, labels, "When the job last ended."),
        Gauge("recon_last_exit_code", code, labels, "Exit code of the last run."),
        Gauge("recon_last_duration_seconds", took_s, labels, "How long the last run took."),
        *(Gauge(f"recon_{name}", value, labels) for name, value in numbers.items()),
    ]
    if code == ExitCode.DONE:
        gauges.append(Gauge("recon_last_success_timestamp_seconds", now, labels, "When the job last ended well."))
    try:
        metrics.update(watch.textfile, gauges)
    except ReconError as exc:
        return f"{exc.message}: {exc.cause or exc.hint or ''}"
    return None
