"""Names: which files are logs, which room a file is, and which rooms are kept back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from recon_cli.core.globs import compile_glob
from recon_cli.systems.text import base_name, compose, storable
from recon_cli.systems.wanted import wanted

PATTERN = "*.md"
COMBINED = ("전체", "전체*대화*", "통합*", "combined*", "all", "all[-_ ]*")
"""How the file is called that holds all rooms' turns once more."""


def room_of(path: str) -> str:
    """The room that a file is: its path without the ending, composed, so that both spellings are one room."""
    whole = compose(storable(path)).strip("/")
    return whole.removesuffix(".md") or whole


@dataclass(frozen=True, slots=True)
class Rooms:
    """Which paths are wanted. `excluded` and `combined` are patterns of rooms, compared without case.

    While any room is excluded, the combined file is not wanted: nothing in it says whose its turns are.
    """

    pattern: str = PATTERN
    excluded: tuple[str, ...] = ()
    combined: tuple[str, ...] = COMBINED
    _is_log: Callable[[str], bool] = field(init=False, repr=False, compare=False, default=bool)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_is_log", wanted(self.pattern))

    def wants(self, path: str) -> bool:
        """Whether a path may be read and sent."""
        return self._is_log(path) and not self.is_kept_back(path)

    def is_combined(self, path: str) -> bool:
        """Whether a file holds the turns of all rooms."""
        return _any(self.combined, path)

    def is_kept_back(self, path: str) -> bool:
        """Whether nothing of a file may leave."""
        return bool(self.excluded) and (_any(self.excluded, path) or self.is_combined(path))


def _any(patterns: Sequence[str], path: str) -> bool:
    room = room_of(path)
    names = {room.casefold(), base_name(room).casefold()}
    return any(
        compile_glob(compose(one).removesuffix(".md").casefold()).fullmatch(name) for one in patterns for name in names
    )
