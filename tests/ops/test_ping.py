from __future__ import annotations

import socket

import pytest

from recon_cli.ops.ping import Ping
from tests.support.web import listening


def test_start_success_and_failure_reach_the_watcher_with_their_words() -> None:
    with listening() as asked:
        ping = Ping(f"{asked.url}/abc?rid=1")
        assert [ping.start(), ping.success("12 rows"), ping.fail("3 differ")] == [None, None, None]
    assert asked.requests == [
        ("POST", "/abc/start?rid=1", ""),
        ("POST", "/abc?rid=1", "12 rows"),
        ("POST", "/abc/fail?rid=1", "3 differ"),
    ]


def test_an_uptime_kuma_push_url_gets_status_up_and_down() -> None:
    with listening() as asked:
        ping = Ping(f"{asked.url}/api/push/token?status=up&msg=OK&ping=")
        assert [ping.start(), ping.success(), ping.fail("3 differ")] == [None, None, None]
    assert asked.requests == [
        ("GET", "/api/push/token?status=up&msg=OK", ""),
        ("GET", "/api/push/token?status=down&msg=3+differ", ""),
    ]


def test_a_watcher_that_refuses_or_is_gone_is_a_warning_that_keeps_the_token_secret() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = Ping(f"http://127.0.0.1:{taken.getsockname()[1]}/s3cret").success()
    with listening(503) as asked:
        refused = Ping(f"{asked.url}/s3cret").start()
    assert gone is not None
    assert "127.0.0.1" in gone
    assert refused == "the heartbeat did not reach 127.0.0.1: HTTP 503"
    assert "s3cret" not in gone + refused


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "nonsense", "http://"])
def test_what_is_no_web_address_is_a_warning(url: str) -> None:
    assert Ping(url).success()


def test_no_url_pings_nobody() -> None:
    assert Ping("").success() is None
