"""`recon` as it is where some packages are not installed: `python -m tests.support.without psycopg,sqlglot ARGS…`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class Without:
    """A finder that does not find these top-level names, as if they had never been installed."""

    def __init__(self, finder: Any, names: frozenset[str]) -> None:
        self.finder, self.names = finder, names

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in self.names:
            return None
        found: ModuleSpec | None = self.finder.find_spec(name, path, target)
        return found


if __name__ == "__main__":
    sys.meta_path[:] = [Without(one, frozenset(sys.argv[1].split(","))) for one in sys.meta_path]
    sys.argv = ["recon", *sys.argv[2:]]
    from recon_cli.cli.main import program

    program()
