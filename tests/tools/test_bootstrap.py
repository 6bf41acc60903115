"""A machine with nothing but Python: where pip is looked for, and that it is found, checked and installed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import virtualenv

from tools import bootstrap

PAGE = """
<a href="../../files/pip-24.0-py3-none-any.whl#sha256=aa" data-requires-python="&gt;=3.7">pip-24.0</a>
<a href="../../files/pip-9.0.3-py3-none-any.whl#sha256=bb">pip-9.0.3</a>
<a href="../../files/pip-25.1b1-py3-none-any.whl#sha256=cc">a beta</a>
<a href="../../files/pip-25.0.tar.gz#sha256=dd">a source archive</a>
<a href="../../files/pip-26.0-py3-none-any.whl#sha256=ee" data-yanked="broken">taken back</a>
<a href="../../files/pip-99.0-py3-none-any.whl#sha256=ff" data-requires-python="&gt;=3.99">for a later Python</a>
"""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home whose pip.conf alone is asked."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "XDG_")) or name == "SSL_CERT_FILE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "none"))
    file = tmp_path / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    return file


def test_the_newest_pip_that_this_python_can_run_is_taken() -> None:
    url, sha256 = bootstrap.newest_pip(PAGE, "http://mirror.example/root/simple/pip/")
    assert (url, sha256) == ("http://mirror.example/root/files/pip-24.0-py3-none-any.whl", "aa")


def test_an_index_without_pip_says_so() -> None:
    with pytest.raises(LookupError, match="no pip for Python 3"):
        bootstrap.newest_pip("<html></html>", "http://mirror.example/simple/pip/")


def test_the_index_of_pip_conf_is_used_and_the_environment_wins(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.write_text("[global]\nindex-url = http://mirror.example/%(odd)s\n[install]\ncert = /c\n")
    assert bootstrap.pip_settings()["index-url"] == "http://mirror.example/%(odd)s"
    assert bootstrap.pip_settings()["cert"] == "/c"
    monkeypatch.setenv("PIP_INDEX_URL", "http://nearer.example/simple")
    assert bootstrap.pip_settings()["index-url"] == "http://nearer.example/simple"


def test_uv_is_told_what_pip_knows_unless_it_was_told_itself(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.write_text("[global]\nindex_url = http://mirror.example/simple\ncert = /c\n")
    found = bootstrap.pip_settings()
    assert bootstrap.uv_settings(found) == {
        "UV_DEFAULT_INDEX": "http://mirror.example/simple",
        "SSL_CERT_FILE": "/c",
    }
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://own.example/simple")
    assert bootstrap.uv_settings(found) == {"SSL_CERT_FILE": "/c"}


def test_pip_comes_from_the_index_into_an_environment_that_has_none(settings: Path, tmp_path: Path) -> None:
    with index(tmp_path, digest=None) as url:
        settings.write_text(f"[global]\nindex-url = {url}\n")
        python = bare_environment(tmp_path)
        bootstrap._install_pip(python, bootstrap.pip_settings())
    said = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, text=True, check=True)
    assert str(tmp_path) in said.stdout


def test_a_wheel_that_is_not_what_the_index_says_is_refused(settings: Path, tmp_path: Path) -> None:
    with index(tmp_path, digest="0" * 64) as url:
        settings.write_text(f"[global]\nindex-url = {url}\n")
        with pytest.raises(LookupError, match="is not what the index says"):
            bootstrap._install_pip(bare_environment(tmp_path), bootstrap.pip_settings())


def test_a_login_in_the_index_url_is_sent_as_pip_would(settings: Path, tmp_path: Path) -> None:
    with index(tmp_path, digest=None, login="Basic c2FtOnAgdw==") as url:
        settings.write_text(f"[global]\nindex-url = {url.replace('//', '//sam:p%20w@')}\n")
        bootstrap._install_pip(bare_environment(tmp_path), bootstrap.pip_settings())


def test_a_python_too_old_is_told_what_to_do(tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from tools import bootstrap\n"
    program += "bootstrap.MINIMUM = (3, 99); bootstrap.run(Path('noxfile.py'), [])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).resolve().parents[2],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: recon needs Python 3.11 or newer\ncause: this is Python 3.")


def bare_environment(folder: Path) -> Path:
    home = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    return home / "bin" / "python"


@contextmanager
def index(folder: Path, *, digest: str | None, login: str = "") -> Iterator[str]:
    """A package index on loopback with the pip wheel that virtualenv carries."""
    wheel = max(Path(virtualenv.__file__).parent.rglob("pip-*.whl"))
    files = folder / "index" / "files"
    files.mkdir(parents=True)
    (files / wheel.name).write_bytes(wheel.read_bytes())
    sha256 = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
    page = folder / "index" / "simple" / "pip" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="../../files/{wheel.name}#sha256={sha256}">{wheel.name}</a>')

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if login and self.headers.get("Authorization") != login:
                self.send_error(401)
            else:
                super().do_GET()

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder / "index")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()
