"""A splat whatever its format: told by its content, written by its suffix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from recon_cli.core.errors import NotFoundError, ReconError, UsageError
from recon_cli.reconstruction.splats import ply, splat, spz
from recon_cli.reconstruction.splats.gaussians import DEGREES, Gaussians

FORMATS: dict[str, ModuleType] = {"ply": ply, "splat": splat, "spz": spz}


@dataclass(frozen=True, slots=True)
class Head:
    """What the first bytes say: `form` is `ply`, `splat`, `splat (44 bytes)` or `spz`."""

    form: str
    count: int
    degree: int


def head(path: Path) -> Head:
    """Format, count and degree, without reading the Gaussians.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is no splat.
    """
    match _kind(path):
        case "ply":
            header = ply.read_header(path)
            return Head("ply", header.count, DEGREES[header.rest // 3 + 1])
        case "spz":
            _, number, degree, _ = spz.read_header(path)
            return Head("spz", number, degree)
        case _:
            kind = splat.dialect(path)
            form = "splat" if kind is splat.SHORT else "splat (44 bytes)"
            return Head(form, path.stat().st_size // kind.itemsize, 0)


def _kind(path: Path) -> str:
    """The format by the first bytes: a suffix may lie."""
    try:
        with path.open("rb") as file:
            first = file.read(4)
    except FileNotFoundError as exc:
        raise NotFoundError(f"no file {path}", hint="look at the path") from exc
    except OSError as exc:
        raise ReconError(f"cannot read {path}", cause=exc.strerror) from exc
    return "ply" if first.startswith(b"ply") else "spz" if first.startswith(b"\x1f\x8b") else "splat"


def read(path: Path) -> Gaussians:
    """Read a splat of any of the formats.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is no splat, or cut.
    """
    found: Gaussians = FORMATS[_kind(path)].read(path)
    return found


def form_of(path: Path) -> str:
    """The format that a file of this name is written in.

    Raises:
        UsageError: none is.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        raise UsageError(f"no format for {path.name}", hint="name a file `.ply`, `.splat` or `.spz`")
    return form


def write(gaussians: Gaussians, path: Path) -> int:
    """Write a splat in the format of the suffix; gives the size in bytes.

    Raises:
        UsageError: there is no such format.
        ReconError: the file system refuses.
    """
    size_bytes: int = FORMATS[form_of(path)].write(gaussians, path)
    return size_bytes
