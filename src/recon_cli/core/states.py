"""The states of a job, the words that tables use for them, and which may follow which."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a job is."""

    PENDING = "PENDING"
    """It waits: for its first run, for its turn, or to go on after it was interrupted."""
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


_READ = {
    "PENDING": State.PENDING,
    "QUEUED": State.PENDING,
    "RUNNING": State.RUNNING,
    "PROCESSING": State.RUNNING,
    "DONE": State.DONE,
    "COMPLETED": State.DONE,
    "FAILED": State.FAILED,
    "ERROR": State.FAILED,
    "CANCELLED": State.CANCELLED,
}
BEFORE = {
    State.PENDING: frozenset({State.PENDING, State.RUNNING, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset({State.PENDING}),
    State.DONE: frozenset({State.RUNNING}),
    State.FAILED: frozenset({State.PENDING, State.RUNNING}),
    State.CANCELLED: frozenset({State.PENDING, State.RUNNING}),
}
"""Each state, and those it may be reached from. What is done stays done; only what ran can be done."""


def read(word: object) -> State | None:
    """The state that a word in a table means, whichever vocabulary it is of; None for a word of neither."""
    return _READ.get(str(word).strip().upper())


def words(state: State) -> tuple[str, ...]:
    """Every word that means `state`."""
    return tuple(word for word, one in _READ.items() if one is state)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that one table uses."""

    running: str = "RUNNING"
    done: str = "DONE"
    failed: str = "FAILED"

    def word(self, state: State) -> str:
        """What is written for `state`."""
        return {State.RUNNING: self.running, State.DONE: self.done, State.FAILED: self.failed}.get(state, state.value)


def vocabulary(in_use: Collection[str]) -> Vocabulary:
    """The vocabulary of a table that holds these words; the usual one where it holds none."""
    other = bool({"PROCESSING", "COMPLETED"} & set(in_use)) and not {"RUNNING", "DONE"} & set(in_use)
    failed = "ERROR" if "ERROR" in in_use and "FAILED" not in in_use else "FAILED"
    return Vocabulary("PROCESSING", "COMPLETED", failed) if other else Vocabulary(failed=failed)
