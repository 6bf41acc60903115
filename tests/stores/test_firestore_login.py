"""Firestore's login, on a token server of ours: what is refused, what has run out, what is away."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.place import Place
from recon_cli.stores.documents.firestore import documents
from tests.support.postgres import free_port


@pytest.fixture
def token_server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *given: Any) -> None:
            """Nothing on the terminal."""

        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            body = json.dumps(
                {"error": "invalid_grant", "error_description": "Invalid JWT: the key has expired"}
            ).encode()
            self.send_response(400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{web.server_address[1]}/token", asked
    web.shutdown()
    web.server_close()
    thread.join()


def account(path: Path, token_uri: str) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    told = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": pem,
        "client_email": "recon@p.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }
    path.write_text(json.dumps(told))
    return path


def refused(place: Place) -> DeliveryError:
    with closing(documents(place)) as found, pytest.raises(DeliveryError) as caught:
        found.get("t", ['["a"]'])
    return caught.value


@pytest.fixture(autouse=True)
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)


def test_a_key_that_has_run_out_is_auth_and_says_where_to_look(
    tmp_path: Path, token_server: tuple[str, list[str]]
) -> None:
    uri, asked = token_server
    key_file = account(tmp_path / "key.json", uri)
    error = refused(Place("firestore://p", options={"key_file": str(key_file), "timeout_s": 5}))
    assert (error.failure, "key has expired" in error.detail, "key_file" in error.detail) == (Failure.AUTH, True, True)
    assert "assertion=" in asked[0]


def test_a_key_file_that_is_not_there_or_none_is_auth(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text("{}")
    for name in ("none.json", "odd.json"):
        error = refused(Place("firestore://p", options={"key_file": str(tmp_path / name)}))
        assert error.failure is Failure.AUTH
        assert "key_file" in error.detail


def test_a_token_server_that_is_away_is_an_outage(tmp_path: Path) -> None:
    key_file = account(tmp_path / "key.json", f"http://127.0.0.1:{free_port()}/token")
    error = refused(Place("firestore://p", options={"key_file": str(key_file)}))
    assert error.failure is Failure.TRANSIENT
