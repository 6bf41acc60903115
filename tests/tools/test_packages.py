"""What the tests ask of the system is what CI installs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def installed() -> set[str]:
    """The Debian packages that noxfile.py installs; those of Node only where there is no other."""
    found: set[str] = set()
    for statement in ast.parse((ROOT / "noxfile.py").read_text("utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) in {
            "DEBIAN_PACKAGES",
            "NODE_PACKAGES",
        }:
            found |= set(ast.literal_eval(statement.value))
    return found


def test_every_debian_package_that_a_test_requires_is_installed_for_ci() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")]
    wanted = {package for text in sources for package in re.findall(r'\brequire\("[\w-]+", "([\w-]+)"\)', text)}
    assert "mariadb-server" in wanted
    assert wanted <= installed()
