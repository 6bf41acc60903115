"""`recon` as it is where some packages are not installed: `python -m tests.support.without psycopg,sqlglot ARGS…`."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec


class Missing(MetaPathFinder):
    """Finds nothing for these top-level names, as if they had never been installed."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


if __name__ == "__main__":
    sys.meta_path.insert(0, Missing(set(sys.argv[1].split(","))))
    sys.argv = ["recon", *sys.argv[2:]]
    from recon_cli.cli.main import program

    program()
