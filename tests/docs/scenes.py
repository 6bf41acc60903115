"""Where the docs' examples happen: folders with servers, set up as the page tells its reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from recon_cli.demo.tour import prepared
from tests.support.outboxes import letters, opened


@contextmanager
def empty(_folder: Path) -> Iterator[None]:
    """Nothing there yet."""
    yield


def demo(folder: Path) -> AbstractContextManager[None]:
    """The folder that `recon demo` leaves, with its web host running and the database still lost."""
    return prepared(folder, 3)


@contextmanager
def queue(folder: Path) -> Iterator[None]:
    """A queue with a few items waiting, and one that the target refused."""
    with opened(folder / "state") as box:
        box.put(letters(*range(5)))
        refused, *others = box.lease("db", lease_s=1)
        box.bury(refused, "poison", "22P02: invalid input syntax")
        box.release(others)
    yield


SCENES: dict[str, Callable[[Path], AbstractContextManager[None]]] = {"empty": empty, "demo": demo, "queue": queue}
