"""The fault proxy keeps its word: a delay is at least as long as it says, a cut is a cut."""

from __future__ import annotations

import contextlib
import ftplib
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.proxy import Proxy

with warnings.catch_warnings():  # pyftpdlib imports asyncore, which Python 3.11 calls deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

DELAY_S = 0.05
GREETING = b"220 hello\r\n"


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that greets, then says everything twice."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(peer: socket.socket) -> None:
            with peer, contextlib.suppress(OSError):
                peer.sendall(GREETING)
                while chunk := peer.recv(65536):
                    peer.sendall(chunk)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
        yield link


def receive(link: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        chunk = link.recv(size - len(got))
        if not chunk:
            break
        got += chunk
    return got


def test_a_round_trip_takes_at_least_twice_the_delay(echo: int) -> None:
    with Proxy(echo, delay_s=DELAY_S) as proxy, connected(proxy.port) as link:
        receive(link, len(GREETING))
        start = time.monotonic()
        link.sendall(b"ping")
        assert receive(link, 4) == b"ping"
        assert time.monotonic() - start >= 2 * DELAY_S


def test_a_new_connection_costs_a_handshake_before_the_greeting(echo: int) -> None:
    with Proxy(echo, delay_s=DELAY_S) as proxy:
        start = time.monotonic()
        with connected(proxy.port) as link:
            assert receive(link, len(GREETING)) == GREETING
            assert time.monotonic() - start >= 4 * DELAY_S


def test_what_is_sent_before_the_greeting_is_kept_in_order(echo: int) -> None:
    with Proxy(echo, delay_s=0.01) as proxy, connected(proxy.port) as link:
        link.sendall(b"one")
        link.sendall(b"two")
        assert receive(link, len(GREETING) + 6) == GREETING + b"onetwo"


def test_a_delay_does_not_limit_what_is_under_way(echo: int) -> None:
    with Proxy(echo, delay_s=DELAY_S) as proxy, connected(proxy.port) as link:
        receive(link, len(GREETING))
        for _ in range(200):
            link.sendall(b"x" * 100)
        start = time.monotonic()
        assert len(receive(link, 20_000)) == 20_000
        assert time.monotonic() - start < 200 * DELAY_S


def test_a_throttled_path_takes_as_long_as_its_bytes_need(echo: int) -> None:
    with Proxy(echo) as proxy, connected(proxy.port) as link:
        receive(link, len(GREETING))
        proxy.throttle(100_000)
        start = time.monotonic()
        link.sendall(b"x" * 20_000)
        assert len(receive(link, 20_000)) == 20_000
        assert time.monotonic() - start >= 0.2


def test_an_end_cuts_exactly_after_the_bytes_it_names(echo: int) -> None:
    with Proxy(echo) as proxy, connected(proxy.port) as link:
        proxy.cut_after(5, how="fin")
        assert receive(link, 100) == GREETING[:5]


def test_a_reset_is_an_error_for_the_reader_and_new_connections_are_welcome(echo: int) -> None:
    with Proxy(echo) as proxy:
        with connected(proxy.port) as link:
            receive(link, len(GREETING))
            proxy.cut_after(10)
            link.sendall(b"x" * 100)
            with pytest.raises(ConnectionResetError):
                receive(link, 100)
        with connected(proxy.port) as link:
            assert receive(link, len(GREETING)) == GREETING
        assert proxy.stats()["connections"] == 2


def test_a_cut_can_strike_again_and_again(echo: int) -> None:
    with Proxy(echo) as proxy:
        proxy.cut_after(3, how="fin", times=2)
        for _ in range(2):
            with connected(proxy.port) as link:
                assert receive(link, 100) == GREETING[:3]
        with connected(proxy.port) as link:
            assert receive(link, len(GREETING)) == GREETING


def test_a_cut_of_one_connection_leaves_the_others_alone(echo: int) -> None:
    with Proxy(echo) as proxy, connected(proxy.port) as first, connected(proxy.port) as second:
        receive(first, len(GREETING))
        receive(second, len(GREETING))
        proxy.cut_after(2, how="fin", every=False)
        first.sendall(b"abcdef")
        assert receive(first, 6) == b""
        second.sendall(b"still")
        assert receive(second, 5) == b"still"


def test_a_stalled_path_is_silent_until_it_resumes(echo: int) -> None:
    with Proxy(echo) as proxy, connected(proxy.port) as link:
        receive(link, len(GREETING))
        proxy.stall_after(4)
        link.sendall(b"abcdefgh")
        link.settimeout(0.2)
        with pytest.raises(TimeoutError):
            receive(link, 1)
        proxy.resume()
        link.settimeout(5)
        assert receive(link, 8) == b"abcdefgh"


def test_a_refused_connection_is_refused_and_later_taken_again(echo: int) -> None:
    with Proxy(echo) as proxy:
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError), connected(proxy.port):
            pass
        proxy.refuse(refusing=False)
        with connected(proxy.port) as link:
            assert receive(link, len(GREETING)) == GREETING


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "a file").write_bytes(b"y" * 200_000)
    users = DummyAuthorizer()
    users.add_anonymous(str(tmp_path))
    handler = type("Handler", (FTPHandler,), {"authorizer": users})
    server = FTPServer(("127.0.0.1", 0), handler)
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            server.serve_forever(timeout=0.01, blocking=False)

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.address[1]
    stopping.set()
    thread.join()
    server.close_all()


@pytest.mark.parametrize("extended", [False, True], ids=["pasv", "epsv"])
def test_ftp_data_connections_pass_through_the_relay_and_are_delayed_too(ftp: int, *, extended: bool) -> None:
    got: list[bytes] = []
    with Proxy(ftp, ftp=True) as proxy, ftplib.FTP(timeout=5) as client:  # noqa: S321  on loopback
        client.connect("127.0.0.1", proxy.port)
        client.login()
        if extended:
            client.af = socket.AF_INET6
        proxy.delay(DELAY_S)
        start = time.monotonic()
        client.retrbinary("RETR a file", got.append)
        assert time.monotonic() - start >= 6 * DELAY_S
        assert b"".join(got) == b"y" * 200_000
        assert proxy.stats()["data"] == 1
        assert proxy.stats()["down"] > 200_000


def test_an_ftp_transfer_is_cut_in_its_middle(ftp: int) -> None:
    got: list[bytes] = []
    with Proxy(ftp, ftp=True) as proxy, ftplib.FTP(timeout=5) as client:  # noqa: S321  on loopback
        client.connect("127.0.0.1", proxy.port)
        client.login()
        proxy.cut_after(50_000)
        with pytest.raises((OSError, EOFError)):
            client.retrbinary("RETR a file", got.append)
        assert 0 < sum(map(len, got)) < 50_000
