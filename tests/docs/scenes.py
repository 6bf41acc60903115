"""Where the docs' examples happen: folders with servers, set up as the page tells its reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from recon_cli.demo.tour import prepared


@contextmanager
def empty(_folder: Path) -> Iterator[None]:
    """Nothing there yet."""
    yield


def demo(folder: Path) -> AbstractContextManager[None]:
    """The folder that `recon demo` leaves, with its web host running and the database still lost."""
    return prepared(folder, 3)


SCENES: dict[str, Callable[[Path], AbstractContextManager[None]]] = {"empty": empty, "demo": demo}
