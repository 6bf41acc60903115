"""What a fuzz target is, and what holds for every input: an answer or a documented refusal, and no write outside.

A target takes bytes from a stranger, and a folder that is all it may write to. It may raise a `ReconError` and what it
names in `refuses`; any other exception, and a write elsewhere, is a finding. libFuzzer bounds time and memory.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from recon_cli.core.errors import ReconError

MODULES = ("listings", "systems", "snapshots", "databases", "splats", "pictures", "services", "settings")
REGRESSIONS = Path(__file__).parent / "regressions"
"""Inputs that once did harm: a folder for each target."""
_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_EVENTS = {
    "os.mkdir": 1,
    "os.rename": 2,
    "os.link": 2,
    "os.symlink": 2,
    "os.remove": 1,
    "os.rmdir": 1,
    "os.truncate": 1,
}

Run = Callable[[bytes, Path], object]


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under test: its name, itself, bytes to begin with, and what it may raise beside ReconError."""

    name: str
    run: Run
    seeds: tuple[bytes, ...]
    refuses: tuple[type[Exception], ...] = ()


TARGETS: dict[str, Target] = {}


def target(*seeds: bytes, refuses: tuple[type[Exception], ...] = ()) -> Callable[[Run], Run]:
    """Enter a function as a target, named after its module and itself."""

    def enter(run: Run) -> Run:
        name = f"{run.__module__.rpartition('.')[2]}.{run.__name__}"
        TARGETS[name] = Target(name, run, seeds, refuses)
        return run

    return enter


def load(module: str) -> dict[str, Target]:
    """The targets of a module."""
    import_module(f"tests.fuzz.{module}")
    return {name: one for name, one in TARGETS.items() if name.startswith(f"{module}.")}


def every() -> dict[str, Target]:
    """All targets."""
    return {name: one for module in MODULES for name, one in load(module).items()}


def attempt(one: Target, data: bytes, folder: Path) -> None:
    """Run a target once; whatever it must not do is raised."""
    with watched(folder) as strays:
        try:
            one.run(data, folder)
        except (ReconError, *one.refuses):
            pass
    if strays:
        raise AssertionError(f"{one.name} wrote outside of its folder: {strays}")


def inputs(one: Target) -> Iterator[bytes]:
    """What every run begins with: the target's seeds, what is odd for every parser, what once did harm."""
    yield from one.seeds
    yield from ODD
    for path in sorted((REGRESSIONS / one.name).glob("*")):
        yield path.read_bytes()


ODD: tuple[bytes, ...] = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"[" * 20_000,
    b'{"a":' * 10_000,
    b"9" * 5000,
    b"null",
    b"[[]]",
    b"\xed\xa0\x80",
    b"../../../../etc/passwd",
)


@dataclass(slots=True)
class _Watch:
    """Where writing is allowed just now; None while nobody watches. An audit hook cannot be taken off again."""

    allowed: str | None = None
    strays: list[str] = field(default_factory=list)
    hooked: bool = False


_WATCH = _Watch()


@contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """The paths outside of `folder` that the block writes, makes, moves or removes through Python.

    The folder is the current one, and that of temporary files, so that relative and temporary names lie in it.
    """
    if not _WATCH.hooked:
        sys.addaudithook(_heard)
        _WATCH.hooked = True
    before = tempfile.tempdir
    with chdir(folder):
        tempfile.tempdir = str(folder)
        _WATCH.allowed, _WATCH.strays = os.path.realpath(folder), []
        try:
            yield _WATCH.strays
        finally:
            _WATCH.allowed, tempfile.tempdir = None, before


def _heard(event: str, given: tuple[Any, ...]) -> None:
    if _WATCH.allowed is None:
        return
    if event == "open":
        path, _, flags = given
        found: Iterable[Any] = (path,) if isinstance(flags, int) and flags & _CHANGING else ()
    else:
        found = given[: _EVENTS.get(event, 0)]
    for path in found:
        if isinstance(path, str | bytes | os.PathLike) and not _inside(os.fsdecode(path), _WATCH.allowed):
            _WATCH.strays.append(f"{event} {os.fsdecode(path)}")


def _inside(path: str, folder: str) -> bool:
    real = os.path.realpath(path)
    if path == os.devnull or "__pycache__" in Path(path).parts:  # a module that is imported for the first time
        return True
    return real == folder or real.startswith(f"{folder}{os.sep}")
