"""Addresses, patience and words of a PostgREST server, without one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from recon_cli.core.errors import AuthError, ConfigError, NotFoundError, ReconError, UnreachableError
from recon_cli.core.place import Place
from recon_cli.stores.bulk.postgrest_wire import (
    Answer,
    Refusal,
    RefusedError,
    Request,
    Wire,
    refusal_of,
    retry_after_s,
)


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("supabase+https://abc.supabase.co", "/rest/v1"),
        ("supabase+https://abc.supabase.co/", "/rest/v1"),
        ("supabase+https://abc.supabase.co/rest/v1/", "/rest/v1"),
        ("postgrest+http://127.0.0.1:3000/", ""),
        ("postgrest+https://host/api", "/api"),
    ],
)
def test_an_address_of_a_project_means_its_rest_root(url: str, root: str) -> None:
    assert Wire(Place(url))._root == root


def test_an_address_without_a_host_is_a_setting_to_mend() -> None:
    with pytest.raises(ConfigError, match="no host"):
        Wire(Place("supabase+https:///rest"))


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", None),
        ("7", 7.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(said: str, seconds: float | None) -> None:
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    assert retry_after_s({"retry-after": said}, now) == seconds


@pytest.mark.parametrize(
    ("refusal", "kind", "hint"),
    [
        (Refusal(401, "", "Invalid API key"), AuthError, "check the key"),
        (Refusal(401, "PGRST303", "JWT expired"), AuthError, "expired"),
        (Refusal(403, "42501", "permission denied for table t"), AuthError, "row level security"),
        (Refusal(404, "PGRST205", "Could not find the table"), NotFoundError, "reload schema"),
        (Refusal(406, "PGRST106", "The schema must be one of"), NotFoundError, "`schema`"),
        (Refusal(429, "", "slow down", retry_after_s=9), UnreachableError, "9 s of patience"),
        (Refusal(503, "PGRST002", "Could not query the database"), UnreachableError, "run again later"),
        (Refusal(500, "57014", "canceling statement due to statement timeout"), UnreachableError, "timeout"),
        (Refusal(500, "21000", "ON CONFLICT DO UPDATE command cannot affect row a second time"), RefusedError, ""),
        (Refusal(409, "23505", "duplicate key value"), RefusedError, ""),
        (Refusal(400, "PGRST204", "Could not find the 'x' column"), RefusedError, "column"),
    ],
)
def test_what_the_server_says_becomes_our_error_with_a_way_out(
    refusal: Refusal, kind: type[ReconError], hint: str
) -> None:
    error = Wire(Place("postgrest+http://127.0.0.1:1/")).error(refusal, Request("POST", "t"))
    assert type(error) is kind
    assert hint in (error.hint or "")
    assert refusal.message in (error.cause or "")


def test_a_gateways_page_is_one_line_of_cause() -> None:
    page = b"<html>\n<h1>502 Bad Gateway</h1>\n</html>"
    assert refusal_of(Answer(502, {}, page)).cause == "502 · <html> <h1>502 Bad Gateway</h1> </html>"
