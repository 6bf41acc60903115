"""Who may call, and what every answer carries."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from recon_cli.web import server
from tests.support.recon import in_folder
from tests.support.reconstructions import reconstructing
from tests.support.served import Server, serving
from tests.web.conftest import three

EVERYWHERE = "0.0.0.0"  # noqa: S104  what is under test
TOKEN = "a-token-of-the-test-0123456789"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a token, a list of origins and a name."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "recon.toml").write_text(
        '[serve]\nhosts = ["recon.example.com"]\norigins = ["https://app.example.com"]\n'
        'private = true\ntoken_file = "token"\n'
    )
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "token").chmod(0o600)
    with serving(reconstructing(folder), "--no-worker", "--host", EVERYWHERE) as server:
        yield server


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:80", "[::1]:8000", "192.0.2.7:8000", "recon.example.com"])
def test_its_own_names_and_addresses_are_answered(locked: Server, host: str) -> None:
    assert locked.ask("/health", Host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "recon.example.com.evil.example", "", "localhost.evil.example:8000"])
def test_a_name_that_is_not_its_own_is_not_answered(locked: Server, host: str) -> None:
    assert locked.ask("/health", Host=host).status == 421


@pytest.mark.parametrize(
    "word", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"]
)
def test_nothing_is_written_and_nothing_private_read_without_the_token(locked: Server, word: str) -> None:
    for method, path in (("POST", "/recon/jobs"), ("DELETE", "/recon/jobs/12345678"), ("GET", "/overview")):
        answer = locked.ask(path, method, Authorization=word)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN.encode() not in answer.body


def test_with_the_token_everything_is_open(locked: Server) -> None:
    bearer = f"Bearer {TOKEN}"
    assert locked.ask("/overview", Authorization=bearer).status == 200
    assert locked.ask("/recon/jobs/12345678", "DELETE", Authorization=bearer).status == 404


def test_a_browser_changes_the_token_for_a_cookie(locked: Server) -> None:
    kind = "application/x-www-form-urlencoded"
    assert locked.ask("/session", "POST", "token=wrong", Content_Type=kind).status == 401
    answer = locked.ask("/session", "POST", f"token={TOKEN}", Content_Type=kind)
    assert answer.status == 204
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert locked.ask("/overview", Cookie=cookie.partition(";")[0]).status == 200
    assert locked.ask("/overview", Cookie="recon=forged").status == 401


def test_the_page_itself_and_what_is_published_need_no_token(locked: Server) -> None:
    assert locked.ask("/").status == 200
    assert locked.ask("/v/0000000000").status == 404
    assert locked.ask("/health").status == 200


def test_pages_of_other_sites_cannot_write_even_where_no_token_is_set(idle: Server) -> None:
    before = idle.ask("/recon/jobs").document["total"]
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}):
        assert idle.ask("/recon/jobs/12345678/cancel", "POST", **headers).status == 403
    assert idle.ask("/recon/jobs/12345678/cancel", "POST", Origin=idle.url).status == 404
    assert idle.ask("/recon/jobs").document["total"] == before


def test_only_listed_sites_may_read_across(locked: Server) -> None:
    bearer = f"Bearer {TOKEN}"
    allowed = locked.ask("/overview", Origin="https://app.example.com", Authorization=bearer)
    assert allowed.headers["access-control-allow-origin"] == "https://app.example.com"
    asked = locked.ask("/recon/jobs", "OPTIONS", Origin="https://app.example.com", Access_Control_Request_Method="POST")
    assert asked.status == 204
    other = locked.ask("/overview", Origin="https://evil.example", Authorization=bearer)
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("path", ["/", "/health", "/recon/jobs", "/nothing", "/metrics"])
def test_every_answer_carries_the_headers(idle: Server, path: str) -> None:
    headers = idle.ask(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_the_page_runs_its_own_script_only_and_asks_nobody_else(idle: Server) -> None:
    first, second = idle.ask("/"), idle.ask("/")
    policy = first.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy != second.headers["content-security-policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    text = first.body.decode()
    assert text.count(f'nonce="{nonce}"') == 2
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text


@pytest.mark.parametrize(
    ("wish", "lang"), [("ko-KR,ko;q=0.9,en;q=0.8", "ko"), ("de,en;q=0.5,ko;q=0.1", "en"), ("", "en"), ("x;q=a", "en")]
)
def test_the_page_begins_in_the_language_asked_for(idle: Server, wish: str, lang: str) -> None:
    assert f'<html lang="{lang}"' in idle.ask("/", Accept_Language=wish).body.decode()


def test_small_bodies_are_small(idle: Server) -> None:
    assert idle.ask("/session", "POST", b"x" * 2_000_000).status == 413
    chunked = idle.ask("/session", "POST", iter([b"x" * 100_000] * 20), Transfer_Encoding="chunked")
    assert chunked.status == 413


def test_beyond_this_machine_it_listens_only_with_a_token(tmp_path_factory: pytest.TempPathFactory) -> None:
    recon = in_folder(tmp_path_factory.mktemp("bare"))
    done = recon("serve", "--host", EVERYWHERE, "--port", "0", expect=5)
    assert "without a token" in done.err
    done = recon("serve", "--port", "0", expect=10, env={"RECON_SERVE_TOKEN": "1234567"})
    assert "shorter than 16" in done.err
    shown = recon("serve", "--port", "0", "--dry-run", "--json", env={"RECON_SERVE_TOKEN": TOKEN})
    assert shown.document["schema"] == "recon.serve/1"
    assert TOKEN not in shown.out


def test_one_folder_of_jobs_is_served_once(idle: Server) -> None:
    done = idle.recon("serve", "--port", "0", expect=11)
    assert "is being served already" in done.err


def test_a_port_that_is_taken_is_no_traceback(idle: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    done = in_folder(tmp_path_factory.mktemp("second"))("serve", "--port", str(idle.port), expect=1)
    assert "cannot listen" in done.err


def test_uploads_are_open_where_no_token_is_set(idle: Server) -> None:
    assert idle.send(three()).status == 200


def test_answers_are_not_held_back() -> None:
    """What asyncio looks at before it switches Nagle's algorithm off."""
    with server.listen("127.0.0.1", 0) as sock:
        assert sock.proto == socket.IPPROTO_TCP
