"""One settings file: its values with their lines, and everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from recon_cli.config import keys
from recon_cli.config.keys import Key, Plain
from recon_cli.config.near import suggest
from recon_cli.core.errors import ConfigError

VERSION = 1
_NAME = re.compile(r"\w[\w-]*")
_HEADER = re.compile(r"\s*\[\[?\s*(?P<path>[^\]]+?)\s*\]\]?\s*(#.*)?")
_ASSIGN = re.compile(r"\s*(?P<path>(?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a settings file. `path` is `("files", "dothome", "url")`; `line` is None where it is not found."""

    path: tuple[str, ...]
    value: Plain
    line: int | None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file holds and what is wrong with it."""

    path: Path
    cells: tuple[Cell, ...] = ()
    problems: tuple[ConfigError, ...] = ()


def read(path: Path) -> Parsed:
    """Read one file; problems are collected, not raised."""
    import tomllib  # noqa: PLC0415  only where there is a file

    try:
        text = path.read_bytes().decode("utf-8")
        document = tomllib.loads(text)
    except RecursionError:
        return Parsed(path, problems=(ConfigError(f"{path} is not valid TOML", cause="it is nested too deep"),))
    except OSError as exc:
        return Parsed(
            path,
            problems=(ConfigError(f"cannot read {path}", cause=exc.strerror, hint="name a file that you may read"),),
        )
    except UnicodeDecodeError as exc:
        cause = f"byte {exc.start} is not UTF-8"
        return Parsed(path, problems=(ConfigError(f"{path} is not valid TOML", cause=cause, hint="save it as UTF-8"),))
    except tomllib.TOMLDecodeError as exc:
        return Parsed(path, problems=(_broken(path, exc),))
    return _Reader(path, lines(text)).read(document)


def lines(text: str) -> dict[tuple[str, ...], int]:
    """The line (1-based) of each header and key, as far as they stand at the start of a line."""
    found: dict[tuple[str, ...], int] = {}
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            section = _parts(header["path"])
            found.setdefault(section, number)
        elif assign := _ASSIGN.match(line):
            found.setdefault((*section, *_parts(assign["path"])), number)
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    path: Path
    lines: Mapping[tuple[str, ...], int]

    def read(self, document: Mapping[str, object]) -> Parsed:
        cells: list[Cell] = []
        problems: list[ConfigError] = []
        for found in self._walk(document):
            if isinstance(found, Cell):
                cells.append(found)
            else:
                problems.append(found)
        return Parsed(self.path, tuple(cells), tuple(problems))

    def _walk(self, document: Mapping[str, object]) -> Iterator[Cell | ConfigError]:
        for name, value in document.items():
            if name in keys.SECTIONS:
                yield from self._section(name, value)
            elif keys.find("", name):
                yield self._version(value)
            else:
                hint = suggest(name, (*keys.SECTIONS, *keys.names("")))
                yield self._wrong((name,), f"unknown key `{name}`", hint=hint)

    def _version(self, value: object) -> Cell | ConfigError:
        if value == VERSION and not isinstance(value, bool):
            return Cell(("version",), VERSION, self._line(("version",)))
        cause = f"this recon reads version {VERSION}"
        return self._wrong(
            ("version",), f"version {value!r} is unknown", cause, "update recon: `pip install --upgrade recon-cli`"
        )

    def _section(self, section: str, value: object) -> Iterator[Cell | ConfigError]:
        named = section in keys.NAMED
        if not isinstance(value, dict):
            hint = f"write `[{section}{'.NAME' if named else ''}]` on a line of its own"
            yield self._wrong((section,), f"`{section}` is not a section", hint=hint)
        elif not named:
            yield from self._keys(section, (section,), value)
        else:
            for name, keyed in value.items():
                yield from self._named(section, name, keyed)

    def _named(self, section: str, name: str, keyed: object) -> Iterator[Cell | ConfigError]:
        path = (section, name)
        if not isinstance(keyed, dict):
            yield self._wrong(path, f"`{section}.{name}` is not a section", hint=f"write `[{section}.NAME]` above it")
        elif not _NAME.fullmatch(name):
            yield self._wrong(path, f"{name!r} is not a name", hint="use letters, digits, `_` and `-`")
        else:
            yield from self._keys(section, path, keyed)

    def _keys(self, section: str, path: tuple[str, ...], keyed: Mapping[str, object]) -> Iterator[Cell | ConfigError]:
        for name, value in keyed.items():
            key = keys.find(section, name)
            yield self._unknown(section, (*path, name)) if key is None else self._cell(key, (*path, name), value)

    def _unknown(self, section: str, path: tuple[str, ...]) -> ConfigError:
        name = path[-1]
        if name == "password" and keys.find(section, "password_file"):
            hint = 'write it into a private file and say `password_file = "…"`'
            return self._wrong(path, "a password does not belong in the settings", hint=hint)
        return self._wrong(
            path, f"unknown key `{name}` in [{'.'.join(path[:-1])}]", hint=suggest(name, keys.names(section))
        )

    def _cell(self, key: Key, path: tuple[str, ...], value: object) -> Cell | ConfigError:
        try:
            return Cell(path, key.take(value), self._line(path))
        except ValueError:
            cause = f"expected {key.expected}, found {_found(key, value)}"
            return self._wrong(path, f"`{'.'.join(path)}` has a wrong value", cause)

    def _line(self, path: tuple[str, ...]) -> int | None:
        """The line of a key, or of what it stands in (an inline table)."""
        return next((self.lines[path[:size]] for size in range(len(path), 0, -1) if path[:size] in self.lines), None)

    def _wrong(
        self, path: tuple[str, ...], message: str, cause: str | None = None, hint: str | None = None
    ) -> ConfigError:
        line = self._line(path)
        return ConfigError(f"{self.path}{'' if line is None else f':{line}'}: {message}", cause=cause, hint=hint)


def _found(key: Key, value: object) -> str:
    """What was found instead; a text that might be a secret is not shown."""
    if isinstance(value, bool | int | float) or (key.choices and isinstance(value, str)):
        import json  # noqa: PLC0415  only for a mistake

        return json.dumps(value, ensure_ascii=False)
    names: dict[type, str] = {str: "a text", list: "a list", dict: "a section"}
    return names.get(type(value), f"a {type(value).__name__}")


def _broken(path: Path, exc: ValueError) -> ConfigError:
    message, _, place = str(exc).partition(" (at ")
    line = re.match(r"line (\d+)", place)
    where = f"{path}:{line[1]}" if line else str(path)
    return ConfigError(f"{where}: not valid TOML", cause=message[:1].lower() + message[1:], hint="put texts in quotes")


def _parts(dotted: str) -> tuple[str, ...]:
    found = re.findall(r"\"([^\"]*)\"|'([^']*)'|([^\s.\"']+)", dotted)
    return tuple(double or single or bare for double, single, bare in found)
