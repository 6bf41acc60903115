"""Install `@supabase/lite` below a folder, with npm: `python tests/support/fetch_supabase_lite.py DIR`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PACKAGES = ("@supabase/lite@0.10.0", "postgres@3")


def program(folder: Path) -> Path:
    """The command, where it is installed below `folder`."""
    return folder / "supabase-lite" / "node_modules" / ".bin" / "lite"


def main(argv: list[str]) -> int:
    """Install it, unless it is there."""
    found = program(Path(argv[0]).resolve())
    if found.exists():
        sys.stdout.write("supabase-lite: there already\n")
        return 0
    home = found.parents[2]
    home.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(home), *PACKAGES]
    subprocess.run(command, check=True)
    sys.stdout.write(f"supabase-lite: installed {', '.join(PACKAGES)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
