"""What only S3 has: large objects in parts, credentials that expire, clocks that are off, missing buckets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from recon_cli.core.errors import AuthError, ConfigError, NotFoundError, ReconError, UnreachableError
from recon_cli.core.place import Place
from recon_cli.files.base import read_all
from recon_cli.files.s3 import PART_BYTES, S3Store
from tests.support.s3_server import S3Server, s3_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    root = tmp_path_factory.mktemp("s3")
    (root / "bucket").mkdir()
    with s3_server(root) as running:
        yield running


def pattern(parts: float) -> list[bytes]:
    block = bytes(range(256)) * 4096
    return [block] * int(parts * PART_BYTES / len(block)) + [b"the end"]


def test_a_file_larger_than_a_part_comes_back_whole(server: S3Server) -> None:
    with closing(S3Store(server.place("bucket/parts"))) as store:
        store.write("large.bin", pattern(2.5))
        assert read_all(store, "large.bin") == b"".join(pattern(2.5))
        assert store.tail("large.bin", 7) == b"the end"


def test_a_large_write_whose_source_breaks_leaves_the_old_object(server: S3Server) -> None:
    def broken() -> Iterator[bytes]:
        yield from pattern(1.5)
        raise RuntimeError("the source broke")

    with closing(S3Store(server.place("bucket/broken"))) as store:
        store.write("file.bin", [b"old"])
        with pytest.raises(RuntimeError, match="the source broke"):
            store.write("file.bin", broken())
        assert read_all(store, "file.bin") == b"old"


def test_a_missing_bucket_is_named(server: S3Server) -> None:
    with closing(S3Store(server.place("nowhere/x"))) as store, pytest.raises(NotFoundError, match="`nowhere`"):
        list(store.scan())


def test_without_any_credentials_the_error_says_where_to_put_them(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    place = Place("s3://bucket/x", options=server.place("bucket").options)
    with closing(S3Store(place)) as store, pytest.raises(AuthError) as caught:
        list(store.scan())
    assert "AWS_ACCESS_KEY_ID" in (caught.value.hint or "")


def test_the_credentials_of_the_environment_are_used(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "recon")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret)
    place = Place("s3://bucket/environment", options=server.place("bucket").options)
    with closing(S3Store(place)) as store:
        store.write("x", [b"y"])
        assert read_all(store, "x") == b"y"


@contextmanager
def refusing(status: int, code: str) -> Iterator[int]:
    """A server that answers everything with one S3 error: real servers need an hour to let a token expire."""

    class Refusal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield listener.server_address[1]
        finally:
            listener.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "code", "error", "hint"),
    [
        (400, "ExpiredToken", AuthError, "renew"),
        (403, "RequestTimeTooSkewed", AuthError, "timedatectl"),
        (403, "AccessDenied", AuthError, "key"),
        (503, "SlowDown", UnreachableError, "later"),
    ],
)
def test_what_a_server_refuses_is_told_with_a_way_out(
    status: int, code: str, error: type[ReconError], hint: str
) -> None:
    with refusing(status, code) as port:
        options: dict[str, str | float] = {"endpoint": f"http://127.0.0.1:{port}", "retries": 1}
        place = Place("s3://key@bucket/x", secret=lambda: "hunter2", options=options)
        with closing(S3Store(place)) as store, pytest.raises(error) as caught:
            list(store.scan())
    assert hint in (caught.value.hint or "")
    assert code in (caught.value.cause or "")
    assert "hunter2" not in str(caught.value.document())


def test_a_url_without_a_bucket_says_how_to_write_it() -> None:
    with pytest.raises(ConfigError) as caught:
        S3Store(Place("s3:///x"))
    assert "s3://bucket/prefix" in (caught.value.hint or "")


@contextmanager
def cut_in_the_head() -> Iterator[int]:
    """A server whose every answer ends within its head: HTTP libraries take such for a whole one without a body."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_an_answer_that_is_cut_in_its_head_is_no_empty_folder_and_no_empty_file() -> None:
    with cut_in_the_head() as port:
        options: dict[str, str | float] = {"endpoint": f"http://127.0.0.1:{port}", "retries": 0}
        with closing(S3Store(Place("s3://key@bucket/x", secret=lambda: "-", options=options))) as store:
            for ask in (lambda: list(store.scan()), lambda: store.stat("a"), lambda: read_all(store, "a")):
                with pytest.raises(UnreachableError, match="lost"):
                    ask()
