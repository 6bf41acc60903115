"""Which file in the folder is the texture that the MTL names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from recon_cli.systems import text
from recon_cli.systems.mtl import Map
from recon_cli.systems.naming import sanitised
from recon_cli.systems.viewer.layout import IMAGES


@dataclass(frozen=True, slots=True)
class Link:
    """`wanted` in the MTL is `file` in the folder, by `rule` (a slug of the confidence table)."""

    wanted: str
    file: str
    rule: str


@dataclass(frozen=True, slots=True)
class Links:
    """Every texture's place: linked, named and not found (with the files it could be), there and not named."""

    linked: tuple[Link, ...] = ()
    unlinked: dict[str, tuple[str, ...]] = field(default_factory=dict)
    spare: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """All texture files: those linked in the order of the MTL, then the others by name."""
        return (*dict.fromkeys(one.file for one in self.linked), *self.spare)

    def shared(self) -> dict[str, tuple[str, ...]]:
        """Files that several names fell on, with those names: one texture was overwritten by another."""
        claims: dict[str, tuple[str, ...]] = {}
        for one in self.linked:
            claims[one.file] = (*claims.get(one.file, ()), one.wanted)
        return {file: names for file, names in claims.items() if len(names) > 1}


def _extensionless(name: str) -> str:
    stem, suffix = text.split_suffix(sanitised(name))
    return stem.casefold() if suffix.casefold() in IMAGES else sanitised(name).casefold()


_RULES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("exact", text.compose),
    ("sanitised", sanitised),
    ("other-case", lambda name: text.compose(name).casefold()),
    ("other-case", lambda name: sanitised(name).casefold()),
    ("other-extension", _extensionless),
)
"""The rules in order of trust; each maps a wanted name and a file to a spelling in which they must be equal."""


def link(maps: Sequence[Map], files: Iterable[str]) -> Links:
    """Link texture names to image files (bare names), the surest rule first; what fits two files is not linked."""
    images = sorted(one for one in files if text.split_suffix(one)[1].casefold() in IMAGES)
    wanted = list(dict.fromkeys(one.name for one in maps))
    found: dict[str, Link] = {}
    doubtful: dict[str, tuple[str, ...]] = {}
    for rule, spelling in _RULES:
        for name in wanted:
            if name in found or name in doubtful:
                continue
            fits = _fitting(name, images, spelling)
            if len(fits) == 1:
                found[name] = Link(name, fits[0], rule)
            elif fits:
                doubtful[name] = fits
    _take_last(maps, images, found, doubtful)
    linked = tuple(found[name] for name in wanted if name in found)
    used = {one.file for one in linked}
    left = {name: doubtful.get(name, ()) for name in wanted if name not in found}
    return Links(linked, left, tuple(one for one in images if one not in used))


def _fitting(name: str, images: Sequence[str], spelling: Callable[[str], str]) -> tuple[str, ...]:
    """The files that a rule gives for a name. A name that the uploader emptied fits nothing."""
    meant = spelling(name)
    return tuple(one for one in images if spelling(one) == meant) if meant or "." in name else ()


def _take_last(
    maps: Sequence[Map], images: Sequence[str], found: dict[str, Link], doubtful: dict[str, tuple[str, ...]]
) -> None:
    """The only texture left goes to the only name left (or the only colour map among several)."""
    used = {one.file for one in found.values()}
    free = [one for one in images if one not in used]
    left = list(dict.fromkeys(one.name for one in maps if one.name not in found and one.name not in doubtful))
    colours = [name for name in left if any(one.statement == "map_kd" and one.name == name for one in maps)]
    heirs = left if len(left) == 1 else colours
    if len(free) == 1 and len(heirs) == 1:
        found[heirs[0]] = Link(heirs[0], free[0], "only-one-left")
