"""run: every backup of recon.toml, one after the other; what cron calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from recon_cli.config.backups import Target
from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ExitCode, ReconError
from recon_cli.core.ports import Progress, Silent
from recon_cli.core.report import Problem, Report, Table
from recon_cli.core.retention import Policy
from recon_cli.jobs.backup.destination import Destination
from recon_cli.jobs.backup.export import ExportRequest, export
from recon_cli.jobs.backup.git import GitHistory
from recon_cli.jobs.backup.listing import late, pruned
from recon_cli.jobs.backup.local import LocalFolder
from recon_cli.jobs.backup.verify import VerifyRequest, verify
from recon_cli.jobs.watched import Watch, watched
from recon_cli.ops.clock import Clock
from recon_cli.snapshot.manifest import Compression
from recon_cli.stores.bulk.registry import open_bulk

SEVERITY = (
    ExitCode.DATA,
    ExitCode.DRIFT,
    ExitCode.GUARD,
    ExitCode.FAILED,
    ExitCode.CONFIG,
    ExitCode.USAGE,
    ExitCode.AUTH,
    ExitCode.TOOL_MISSING,
    ExitCode.NOT_FOUND,
    ExitCode.STAGE,
    ExitCode.UNREACHABLE,
    ExitCode.LOCKED,
    ExitCode.PARTIAL,
    ExitCode.DONE,
)
"""Which of several exit codes a run ends with, the worst first: a snapshot that is damaged or does not come back, a
source that lost its rows, what needs a person, what may pass by itself, what was done in part."""

COMPRESSIONS = {"none": Compression.NONE, "zstd": Compression.ZSTD, "gzip": Compression.GZIP}
_COLUMNS = ("backup", "outcome", "snapshot", "rows", "size", "removed", "took")

Opened = Callable[[Target], AbstractContextManager[Destination]]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What holds for every backup of a run. `ping_url` hears of the run as a whole."""

    workers: int = 2
    force: bool = False
    ping_url: str = ""
    progress: Progress = field(default_factory=Silent)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How one backup went: its report, or the error that ended it."""

    name: str
    took_s: float
    report: Report | None = None
    error: ReconError | None = None

    @property
    def code(self) -> ExitCode:
        if self.error is not None:
            return self.error.code
        return self.report.exit_code if self.report else ExitCode.DONE


def run(targets: Sequence[Target], opened: Opened, state_dir: Path, request: RunRequest, clock: Clock) -> Report:
    """Back up every target; one that fails does not stop the others. The exit code is the worst, by `SEVERITY`."""

    def every() -> Report:
        began = clock.monotonic()
        outcomes = [_one(target, opened, state_dir, request, clock) for target in targets]
        return _report(outcomes, clock.monotonic() - began)

    return watched(Watch("backup", request.ping_url), clock, every)


def _one(target: Target, opened: Opened, state_dir: Path, request: RunRequest, clock: Clock) -> _Outcome:
    """One backup under its own heartbeat."""
    began = clock.monotonic()
    watch = Watch(f"backup {target.name}", target.ping_url, target.textfile)
    try:
        report = watched(watch, clock, lambda: _known(lambda: backup(target, opened, state_dir, request, clock)))
    except ReconError as exc:
        return _Outcome(target.name, clock.monotonic() - began, error=exc)
    return _Outcome(target.name, clock.monotonic() - began, report)


def _known(job: Callable[[], Report]) -> Report:
    """A bug that one backup meets is an error like any other: the next one still runs."""
    try:
        return job()
    except ReconError:
        raise
    except Exception as exc:
        hint = "this is a bug; `recon backup export … --debug` shows where it came from"
        raise ReconError(f"unexpected {type(exc).__name__}", cause=str(exc) or None, hint=hint) from exc


def planned(targets: Sequence[Target]) -> Report:
    """What a run would do, without doing anything."""
    columns = ("backup", "from", "to", "keep")
    rows: list[tuple[Json, ...]] = [
        (one.name, one.source.label, one.to.label, ", ".join(f"{number} {rule}" for rule, number in one.keep.items()))
        for one in targets
    ]
    body: dict[str, Json] = {"backups": [dict(zip(columns, row, strict=True)) for row in rows]}
    summary = f"{words.count(len(rows), 'backup')} would be made"
    return Report("recon.backup-plan/1", summary, body, (Table(columns, rows),))


def on_one_line(report: Report) -> Report:
    """The same report as a stream of one line, its problems within."""
    return replace(report, stream=(report.document(),), problems=(), hints=())


def backup(target: Target, opened: Opened, state_dir: Path, request: RunRequest, clock: Clock) -> Report:
    """Export, verify, and only then let older snapshots go."""
    with closing(open_bulk(target.source)) as store, opened(target) as destination:
        asked = _export(target, data_files(destination, target.compress), request)
        exported = export(store, target.source, destination, asked, clock)
        name = str(exported.body["snapshot"])
        proof = VerifyRequest(
            name, destination.url, target.verify == "drill", target.drill_in, trusted=True, progress=request.progress
        )
        with destination.open(name) as snapshot:
            verified = verify(snapshot, state_dir, proof, clock)
        gone: Report | None = None
        if verified.exit_code is ExitCode.DONE and target.keep:
            gone = pruned(destination, policy(target.keep), clock, dry=False)
        ahead = gone.problems if gone else late(destination.held(), clock.now())
        return _combined(target, exported, verified, gone, ahead)


def policy(keep: Mapping[str, int]) -> Policy:
    """The rules of retention, from `last`, `daily`, `weekly`, `monthly` and `yearly`."""
    return Policy(**{rule: keep.get(rule, 0) for rule in ("last", "daily", "weekly", "monthly", "yearly")})


def data_files(destination: Destination, compress: str) -> Compression:
    """How data files are compressed: as asked where they are kept as files, not at all inside of an archive."""
    kept_as_files = isinstance(destination, LocalFolder | GitHistory)
    return COMPRESSIONS[compress or "none"] if kept_as_files else Compression.NONE


def _export(target: Target, compression: Compression, request: RunRequest) -> ExportRequest:
    return ExportRequest(
        tables=target.tables,
        exclude=target.exclude,
        compression=compression,
        shard_rows=target.shard_rows,
        workers=request.workers,
        max_drop=target.max_drop,
        force=request.force,
        progress=request.progress,
    )


def _combined(
    target: Target, exported: Report, verified: Report, gone: Report | None, ahead: tuple[Problem, ...]
) -> Report:
    """One report of the three steps; its numbers become the gauges of the textfile."""
    body: dict[str, Json] = {
        "backup": target.name,
        **{
            key: exported.body.get(key)
            for key in ("source", "snapshot", "where", "changed", "rows", "size_bytes", "note")
        },
        "verified": verified.exit_code is ExitCode.DONE,
        "drill_age_seconds": verified.body["drill_age_seconds"],
        "last_drill_timestamp_seconds": verified.body["last_drill_timestamp_seconds"],
        "removed": gone.body["removed"] if gone else 0,
        "kept": gone.body["kept"] if gone else None,
    }
    summary = exported.summary if verified.exit_code is ExitCode.DONE else verified.summary
    problems = (*exported.problems, *verified.problems, *ahead)
    return Report("recon.backup/1", summary, body, problems=problems, exit_code=verified.exit_code)


def worst(codes: Sequence[ExitCode]) -> ExitCode:
    """The exit code that stands for all of these."""
    return min(codes, key=SEVERITY.index, default=ExitCode.DONE)


def _report(outcomes: Sequence[_Outcome], took_s: float) -> Report:
    failed = [one for one in outcomes if one.code is not ExitCode.DONE]
    unchanged = sum(1 for one in outcomes if one not in failed and one.report and not one.report.body["changed"])
    saved = len(outcomes) - len(failed) - unchanged
    summary = (
        f"{words.count(len(outcomes), 'backup')}: {saved} saved, {unchanged} unchanged, {len(failed)} failed"
        f" in {words.seconds(took_s)}"
    )
    body: dict[str, Json] = {
        "saved": saved,
        "unchanged": unchanged,
        "failed": len(failed),
        "seconds": round(took_s, 3),
        "backups": [_document(one) for one in outcomes],
    }
    problems = tuple(problem for one in outcomes for problem in _problems(one))
    table = Table(_COLUMNS, [_row(one) for one in outcomes])
    return Report("recon.backup-run/1", summary, body, (table,), problems, worst([one.code for one in outcomes]))


def _problems(one: _Outcome) -> tuple[Problem, ...]:
    if one.error is not None:
        detail = "; ".join(filter(None, (one.error.cause, one.error.hint)))
        return (Problem(one.name, one.error.message, detail),)
    return tuple(
        Problem(f"{one.name}: {problem.item}", problem.reason, problem.detail)
        for problem in (one.report.problems if one.report else ())
    )


def _row(one: _Outcome) -> tuple[Json, ...]:
    took = words.seconds(one.took_s)
    if one.report is None:
        return one.name, one.error.slug if one.error else "", "", None, "", None, took
    body = one.report.body
    size = body["size_bytes"]
    outcome = one.code.name.lower() if one.code is not ExitCode.DONE else "saved" if body["changed"] else "unchanged"
    return (
        one.name,
        outcome,
        body["snapshot"],
        body["rows"],
        words.size(size) if isinstance(size, int) else "",
        body["removed"],
        took,
    )


def _document(one: _Outcome) -> dict[str, Json]:
    error: Json = one.error.document() if one.error else None
    document: dict[str, Json] = {"backup": one.name, "exit_code": int(one.code), "seconds": round(one.took_s, 3)}
    return {**document, **(one.report.body if one.report else {}), "error": error}
