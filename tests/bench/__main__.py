"""`python -m tests.bench [scan memory …] [--smoke] [--runs N] [--publish]`: figures to standard output and a folder."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bench import results

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asked for: how many runs, small or whole, which cases (all if none is named), without whom."""

    runs: int
    smoke: bool
    only: tuple[str, ...]
    without: tuple[str, ...]
    scratch: Path
    scale: float = 1.0
    """How large data sets are, where a benchmark can make them so."""


class Benchmark(Protocol):
    """What a module `bench_NAME` offers."""

    def cases(self, wish: Wish) -> Iterator[results.Case]:
        """Run everything, case by case."""

    def versions(self) -> dict[str, str]:
        """The programs that took part."""


def main() -> int:
    """Run the named benchmarks, or all; 1 where a contestant gave a wrong result."""
    options = parse()
    logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())  # else it sets up a log of its own
    known = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    options.out.mkdir(parents=True, exist_ok=True)
    refused = [reason for name in options.names or known for reason in run(name, options)]
    for reason in refused:
        sys.stderr.write(f"error: {reason}\n")
    return 1 if refused else 0


def run(name: str, options: argparse.Namespace) -> list[str]:
    """Run one benchmark and leave its results, as far as they are there, after each case; what was refused."""
    benchmark: Benchmark = importlib.import_module(f"tests.bench.bench_{name}")
    done: list[results.Case] = []
    text = ""
    with tempfile.TemporaryDirectory(prefix="recon-bench-") as scratch:
        Path(scratch).chmod(0o755)
        runs = 1 if options.smoke else options.runs
        wish = Wish(runs, options.smoke, (*options.only,), (*options.without,), Path(scratch), options.scale)
        for case in benchmark.cases(wish):
            done.append(case)
            text = results.table(done)
            (options.out / f"{name}.json").write_text(results.document(name, done, benchmark.versions()))
            (options.out / f"{name}.md").write_text(text + "\n")
    sys.stdout.write(f"\n{name}\n\n{text}\n")
    if options.publish:
        results.publish(name, done, benchmark.versions(), options.conditions)
    return [f"{case.name}: {case.refused}" for case in done if case.refused]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="nox -s bench --", description="whole commands, timed in turn with their peers"
    )
    parser.add_argument("names", nargs="*", help="which benchmarks; all if none is named")
    parser.add_argument("--smoke", action="store_true", help="small and once: does everything still run and agree?")
    parser.add_argument("--runs", type=int, default=5, help="runs of each command after a warm-up (5)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="WORD", help="cases whose name has WORD; repeatable"
    )
    parser.add_argument("--without", action="append", default=[], metavar="PEER", help="leave out commands named so")
    parser.add_argument("--scale", type=float, default=1.0, help="the size of the data sets of `migrate` (1.0)")
    parser.add_argument("--out", type=Path, default=ROOT / "bench-results", help="where JSON and Markdown go")
    parser.add_argument(
        "--publish", action="store_true", help="put the figures into docs/performance/, the tables and the plots"
    )
    parser.add_argument("--conditions", default="", metavar="WORDS", help="with --publish: what else ran meanwhile")
    options = parser.parse_args()
    if options.publish and options.smoke:
        parser.error("--publish goes with whole runs")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
