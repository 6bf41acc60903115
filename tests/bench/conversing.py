"""One contestant of the parse race, as a program: `python -m tests.bench.conversing WHO FILE`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from recon_cli.systems.conversations.parse import parse


def main(argv: list[str]) -> int:
    """Parse a log whole, or only find its headings, or only split it into lines; say how many there were."""
    who, raw = argv[0], Path(argv[1]).read_bytes()
    if who == "ours":
        found = len(parse(raw).turns)
    elif who == "headings":
        found = len(re.findall(r"^(?:## )?🗣️|^\*\*[^*]+\*\* \[|^> ", raw.decode(), re.MULTILINE))
    else:
        found = len(raw.decode().split("\n"))
    sys.stdout.write(f"{found}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
