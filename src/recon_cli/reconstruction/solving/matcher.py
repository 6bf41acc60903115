"""One part of the matching, in a process of its own: `FEATURES PAIRS OUT SEED SOLVER PROGRAM`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from recon_cli.core.errors import ReconError
from recon_cli.reconstruction import survival
from recon_cli.reconstruction.solving import registry


def main() -> int:
    """Match the pairs in a copy of the features, and put it in its place when all are matched."""
    survival.die_with_parent()
    features, pairs, out, seed, solver, program = sys.argv[1:7]
    part = Path(f"{out}.part")
    shutil.copyfile(features, part)
    try:
        registry.choose(solver, program).match(part, Path(pairs), int(seed))
    except ReconError as exc:
        sys.stderr.write(f"{exc.message}: {exc.cause}\n")
        return 1
    part.replace(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
