"""The entry point and the one error boundary: every way a run can end becomes words on stderr and an exit status."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from recon_cli.core.errors import ExitCode, ReconError
from recon_cli.ops import signals
from recon_cli.ops.signals import Stopped
from recon_cli.ui import language

if TYPE_CHECKING:
    from recon_cli.cli.invocation import Invocation


def program() -> NoReturn:
    """What the console script runs: `main`, and then the end of the process without taking every module apart.

    That would cost a scan a tenth of its time. Registered before everything else, the last word comes after all other
    exit handlers, when threads are joined and (by `main`) the streams are flushed.
    """
    ended: list[int] = []
    atexit.register(lambda: [os._exit(status) for status in ended])
    ended.append(main())
    sys.exit(ended[0])


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and give back its exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    _open_closed_streams()
    language.choose(words)
    try:
        with signals.installed():
            return _run(words)
    except Stopped as stop:
        return _stopped(stop, words)


def _open_closed_streams() -> None:
    """A stream that was closed before the start (`>&-`) takes everything and keeps nothing."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123  open as long as the process
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115, PTH123  same


def _run(words: list[str]) -> int:
    # Rows and entries hold no cycles: looking for some after every 700 objects costs a scan a tenth of its time.
    gc.set_threshold(100_000, 20, 20)
    # Imported under the signal handlers: Ctrl-C during start-up is no traceback either.
    from recon_cli.cli import boundary  # noqa: PLC0415  see above
    from recon_cli.cli.invocation import Invocation  # noqa: PLC0415  see above

    invocation = Invocation()
    try:
        return _invoke(words, invocation)
    except Exception as exc:  # noqa: BLE001  the boundary: nothing passes as a traceback
        return boundary.end(exc, words, invocation)
    finally:
        invocation.clear()
        boundary.flush()


def _invoke(words: list[str], invocation: Invocation) -> int:
    import click  # noqa: PLC0415  under the signal handlers

    from recon_cli.cli.app import PROGRAM, command  # noqa: PLC0415  under the signal handlers

    program = command()
    if os.environ.get(f"_{PROGRAM.upper()}_COMPLETE"):
        program.main(words, prog_name=PROGRAM)  # answers the shell and exits
    try:
        with program.make_context(PROGRAM, words, obj=invocation) as context:
            program.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    return int(ExitCode.DONE)


def _stopped(stop: Stopped, words: list[str]) -> int:
    from recon_cli.cli import boundary  # noqa: PLC0415  only then

    error = ReconError(f"stopped by {stop.name}", hint="run again; what was finished is kept")
    boundary.tell(error, words, code=stop.code, slug=stop.name.lower())
    boundary.flush()
    return int(stop.code)
