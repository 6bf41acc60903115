from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from recon_cli.core.errors import ExitCode
from recon_cli.ops import signals
from recon_cli.ops.signals import Stopped


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, ExitCode.SIGINT), (signal.SIGTERM, ExitCode.SIGTERM)])
def test_a_signal_unwinds_the_work_and_knows_its_exit_code(number: signal.Signals, code: ExitCode) -> None:
    unwound = threading.Event()

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
            threading.Event().wait(5)
        finally:
            unwound.set()

    with signals.installed(), pytest.raises(Stopped) as caught:
        work()
    assert unwound.is_set()
    assert caught.value.code is code


def test_no_except_exception_swallows_a_stop() -> None:
    assert not issubclass(Stopped, Exception)


def test_what_belongs_together_is_finished_before_stopping() -> None:
    steps: list[str] = []

    def work() -> None:
        with signals.postponed():
            with signals.postponed():
                os.kill(os.getpid(), signal.SIGTERM)
                steps.append("commit")
            steps.append("journal")
        steps.append("never")

    with signals.installed(), pytest.raises(Stopped):
        work()
    assert steps == ["commit", "journal"]


def test_a_worker_thread_sees_that_a_stop_is_requested() -> None:
    worker = threading.Thread(target=signals.wait, args=(30,))
    with signals.installed():
        worker.start()
        assert not signals.stop_requested()
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGINT)
        worker.join(10)
        assert not worker.is_alive()
        assert signals.stop_requested()


def test_afterwards_the_old_handlers_are_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with signals.installed():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_second_signal_ends_the_process_at_once_even_in_a_postponed_block() -> None:
    program = (
        "import os, signal\n"
        "from recon_cli.ops import signals\n"
        "with signals.installed(), signals.postponed():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('once', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('twice', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (143, "once\n")
