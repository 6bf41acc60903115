from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from recon_cli.core.errors import ExitCode, LockedError
from recon_cli.ops import lock

HOLDER = """
import sys, time
from recon_cli.ops import lock
sys.argv = ["recon", "scan", "ftp://me:geheim@host/x"]
with lock.hold(sys.stdin.readline().strip()):
    print("held", flush=True)
    time.sleep(60)
"""


def start_holder(path: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write(f"{path}\n")
    holder.stdin.close()
    assert holder.stdout.readline() == "held\n"
    return holder


def end(holder: subprocess.Popen[str], number: int) -> None:
    holder.send_signal(number)
    holder.wait(30)
    assert holder.stdout is not None
    holder.stdout.close()


def test_a_second_run_is_told_who_holds_the_lock_without_any_password(tmp_path: Path) -> None:
    holder = start_holder(tmp_path / "lock")
    try:
        with pytest.raises(LockedError) as caught, lock.hold(tmp_path / "lock"):
            pass
    finally:
        end(holder, signal.SIGKILL)
    assert caught.value.code is ExitCode.LOCKED
    assert caught.value.retryable
    assert f"pid {holder.pid} on {socket.gethostname()} runs `recon scan" in str(caught.value.cause)
    assert "geheim" not in str(caught.value.cause)
    assert f"kill {holder.pid}" in str(caught.value.hint)


def test_a_killed_holder_leaves_the_lock_free(tmp_path: Path) -> None:
    end(start_holder(tmp_path / "lock"), signal.SIGKILL)
    with lock.hold(tmp_path / "lock"):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()


def test_the_lock_is_free_again_after_the_block_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(LookupError), lock.hold(tmp_path / "lock"):
        raise LookupError
    with lock.hold(tmp_path / "lock"):
        pass
    assert (tmp_path / "lock").read_bytes() == b""


def test_a_lock_with_a_signature_nobody_can_read_still_names_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.hold(path):
        path.write_bytes(b"{")
        with pytest.raises(LockedError) as caught, lock.hold(path):
            pass
    assert "fuser" in str(caught.value.hint)
