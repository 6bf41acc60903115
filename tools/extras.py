"""Try an installed recon that has one extra alone: its modules are there, `doctor` says so, its command gets further.

`python tools/extras.py RECON_BIN EXTRA`, in an empty folder; without an argument the names of what can be tried.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Trial(NamedTuple):
    """What an extra claims: modules, the package that `doctor` names, a command, and how it may end then."""

    modules: str
    package: str
    command: tuple[str, ...]
    statuses: frozenset[int]


UNREACHABLE, DATA, FOUND_NOTHING = 13, 14, 17
SETTINGS = """version = 1
[stores.pg]
url = "postgresql://me@127.0.0.1:9/x"
[stores.my]
url = "mysql://me@127.0.0.1:9/x"
[stores.kv]
url = "redis://127.0.0.1:9"
[stores.fire]
url = "firestore://project"
[files.bucket]
url = "s3://bucket/x?endpoint=http://127.0.0.1:9"
[records.gate]
system = "containers"
to = "pg"
[reconstruct]
store = "pg"
"""
TRIALS = {
    "postgres": Trial("psycopg, sqlglot", "psycopg", ("backup", "export", "pg", "./out"), frozenset({UNREACHABLE})),
    "mysql": Trial("pymysql", "pymysql", ("backup", "export", "my", "./out"), frozenset({UNREACHABLE})),
    "redis": Trial("redis", "redis", ("record", "search", "--to", "kv"), frozenset({UNREACHABLE})),
    "firestore": Trial("google.cloud.firestore", "google-cloud-firestore", ("--version",), frozenset({0})),
    "s3": Trial("boto3", "boto3", ("--version",), frozenset({0})),
    "encrypt": Trial("pyrage", "pyrage", ("backup", "export", "a.db", "a", "--encrypt", "x"), frozenset({2})),
    "xlsx": Trial("openpyxl", "openpyxl", ("record", "add", "a.xlsx", "--to", "a.db"), frozenset({3})),
    "reconstruct": Trial("numba, numpy, PIL, pycolmap", "pycolmap", ("splat", "info", "a.ply"), frozenset({DATA})),
    "heic": Trial("pillow_heif", "pillow-heif", ("--version",), frozenset({0})),
    "serve": Trial("recon_cli.web.app, recon_cli.web.server, websockets", "fastapi", ("--version",), frozenset({0})),
    "worker": Trial("procrastinate, psycopg_pool", "procrastinate", ("worker", "init"), frozenset({UNREACHABLE})),
    "demo": Trial("pyftpdlib", "pyftpdlib", ("--version",), frozenset({0})),
}
"""Without `gpu`: torch weighs gigabytes. Where a server would have to answer, the import is the trial."""


def main(argv: Sequence[str]) -> int:
    """Try one; 1 and words where it does not do what it claims."""
    if not argv:
        sys.stdout.write("\n".join(TRIALS) + "\n")
        return 0
    where, extra = Path(argv[0]), argv[1]
    trial = TRIALS[extra]
    Path("recon.toml").write_text(SETTINGS, "utf-8")
    Path("a.xlsx").write_bytes(b"no sheet")
    Path("a.ply").write_bytes(b"no cloud")
    Path("a.db").write_bytes(b"")
    told = [_imports(where, trial), _doctor(where, extra, trial), _command(where, trial)]
    for words in filter(None, told):
        sys.stderr.write(f"extra {extra}: {words}\n")
    return int(any(told))


def _imports(where: Path, trial: Trial) -> str:
    done = _run(where / "python", "-c", f"import {trial.modules}")
    return f"`import {trial.modules}` fails: {done.stderr[-500:]}" if done.returncode else ""


def _doctor(where: Path, extra: str, trial: Trial) -> str:
    done = _run(where / "recon", "doctor", "--json")
    found = re.search(rf'"check": "extra {extra}",[^}}]*', done.stdout)
    line = found[0] if found else ""
    return "" if trial.package in line and "not installed" not in line else f"`recon doctor` does not see it: {line}"


def _command(where: Path, trial: Trial) -> str:
    done = _run(where / "recon", *trial.command)
    if done.returncode in trial.statuses:
        return ""
    return f"`recon {' '.join(trial.command)}` ended with {done.returncode}: {done.stderr[-500:]}"


def _run(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=120)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
