from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recon_cli.core.errors import ReconError
from recon_cli.ops.atomic import write_file


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(b"old")
    assert write_file(path, (b"ne", b"w")) == 3
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_halfway_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(b"old")

    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise LookupError

    with pytest.raises(LookupError):
        write_file(path, chunks())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_process_killed_while_writing_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(b"old")
    program = (
        "import os, signal, sys\n"
        "from recon_cli.ops.atomic import write_file\n"
        "def chunks():\n"
        "    yield b'x' * 100_000\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_file(sys.argv[1], chunks())\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


def test_a_replaced_file_keeps_its_permissions_and_a_private_one_is_private(tmp_path: Path) -> None:
    script = tmp_path / "tool"
    script.write_bytes(b"")
    script.chmod(0o750)
    write_file(script, b"#!/bin/sh\n")
    write_file(tmp_path / "secret", b"x", mode=0o600)
    assert script.stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_link_keeps_pointing_where_it_points(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_file(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_missing_folder_is_an_error_with_its_cause(tmp_path: Path) -> None:
    with pytest.raises(ReconError) as caught:
        write_file(tmp_path / "nowhere" / "plan.json", b"x")
    assert caught.value.cause == "No such file or directory"
    assert str(tmp_path / "nowhere") in str(caught.value)
