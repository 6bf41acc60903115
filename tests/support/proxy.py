"""A relay on loopback that can make a good network bad: delay, throttle, cut, stall, refuse; FTP data channels too.

It runs in a process of its own, so that neither the code under test nor the relay waits for the other's interpreter
lock. In tests::

    with Proxy(server.port, delay_s=0.02, ftp=True) as proxy:
        connect(proxy.port)
        proxy.cut_after(50_000)

For benchmarks it is a program, until it is interrupted: ``python tests/support/relay.py 2121 --delay 0.02 --ftp``.

What is modelled: each chunk arrives one latency after it was read, without limiting throughput; a new connection
reaches the server one and a half round trips after it was opened, as a handshake would; an end of stream is delayed
like bytes. Passive replies (227, 229) are rewritten so that data connections pass through the relay with the same
faults. Inside TLS nothing can be rewritten: the control channel is relayed and data connections go straight.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

LOOPBACK = "127.0.0.1"
RELAY = Path(__file__).with_name("relay.py")


class Proxy:
    """The relay as tests see it: a port, and the faults as methods. Every fault can be changed while bytes flow."""

    def __init__(
        self, target_port: int, *, target_host: str = LOOPBACK, delay_s: float = 0.0, ftp: bool = False, port: int = 0
    ) -> None:
        command = [sys.executable, "-I", "-S", str(RELAY), str(target_port), "--host", target_host, "--control"]
        command += ["--port", str(port), "--delay", str(delay_s), *(["--ftp"] if ftp else [])]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port: int = self._answer()["port"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the relay and every connection through it."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._child.wait(timeout=10)

    def delay(self, seconds: float) -> None:
        """One-way latency from now on; the round trip is twice that."""
        self._send(do="delay", seconds=seconds)

    def throttle(self, bytes_per_s: float | None) -> None:
        """At most this much in each direction, over all connections; None lifts it."""
        self._send(do="throttle", rate=bytes_per_s)

    def cut_after(self, size_bytes: int, *, how: str = "rst", every: bool = True, times: int = 1) -> None:
        """Cut once that many bytes have passed from now on, counted both ways over all connections.

        `how` is "rst" or "fin"; `every` cuts all connections open then, else only the one that carried the last byte.
        New connections are welcome at once. `times` repeats the fault, each time after as many bytes again.
        """
        self._send(do="limit", size=size_bytes, how=how, every=every, times=times)

    def cut(self, how: str = "rst") -> None:
        """Cut every open connection now."""
        self._send(do="cut", how=how)

    def stall_after(self, size_bytes: int) -> None:
        """Let that many bytes pass, then nothing in either direction, on old and new connections, until `resume`."""
        self._send(do="limit", size=size_bytes, how="stall", every=True, times=1)

    def resume(self) -> None:
        """End a stall, and forget limits that have not struck yet."""
        self._send(do="resume")

    def refuse(self, *, refusing: bool = True) -> None:
        """Refuse new connections (open ones live on), or take them again."""
        self._send(do="refuse", refusing=refusing)

    def stats(self) -> dict[str, int]:
        """`connections` accepted, `data` ones among them, `open` now, `peak` without `data`; bytes `up` and `down`."""
        return self._send(do="stats")

    def _send(self, **command: Any) -> dict[str, int]:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(command).encode() + b"\n")
        self._child.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, int]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the proxy ended with status {self._child.wait()}")
        answer: dict[str, int] = json.loads(line)
        return answer
