"""A training as a process, so that a test can kill it: `python -m tests.support.training SCENE OUT WORD=VALUE…`.

Prints one line for each step. `every_s` is the time between checkpoints, `memory_mb` the most it may have on top of
what the interpreter and the kernels take.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from recon_cli.core.errors import ReconError
from recon_cli.reconstruction.training import registry
from recon_cli.reconstruction.training.base import Progress, TrainOptions
from recon_cli.reconstruction.training.cpu import trainer
from tests.support.recon import KERNELS, SOURCES


def main(scene: str, out: str, *words: str) -> int:
    """Train, and say how it ended: 0 and the outcome, or the error's code and its document."""
    wish = {name: json.loads(value) for name, value in (word.split("=", 1) for word in words)}
    trainer.CHECKPOINT_EVERY_S = wish.pop("every_s", trainer.CHECKPOINT_EVERY_S)
    resume = wish.pop("resume", False)
    limit = wish.pop("memory_mb", 0)
    if limit:
        trainer.warm()
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + limit * 1_000_000,) * 2)
    try:
        done = registry.choose("cpu").train(Path(scene), Path(out), TrainOptions(**wish), step, resume)
    except ReconError as exc:
        sys.stdout.write(json.dumps(exc.document()) + "\n")
        return int(exc.code)
    sys.stdout.write(json.dumps({**asdict(done), "ply": str(done.ply)}) + "\n")
    return 0


def step(progress: Progress) -> None:
    """One line."""
    sys.stdout.write(f"{progress.done}\n")
    sys.stdout.flush()


def sum_of(path: Path) -> str:
    """The SHA-256 of a file: pytest would compare two large ones byte by byte for hours."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def start(scene: Path, out: Path, **wish: object) -> subprocess.Popen[str]:
    """Start one."""
    words = [f"{name}={json.dumps(value)}" for name, value in wish.items()]
    env = {"PYTHONPATH": f"{SOURCES.parent}:{SOURCES}", "RECON_CACHE_DIR": str(KERNELS), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "tests.support.training", str(scene), str(out), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=SOURCES.parent)


def ended(scene: Path, out: Path, **wish: object) -> tuple[int, dict[str, object]]:
    """Run one to its end: exit status, and the last line as a document."""
    child = start(scene, out, **wish)
    told, _ = child.communicate(timeout=300)
    return child.returncode, json.loads(told.splitlines()[-1])


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
