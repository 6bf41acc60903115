"""Ends that are seldom seen: a pipe, a strict FTPS server, credentials that expire on the way, git behind HTTPS."""

from __future__ import annotations

import http.client
import sqlite3
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from recon_cli.core.errors import AuthError, UnreachableError
from recon_cli.ops.gitrepo import refusal
from tests.files.ftp.trees import served_folder
from tests.jobs.backup.made import content, day, publish, rows
from tests.jobs.backup.recipes import opened, recipe
from tests.support.ftp_servers import give, start_vsftpd
from tests.support.recon import in_folder
from tests.support.s3_server import S3Server, s3_server
from tests.support.system import require


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))


def test_what_goes_into_a_pipe_is_an_archive_that_tar_and_zstd_read(tmp_path: Path) -> None:
    zstd = require("zstd", "zstd")
    with closing(sqlite3.connect(tmp_path / "app.db")) as made:
        made.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
        made.execute("INSERT INTO items VALUES (1, 'one')")
        made.commit()
    recon = in_folder(tmp_path)
    command = recon.argv("backup", "export", "app.db", "-")
    sent = subprocess.run(command, cwd=tmp_path, env=recon.env, capture_output=True, check=False)
    assert sent.returncode == 0, sent.stderr
    assert b"1 table, 1 row" in sent.stderr
    plain = subprocess.run([zstd, "-dc"], input=sent.stdout, check=True, capture_output=True).stdout
    (tmp_path / "all.tar").write_bytes(plain)
    with tarfile.open(tmp_path / "all.tar") as archive:
        names = archive.getnames()
    assert names[0] == "manifest.json"
    assert any(name.startswith("data/items") for name in names)


def test_a_reader_that_goes_away_ends_the_export_quietly(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "app.db")) as made:
        made.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, body BLOB)")
        made.executemany("INSERT INTO items VALUES (?, randomblob(4000))", [(number,) for number in range(500)])
        made.commit()
    recon = in_folder(tmp_path)
    with subprocess.Popen(
        recon.argv("backup", "export", "app.db", "-"),
        cwd=tmp_path,
        env=recon.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(10)
        child.stdout.close()
        said = child.stderr.read().decode()
    assert "Traceback" not in said
    assert "unexpected" not in said


@pytest.mark.system
def test_an_ftps_server_that_wants_its_sessions_reused_keeps_snapshots() -> None:
    with served_folder() as root, start_vsftpd(root, tls="explicit") as server:
        (root / "kept").mkdir()
        give(root / "kept")
        options = {"ca_file": server.ca_file} if server.ca_file else {}
        one = recipe(f"{server.url}kept", secret=server.password, timeout_s=10, **options)
        for number in range(2):
            with closing(opened(one)) as there:
                publish(there, rows(300, str(number)), day(number))
        with closing(opened(one)) as there:
            assert [content(there, held.name) for held in there.held()] == [rows(300, "0"), rows(300, "1")]
            there.remove(day(0))
            assert [held.name for held in there.held()] == [day(1)]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    root = tmp_path_factory.mktemp("s3")
    (root / "bucket").mkdir()
    with s3_server(root) as running:
        yield running


@contextmanager
def expiring(port: int, requests: int) -> Iterator[int]:
    """A door to a server, at which the credentials have expired after so many requests."""
    left = [requests]

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            left[0] -= 1
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if left[0] < 0:
                self._answer(400, [], b"<Error><Code>ExpiredToken</Code><Message>no</Message></Error>")
                return
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as behind:
                heads = {name: value for name, value in self.headers.items() if name != "Expect"}
                behind.request(self.command, self.path, body, heads)
                told = behind.getresponse()
                self._answer(told.status, told.getheaders(), told.read())

        def _answer(self, status: int, heads: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in heads:
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815  their names there

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield listener.server_address[1]
        finally:
            listener.shutdown()
            thread.join()


@pytest.mark.parametrize("requests", [1, 2, 3, 4])
def test_credentials_that_expire_on_the_way_are_named_and_leave_the_last_snapshot(s3: S3Server, requests: int) -> None:
    """The steps are: look, send, read back, manifest, sidecar."""
    where = s3.place(f"bucket/kept-{requests}")
    direct = recipe(where.url, secret=s3.secret, **where.options)
    with closing(opened(direct)) as there:
        publish(there, rows(300, "old"), day(0))
    with expiring(s3.port, requests) as port:
        through = s3.place(f"bucket/kept-{requests}", port=port)
        late = opened(recipe(through.url, secret=s3.secret, **through.options))
        with closing(late), pytest.raises(AuthError, match="expired") as caught:
            publish(late, rows(300, "new"), day(1))
    assert "renew" in (caught.value.hint or "")
    with closing(opened(direct)) as there:
        assert content(there) == rows(300, "old")
        there.sweep()
        assert [(held.name, held.fault) for held in there.held()] == [(day(0), "")]


def test_a_git_server_that_does_not_answer_is_unreachable() -> None:
    require("git", "git")
    there = opened(recipe("git+https://127.0.0.1:1/kept.git#items", secret="hunter2"))
    with pytest.raises(UnreachableError) as caught:
        publish(there, rows())
    assert caught.value.retryable
    assert "hunter2" not in str(caught.value.document())


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("fatal: unable to access 'https://h:40312/': Failed to connect to h port 40312", UnreachableError),
        ("fatal: unable to access 'https://h/': The requested URL returned error: 403", AuthError),
        ("fatal: Authentication failed for 'https://h/'", AuthError),
    ],
)
def test_what_git_says_is_told_apart_by_its_words_and_not_by_a_port(said: str, error: type[Exception]) -> None:
    assert type(refusal("fetch", said, "there")) is error
