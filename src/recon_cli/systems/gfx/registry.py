"""Which PCs write where: `pc_registry.json` in both of its spellings, or the folders themselves where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recon_cli.core.errors import ConfigError
from recon_cli.core.report import Problem
from recon_cli.systems.gfx import document, fields
from recon_cli.systems.gfx.document import Parsed, Refusal
from recon_cli.systems.gfx.names import REGISTRY
from recon_cli.systems.wanted import spelled

_PATHS = ("watch_path", "path")
_NOT_A_PC = frozenset({"config", "_error"})
"""Folders beside those of the PCs: the registry's, and where the service before put what it could not read."""


@dataclass(frozen=True, slots=True)
class Pc:
    """One PC. `folder` is relative to the root of the NAS, and holds its files and their dated sub-folders."""

    id: str
    folder: str
    enabled: bool = True
    name: str = ""
    ip: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Registry:
    """Every PC by the registry's order, and which entries could not be taken. Two enabled PCs never share a folder."""

    pcs: tuple[Pc, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def enabled(self) -> tuple[Pc, ...]:
        """The PCs whose files are wanted."""
        return tuple(pc for pc in self.pcs if pc.enabled)

    def pc_of(self, path: str) -> Pc | None:
        """Whose file this is: the PC of the innermost folder around it. None also where that PC is disabled."""
        where = spelled(path)
        around = [pc for pc in self.pcs if where.startswith(f"{pc.folder}/") or not pc.folder]
        found = max(around, key=lambda pc: (len(pc.folder), pc.enabled), default=None)
        return found if found is not None and found.enabled else None


def parse(raw: bytes, source: str = REGISTRY) -> Registry:
    """The registry in a file. An entry that cannot be taken is a problem that names it, and costs no other entry.

    Raises:
        ConfigError: the file is no registry at all, or not written to its end: keep the one that was read before.
    """
    found = document.read(raw)
    if isinstance(found, Refusal):
        hint = "run again when it is written" if found.waits else f"mend {source}; write it as JSON with a list `pcs`"
        raise ConfigError(f"{source} is {found.reason.value}", cause=found.detail, hint=hint)
    entries = found.keys.get("pcs")
    if not isinstance(entries, list):
        hint = 'write it as {"pcs": [{"id": "PC01"}]}'
        raise ConfigError(
            f"{source} has no list `pcs`", cause=f"it has {', '.join(found.keys) or 'nothing'}", hint=hint
        )
    return _registry(entries, source)


def of_folders(names: Iterable[str]) -> Registry:
    """A registry where there is no file: every folder at the root is a PC or a table, and everything below it is its.

    For sites such as `table-GG/1015/`, `table-GG/new/`. Hidden folders, `config` and `_error` are none.
    """
    found = sorted({spelled(name).strip("/") for name in names})
    return Registry(tuple(Pc(name, name) for name in found if not name.startswith(".") and name not in _NOT_A_PC))


def _registry(entries: list[Parsed], source: str) -> Registry:
    taken: dict[str, Pc] = {}
    problems = []
    for place, entry in enumerate(entries):
        read = _entry(entry)
        told = read if isinstance(read, str) else _clash(read, taken)
        if told:
            problems.append(Problem(f"{source}: {_name(place, entry)}", "not taken", told))
        elif isinstance(read, Pc):
            taken[read.id] = read
    return Registry(tuple(taken.values()), tuple(problems))


def _name(place: int, entry: Parsed) -> str:
    identity = fields.text(entry.get("id")) if isinstance(entry, dict) else ""
    return f"pcs[{place}] `{identity}`" if identity else f"pcs[{place}]"


def _entry(entry: Parsed) -> Pc | str:
    """The PC of an entry, or why it is none."""
    if not isinstance(entry, dict):
        return "it is not an object"
    identity, enabled = entry.get("id"), entry.get("enabled", True)
    if not isinstance(identity, str) or not identity.strip():
        return "`id` has to be text"
    if not isinstance(enabled, bool):
        return "`enabled` has to be true or false"
    name = spelled(identity.strip())
    folder = _folder(entry, name)
    if folder is None:
        return "its path has to lie below the NAS folder, such as `PC01/hands`"
    return Pc(name, folder, enabled, *(fields.text(entry.get(word)) for word in ("name", "ip", "description")))


def _folder(entry: Mapping[str, Parsed], identity: str) -> str | None:
    """The folder an entry names, `<id>/hands` where it names none, None where it leads out of the NAS."""
    given = next(
        (value for name in _PATHS if (value := entry.get(name)) is not None and value != ""), f"{identity}/hands"
    )
    if not isinstance(given, str):
        return None
    path = spelled(given.strip()).replace("\\", "/")
    names = [name for name in path.split("/") if name not in {"", "."}]
    outside = path.startswith("/") or ".." in names or (names and names[0].endswith(":"))
    return None if outside else "/".join(names)


def _clash(pc: Pc, taken: Mapping[str, Pc]) -> str:
    """Why a PC cannot stand beside those before it, empty if it can."""
    if pc.id in taken:
        return "another entry has this `id`"
    both = [one for one in taken.values() if one.folder == pc.folder and one.enabled and pc.enabled]
    other = next(iter(both), None)
    return f"its folder `{pc.folder}` is that of `{other.id}`" if other else ""
