"""A publisher that is killed at its n-th step: the next call into the system that changes something.

It runs as a program of its own (`python -m tests.jobs.backup.killed`), reads one JSON line for each run from standard
input, and forks for each, so that the imports are paid once.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STEPS = frozenset(
    {"write", "rename", "replace", "fsync", "unlink", "mkdir", "rmdir", "open", "send", "sendall", "utime", "fork_exec"}
)


@dataclass
class Publisher:
    """The program, waiting for work."""

    program: subprocess.Popen[str]

    def run(self, recipe: Mapping[str, Any], name: str, mark: str, *, step: int = 0) -> tuple[bool, int]:
        """Publish 300 rows marked `mark` as `name`; whether it lived, and how many steps it took."""
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(json.dumps({"recipe": recipe, "name": name, "mark": mark, "step": step}) + "\n")
        self.program.stdin.flush()
        told = json.loads(self.program.stdout.readline())
        return told["lived"], told["steps"]


@contextlib.contextmanager
def publisher(state: Path) -> Iterator[Publisher]:
    root = Path(__file__).parents[3]
    env = {**os.environ, "PYTHONPATH": f"{root}:{root / 'src'}", "RECON_STATE_DIR": str(state)}
    command = [sys.executable, "-m", "tests.jobs.backup.killed"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as program:
        try:
            yield Publisher(program)
        finally:
            assert program.stdin is not None
            program.stdin.close()


def main() -> int:
    import paramiko  # noqa: F401, PLC0415  paid once

    from recon_cli.files import s3  # noqa: PLC0415  same

    keys = {"aws_access_key_id": "-", "aws_secret_access_key": "-"}  # else it would look for some elsewhere
    s3.session().create_client("s3", "us-east-1", **keys)

    for line in sys.stdin:
        wish = json.loads(line)
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            _publish(wish, writer)
        os.close(writer)
        status = os.waitpid(child, 0)[1]
        with os.fdopen(reader) as told:
            steps = told.read()
        lived = status == 0
        if not lived and os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            raise RuntimeError("the publisher failed by itself")
        sys.stdout.write(json.dumps({"lived": lived, "steps": int(steps or 0)}) + "\n")
        sys.stdout.flush()
    return 0


def _publish(wish: Mapping[str, Any], writer: int) -> None:
    from recon_cli.jobs.backup.places import open_destination  # noqa: PLC0415  in the child alone
    from tests.jobs.backup.made import publish, rows  # noqa: PLC0415  same
    from tests.jobs.backup.recipes import place_of, wish_of  # noqa: PLC0415  same

    code = 1
    steps = 0

    def count(_frame: object, event: str, called: Any) -> None:
        nonlocal steps
        if event == "c_call" and called.__name__ in STEPS:
            steps += 1
            if steps == wish["step"]:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        destination = open_destination(place_of(wish["recipe"]), wish_of(wish["recipe"]))
        with destination.staging(wish["name"]) as folder:
            from tests.jobs.backup.made import fill  # noqa: PLC0415  same

            manifest = fill(folder, rows(300, wish["mark"]))
            threading.setprofile(count)
            sys.setprofile(count)
            destination.publish(wish["name"], folder, manifest)
            sys.setprofile(None)
        assert publish
        os.write(writer, str(steps).encode())
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    raise SystemExit(main())
