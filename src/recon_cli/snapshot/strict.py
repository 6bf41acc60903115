"""Reading JSON from a stranger: every field is there, of its type and within its bounds, and no other field is."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from recon_cli.core.errors import DataError

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

LONGEST_TEXT = 1 << 20
MOST_ITEMS = 1 << 20
_LEAST, _GREATEST = -(1 << 63), (1 << 64) - 1


def damaged(where: str, cause: str) -> DataError:
    """The error of everything that is not as the format says."""
    return DataError(f"{where} is not as the format says", cause=cause, hint="take another snapshot, or make a new one")


class Fields:
    """The fields of one JSON object. `where` names it in errors; each field is asked for once, then `end` is called."""

    def __init__(self, found: object, where: str) -> None:
        if not isinstance(found, dict):
            raise damaged(where, f"{type(found).__name__} in place of an object")
        self.where = where
        self._left = dict(found)

    def text(self, name: str, default: str | None = None, *, longest: int = LONGEST_TEXT) -> str:
        """A string."""
        found = self._of(name, str, default)
        if len(found) > longest:
            raise damaged(self.where, f"{name} is longer than {longest} signs")
        return found

    def maybe(self, name: str) -> str | None:
        """A string, null, or nothing at all."""
        if self._left.get(name) is None:
            self._left.pop(name, None)
            return None
        return self.text(name)

    def number(self, name: str, *, least: int = 0, greatest: int = _GREATEST) -> int:
        """A whole number."""
        found = self._of(name, int, None)
        if not least <= found <= greatest:
            raise damaged(self.where, f"{name} is {found}, not from {least} to {greatest}")
        return found

    def maybe_number(self, name: str) -> int | None:
        """A whole number, null, or nothing at all."""
        if self._left.get(name) is None:
            self._left.pop(name, None)
            return None
        return self.number(name, least=_LEAST)

    def truth(self, name: str, *, default: bool) -> bool:
        """True or false."""
        return self._of(name, bool, default)

    def word(self, name: str, words: type[E], default: E | None = None) -> E:
        """One of the words of an enumeration."""
        found = self.text(name, default)
        try:
            return words(found)
        except ValueError as exc:
            raise damaged(self.where, f"{name} is {found!r}") from exc

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; empty if it is not there."""
        return tuple(_exactly(one, str, f"{self.where}, {name}") for one in self._list(name))

    def numbers(self, name: str, greatest: int) -> tuple[int, ...]:
        """A list of positions below `greatest`; empty if it is not there."""
        found = tuple(_exactly(one, int, f"{self.where}, {name}") for one in self._list(name))
        if not all(0 <= one < greatest for one in found):
            raise damaged(self.where, f"{name} points outside")
        return found

    def objects(self, name: str, load: Callable[[Fields], T]) -> tuple[T, ...]:
        """A list of objects, each read by `load`; empty if it is not there."""
        return tuple(
            self._one(one, f"{self.where}, {name} {place}", load) for place, one in enumerate(self._list(name))
        )

    def inner(self, name: str) -> Fields:
        """An object; an empty one if it is not there."""
        return Fields(self._left.pop(name, {}), f"{self.where}, {name}")

    def settings(self, name: str) -> dict[str, str | int]:
        """An object of strings and whole numbers; empty if it is not there."""
        inner = self.inner(name)
        found = {key: inner.setting(key) for key in list(inner._left)}  # noqa: SLF001  its own kind
        inner.end()
        return found

    def setting(self, name: str) -> str | int:
        """A string or a whole number."""
        found = self._left.get(name)
        return self.number(name, least=_LEAST) if isinstance(found, int) else self.text(name)

    def end(self) -> None:
        """All was asked for: what is left over is not part of the format."""
        if self._left:
            raise damaged(self.where, f"unknown field {next(iter(self._left))!r}")

    def _one(self, found: object, where: str, load: Callable[[Fields], T]) -> T:
        inner = Fields(found, where)
        made = load(inner)
        inner.end()
        return made

    def _list(self, name: str) -> list[object]:
        found: list[object] = self._of(name, list, [])
        if len(found) > MOST_ITEMS:
            raise damaged(self.where, f"{name} has more than {MOST_ITEMS} items")
        return found

    def _of(self, name: str, wanted: type[T], default: T | None) -> T:
        if name not in self._left and default is not None:
            return default
        if name not in self._left:
            raise damaged(self.where, f"{name} is missing")
        return _exactly(self._left.pop(name), wanted, f"{self.where}, {name}")


def _exactly(found: object, wanted: type[T], where: str) -> T:
    """The value, if it is of this very type: True is no number here."""
    if type(found) is not wanted:
        raise damaged(where, f"{type(found).__name__} in place of {wanted.__name__}")
    return found
