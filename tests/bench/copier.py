"""COPY of a file into the table `plain`, as a program to be timed: `python -m tests.bench.copier FILE COLUMNS`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg

CHUNK = 1 << 20


def main(path: Path, columns: str) -> None:
    """One transaction."""
    link = psycopg.connect(os.environ["BENCH_URL"], password=os.environ["BENCH_PASSWORD"])
    with link, link.cursor().copy(f"COPY plain ({columns}) FROM STDIN".encode()) as copied, path.open("rb") as file:
        while block := file.read(CHUNK):
            copied.write(block)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
