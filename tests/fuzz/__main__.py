"""Fuzz the parsers with libFuzzer (Atheris), guided by the lines that an input reaches: `nox -s fuzz`.

Each target runs in a process of its own, as many at once as there are processors. An input that does harm is left under
`fuzz-findings/`; once the parser is mended it is kept, small, under tests/fuzz/regressions.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.harness import MODULES, Target, attempt, every, inputs, load

FINDINGS = Path("fuzz-findings")
_LONGEST_INPUT_S, _MOST_MB, _LONGEST_BYTES = 10, 2048, 1 << 16
_START_S = 60


def main() -> int:
    """Run the targets that are asked for; 1 where one of them has a finding."""
    asked = argparse.ArgumentParser(prog="nox -s fuzz --", description=__doc__)
    asked.add_argument("targets", nargs="*", metavar="TARGET", help="`listings.ftp_list`, `listings`; else all")
    asked.add_argument("--seconds", type=int, default=60, help="in all, beside the start of each process")
    asked.add_argument("--seed", type=int, default=0, help="mutate in the same order each time; 0: by chance")
    asked.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at once")
    asked.add_argument("--one", nargs=2, metavar=("TARGET", "FOLDER"), help=argparse.SUPPRESS)
    asked.add_argument("--list", action="store_true", help="name the targets")
    given, rest = asked.parse_known_args()
    if given.one:
        return _child(given.one[0], Path(given.one[1]), rest)
    known = every()
    if given.list:
        print("\n".join(known))
        return 0
    names = [name for name in known if not given.targets or {name, name.partition(".")[0]} & set(given.targets)]
    if not names:
        asked.error(f"no target of that name; known are {', '.join(MODULES)}, and `--list` shows all")
    return _all(names, max(1, given.seconds * given.jobs // len(names)), given.jobs, given.seed)


def _all(names: list[str], seconds: int, jobs: int, seed: int) -> int:
    began = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        answers = list(pool.map(lambda name: _parent(name, seconds, seed), names))
    found = [name for name, clean in zip(names, answers, strict=True) if not clean]
    print(f"{len(names)} targets, {len(found)} with findings, {time.monotonic() - began:.0f} s")
    return 1 if found else 0


def _parent(name: str, seconds: int, seed: int) -> bool:
    """Fuzz a target in a process of its own; whether nothing was found."""
    kept = FINDINGS.absolute() / name
    with tempfile.TemporaryDirectory(prefix="recon-fuzz-") as folder:
        words = [sys.executable, "-m", "tests.fuzz", "--one", name, folder, f"-max_total_time={seconds}"]
        limits = [
            f"-seed={seed}",
            f"-timeout={_LONGEST_INPUT_S}",
            f"-rss_limit_mb={_MOST_MB}",
            f"-max_len={_LONGEST_BYTES}",
        ]
        done = subprocess.run(
            [*words, *limits, f"-artifact_prefix={folder}/found-", "-print_final_stats=1", f"{folder}/corpus"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds + _START_S + 10 * _LONGEST_INPUT_S,
            check=False,
        )
        told = done.stdout.decode("utf-8", "replace")
        runs = next((line.split()[-1] for line in told.splitlines() if "number_of_executed_units" in line), "?")
        print(f"{name}: {runs} inputs{'' if done.returncode == 0 else ', A FINDING'}", flush=True)
        if done.returncode == 0:
            return True
        kept.mkdir(parents=True, exist_ok=True)
        for one in Path(folder).glob("found-*"):
            (kept / one.name).write_bytes(one.read_bytes())
        (kept / "log.txt").write_text(told, "utf-8")
        print("\n".join(told.splitlines()[-60:]), flush=True)
        return False


def _child(name: str, folder: Path, words: list[str]) -> int:
    import atheris  # noqa: PLC0415  only here: it has no wheel for every machine

    scratch, corpus = folder / "scratch", folder / "corpus"
    scratch.mkdir()
    corpus.mkdir()
    with atheris.instrument_imports(include=["recon_cli"], enable_loader_override=False):
        target = load(name.partition(".")[0])[name]
        for number, data in enumerate(inputs(target)):
            (corpus / f"{number:03d}").write_bytes(data[:_LONGEST_BYTES])
            _once(target, data, scratch)

    atheris.Setup([sys.argv[0], *words], lambda data: _once(target, data, scratch))
    atheris.Fuzz()
    return 0


def _once(target: Target, data: bytes, scratch: Path) -> None:
    """Once, in an empty folder; most targets leave it empty, and then it serves again."""
    attempt(target, data, scratch)
    for one in scratch.iterdir():
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink()


if __name__ == "__main__":
    sys.exit(main())
