"""The paths of a model's files, in the spelling of each table layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recon_cli.core.canonical import Value
from recon_cli.core.json_text import loads
from recon_cli.systems.viewer.shapes import LOCAL, SPLIT_PATHS, WEB


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a model's files are, relative to `files/` (`<id>/model.obj`); empty where there is no such file."""

    obj: str = ""
    mtl: str = ""
    textures: tuple[str, ...] = ()

    def all(self) -> tuple[str, ...]:
        """Every file named, once."""
        return tuple(dict.fromkeys(path for path in (self.obj, self.mtl, *self.textures) if path))


def columns(shape: str) -> tuple[str, ...]:
    """The path columns of a shape."""
    return ("file_paths",) if shape == LOCAL else SPLIT_PATHS


def render(paths: Paths, shape: str) -> dict[str, Value]:
    """The path columns as the application of this shape writes them."""
    prefix = "files/" if shape == WEB else ""
    obj, mtl = (prefix + path if path else "" for path in (paths.obj, paths.mtl))
    textures = [prefix + path for path in paths.textures]
    if shape == LOCAL:
        return {"file_paths": json.dumps({"obj_path": obj, "mtl_path": mtl, "texture_paths": textures})}
    return {"obj_path": obj, "mtl_path": mtl, "texture_paths": json.dumps(textures)}


def parse(row: Mapping[str, Value]) -> Paths | None:
    """The paths of a row of any shape; None where it names none or they cannot be read."""
    source: Mapping[str, Any] = row
    if not is_blank(row.get("file_paths")):
        loaded = _loaded(row["file_paths"])
        source = loaded if isinstance(loaded, Mapping) else row
    model = str(row.get("id") or "")
    obj, mtl = (_inside(_text(source.get(name)), model) for name in SPLIT_PATHS[:2])
    textures = tuple(filter(None, (_inside(path, model) for path in _list(source.get("texture_paths")))))
    return Paths(obj, mtl, textures) if obj or mtl or textures else None


def is_blank(cell: Value) -> bool:
    """Whether a path cell says nothing."""
    return cell in (None, "", b"", [], {}) or (isinstance(cell, str) and not cell.strip())


def _loaded(cell: Any) -> Any:  # noqa: ANN401  a cell of JSON, as an engine gives it back
    if not isinstance(cell, str | bytes):
        return cell
    try:
        return loads(cell)
    except ValueError:
        return None


def _list(cell: Any) -> tuple[str, ...]:  # noqa: ANN401  same
    """A list of paths; text that is no JSON is one path."""
    loaded = _loaded(cell)
    if isinstance(loaded, list):
        return tuple(one for one in loaded if isinstance(one, str) and one.strip())
    if isinstance(loaded, str):
        return (loaded,)
    return (cell,) if isinstance(cell, str) and cell.strip() and not cell.lstrip().startswith(("[", "{")) else ()


def _text(cell: Any) -> str:  # noqa: ANN401  same
    return cell.strip() if isinstance(cell, str) else ""


def _inside(path: str, model: str) -> str:
    """A path relative to `files/`, whatever folder of whatever machine it begins with."""
    clean = path.replace("\\", "/").strip()
    if model and f"{model}/" in clean:
        return clean[clean.index(f"{model}/") :]
    return clean.lstrip("./").removeprefix("files/")
