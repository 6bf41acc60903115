"""The layers of settings, from the weakest to the strongest, and where each value came from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from recon_cli.config import keys
from recon_cli.config.keys import KEYS, Key, Kind, Plain
from recon_cli.config.reference import variable, variable_part
from recon_cli.core.errors import ConfigError
from recon_cli.ops import paths


class Layer(StrEnum):
    """Where a value can come from; the later wins."""

    DEFAULT = "default"
    SYSTEM = "system"
    USER = "user"
    PROJECT = "project"
    ENVIRONMENT = "environment"
    FLAG = "flag"

    @property
    def strength(self) -> int:
        """The place in the order; the greater wins."""
        return list(Layer).index(self)


@dataclass(frozen=True, slots=True)
class Source:
    """Where one value came from: the layer, and the file with its line, the variable or the flag.

    `base` is the folder that relative paths are relative to.
    """

    layer: Layer
    where: str = ""
    base: Path = field(default_factory=Path.cwd)

    def __str__(self) -> str:
        return f"{self.layer} ({self.where})" if self.where else str(self.layer)


@dataclass(frozen=True, slots=True)
class Setting:
    """One value under its dotted key, with its source."""

    key: str
    value: Plain
    source: Source


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to look. Tests and `--config` fill in what they must; `found()` looks at the machine."""

    system: Path | None = None
    user: Path | None = None
    project: Path | None = None
    project_is_named: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, Plain | None] = field(default_factory=dict)

    @classmethod
    def found(cls, config: Path | None = None, flags: Mapping[str, Plain | None] | None = None) -> Sources:
        """The files of this machine, `RECON_*`, and `config` (or `RECON_CONFIG`) in place of a `recon.toml` above."""
        named = config or _path(os.environ.get("RECON_CONFIG"))
        project = named or paths.project_config(Path.cwd())
        system, user = (path if path.is_file() else None for path in (paths.system_config(), paths.user_config()))
        return cls(system, user, project, named is not None, dict(os.environ), flags or {})


def gather(sources: Sources) -> tuple[dict[str, Setting], tuple[ConfigError, ...]]:
    """The winning value of every key, and everything that is wrong in any layer."""
    settings: dict[str, Setting] = {}
    problems: list[ConfigError] = []
    for found in _all(sources):
        if isinstance(found, Setting):
            settings[found.key] = found
        else:
            problems.append(found)
    return _fold_names(settings), tuple(problems)


def _all(sources: Sources) -> Iterator[Setting | ConfigError]:
    yield from _defaults()
    for layer, path in ((Layer.SYSTEM, sources.system), (Layer.USER, sources.user), (Layer.PROJECT, sources.project)):
        if path is not None:
            yield from _file(layer, path.absolute(), trusted=layer is not Layer.PROJECT or sources.project_is_named)
    yield from _environment(sources.environ)
    yield from _flags(sources.flags)


def _defaults() -> Iterator[Setting]:
    for key in KEYS:
        if key.default is not None:
            yield Setting(key.shown, key.default, Source(Layer.DEFAULT))


def _file(layer: Layer, path: Path, *, trusted: bool) -> Iterator[Setting | ConfigError]:
    from recon_cli.config import toml  # noqa: PLC0415  only where there is a file

    parsed = toml.read(path)
    yield from parsed.problems
    for cell in parsed.cells:
        where = str(path) if cell.line is None else f"{path}:{cell.line}"
        if not trusted and cell.path[-1].endswith("_command") and not _is_ours(path):
            yield _foreign(path, where)
        else:
            yield _setting(cell.path, cell.value, Source(layer, where, path.parent))


def _environment(environ: Mapping[str, str]) -> Iterator[Setting | ConfigError]:
    for variable_name, text in sorted(environ.items()):
        key, name = _meant(variable_name)
        if key is None or not text:
            continue
        path = (key.section, name, key.name) if name else (key.section, key.name)
        try:
            yield _setting(path, key.parse(text), Source(Layer.ENVIRONMENT, variable_name))
        except ValueError:
            yield ConfigError(
                f"`{variable_name}` has a wrong value", cause=f"expected {key.expected}", hint="correct or unset it"
            )


def _meant(variable_name: str) -> tuple[Key | None, str]:
    """The key that a variable sets, and the place's name in lower case where it has one."""
    for key in KEYS:
        if key.section in keys.NAMED:
            before, after = f"RECON_{key.section.upper()}_", f"_{key.name.upper()}"
            name = variable_name.removeprefix(before).removesuffix(after)
            if name and variable_name == f"{before}{name}{after}":
                return key, name.lower()
        elif key.section and variable_name == variable(key):
            return key, ""
    return None, ""


def _flags(flags: Mapping[str, Plain | None]) -> Iterator[Setting]:
    for dotted, value in flags.items():
        if value is not None:
            flag = "--" + dotted.rpartition(".")[2].replace("_", "-")
            yield _setting(tuple(dotted.split(".")), value, Source(Layer.FLAG, flag))


def _setting(path: tuple[str, ...], value: Plain, source: Source) -> Setting:
    key = keys.find(path[0] if len(path) > 1 else "", path[-1])
    if key is not None and key.kind is Kind.PATH:
        value = str(source.base / Path(str(value)).expanduser())
    return Setting(".".join(path), value, source)


def _fold_names(settings: dict[str, Setting]) -> dict[str, Setting]:
    """Give what variables say of `my_host` to the `[files.my-host]` of a file: variables cannot spell every name."""
    written = {
        (section, variable_part(name)): name
        for section, name in (_place(one.key) for one in settings.values() if one.source.layer is not Layer.ENVIRONMENT)
        if name
    }
    folded: dict[str, Setting] = {}
    for one in settings.values():
        section, name = _place(one.key)
        meant = written.get((section, variable_part(name)), name) if one.source.layer is Layer.ENVIRONMENT else name
        key = f"{section}.{meant}.{one.key.rpartition('.')[2]}" if name else one.key
        folded[key] = Setting(key, one.value, one.source)
    return folded


def _place(dotted: str) -> tuple[str, str]:
    """The section and the place's name of a dotted key; no name outside the named sections."""
    section, _, rest = dotted.partition(".")
    return section, rest.rpartition(".")[0] if section in keys.NAMED else ""


def _is_ours(path: Path) -> bool:
    return path.stat().st_uid in {os.geteuid(), 0} and not path.stat().st_mode & 0o002


def _foreign(path: Path, where: str) -> ConfigError:
    return ConfigError(
        f"{where}: refused to run a command from this file",
        cause=f"{path} was found by looking upward and others can write it",
        hint=f"look at it, then name it: `--config {path}`",
    )


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None
