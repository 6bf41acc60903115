"""What a job's log says about how far it came and what stopped it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from recon_cli.systems import text

_STAGES = {
    1: "colmap_feature",
    2: "colmap_matching",
    3: "colmap_mapper",
    4: "colmap_undistort",
    5: "gaussian_splatting",
    6: "export",
}
_NUMBERED = re.compile(r">>\s*\[(\d+)/\d+\]\s*(.*)")
_STEP = re.compile(r">>\s*\[([A-Za-z][A-Za-z0-9 _-]*)\]\s*(.*)")
_EXCEPTION = re.compile(r"\[Exception\]\s*(.*)")
_TYPED = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit))\b:?\s*(.*)")
_REMARKS = frozenset({"WARN", "WARNING", "INFO", "DEBUG", "OK"})
_STARTED = re.compile(r"=== Job \S+ started ===")
_COMPLETED = re.compile(r"=== Job \S+ completed|>>\s*\[(?:DONE|COMPLETED)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Failure:
    """One error: the stage it came in (may be empty), its type where one is named, and its text."""

    stage: str
    type: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """The last run in a log: the stage it reached, its errors, whether it says it completed; `starts` counts runs."""

    stage: str = ""
    stage_line: str = ""
    failures: tuple[Failure, ...] = ()
    completed: bool = False
    starts: int = 0


def parse(raw: bytes) -> Run:
    """Read a log, or its end. A new start forgets what went wrong before it."""
    run = Run()
    lines = text.decode(raw).splitlines()
    for number, line in enumerate(lines):
        run = _read(run, line.strip(), lines, number)
    return run


def _read(run: Run, line: str, lines: list[str], number: int) -> Run:
    if _STARTED.search(line):
        return Run(starts=run.starts + 1)
    if _COMPLETED.search(line):
        return replace(run, completed=True)
    numbered = _NUMBERED.search(line)
    if numbered:
        position = int(numbered[1])
        return replace(run, stage=_STAGES.get(position, f"stage {position}"), stage_line=line)
    step, exception = _STEP.search(line), _EXCEPTION.search(line)
    if exception or (step and step[1].upper() == "ERROR"):
        message = exception[1] if exception else step[2] if step else ""
        failure = _failure(run.stage, message.strip(), "\n".join(_traceback(lines, number)))
        return replace(run, failures=(*run.failures, failure), completed=False)
    if step and step[1].upper() not in _REMARKS:
        return replace(run, stage=step[1].strip(), stage_line=line)
    return run


def _failure(stage: str, message: str, traceback: str) -> Failure:
    named = _TYPED.match(message) or _TYPED.match(traceback.rpartition("\n")[2])
    return Failure(stage, named[1] if named else "", message or (named[2] if named else ""), traceback)


def _traceback(lines: list[str], number: int) -> Iterator[str]:
    """The traceback right after the line, if there is one."""
    if not any(line.startswith("Traceback (most recent") for line in lines[number + 1 : number + 2]):
        return
    for line in lines[number + 1 :]:
        yield line.rstrip()
        if not line.startswith((" ", "Traceback")):
            return
