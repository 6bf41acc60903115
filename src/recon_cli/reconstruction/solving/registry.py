"""Which solver there is: pycolmap from PyPI, else an installed `colmap`."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

from recon_cli.core.errors import ToolMissingError, UsageError
from recon_cli.reconstruction.solving.base import Solver

NAMES = ("auto", "pycolmap", "colmap")
_INSTALL = "run `pip install 'recon-cli[reconstruct]'`"


def choose(name: str, program: str = "colmap") -> Solver:
    """The solver of that name; `auto` takes pycolmap where it is, else the program.

    Raises:
        ToolMissingError: it is not installed, or cannot be used; the cause says why.
        UsageError: no solver has that name.
    """
    if name not in NAMES:
        raise UsageError(f"no camera solver `{name}`", hint=f"use one of {', '.join(NAMES)}")
    if name == "pycolmap" or (name == "auto" and find_spec("pycolmap")):
        return _pycolmap()
    found = shutil.which(program)
    if found is None:
        cause = f"neither the package pycolmap nor a program `{program}` is there" if name == "auto" else None
        raise ToolMissingError(
            "cameras cannot be solved here" if name == "auto" else f"no program `{program}`", cause=cause, hint=_INSTALL
        )
    from recon_cli.reconstruction.solving.program import Program  # noqa: PLC0415  only where it is the one

    return Program.probed(found)


def _pycolmap() -> Solver:
    try:
        from recon_cli.reconstruction.solving.library import Library  # noqa: PLC0415  the adapter of a heavy library
    except ImportError as exc:
        raise ToolMissingError("pycolmap cannot be used", cause=str(exc), hint=_INSTALL) from exc
    return Library()
