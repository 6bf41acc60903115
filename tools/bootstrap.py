"""Run nox on a machine with nothing but Python: make an environment that holds it, then become it.

Standard library only, and readable by Python 3.7: what is asked of the interpreter is checked before it is used.
Debian may ship Python without `ensurepip`, without pip, and forbid installing beside its own packages; so pip's wheel
is fetched from the index that pip itself would use (`PIP_INDEX_URL`, then pip.conf, then pip's default).
Why so: docs/adr/0003-bootstrap-nox-from-the-standard-library.md.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from base64 import b64encode
from configparser import ConfigParser
from html.parser import HTMLParser
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit
from urllib.request import Request, urlopen

MINIMUM = (3, 11)
DEFAULT_INDEX = "https://pypi.org/simple"
WHEEL = re.compile(r"pip-(\d+(?:\.\d+)+)-py3-none-any\.whl")


def run(noxfile: Path, args: list[str]) -> NoReturn:
    """Become `nox ARGS` in an environment of its own, made on the first call and whenever its lock changes."""
    if sys.version_info < MINIMUM:
        _become_newer_python(noxfile, args)
    home = noxfile.parent / ".nox" / "bootstrap"
    lock = noxfile.parent / "requirements" / "nox.txt"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    state = home / "complete"
    wanted = f"{sys.version} {hashlib.sha256(lock.read_bytes()).hexdigest()}"
    settings = pip_settings()
    if not state.is_file() or state.read_text() != wanted:
        _make(home, python, lock, settings)
        state.write_text(wanted)
    _become([str(python), "-m", "nox", "-f", str(noxfile), *args], {**os.environ, **uv_settings(settings)})


def pip_settings() -> dict[str, str]:
    """What pip is told: by its files, the later over the earlier, then by `PIP_*` variables."""
    parser = ConfigParser(interpolation=None)
    parser.read(_settings_files(), encoding="utf-8")
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            found.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    for name, value in os.environ.items():
        if name.startswith("PIP_") and value:
            found[name[4:].lower().replace("_", "-")] = value
    return found


def uv_settings(settings: dict[str, str]) -> dict[str, str]:
    """The same index and certificates for uv, which reads nothing of pip's; what is set for uv already stays."""
    wanted = {"UV_DEFAULT_INDEX": settings.get("index-url"), "SSL_CERT_FILE": settings.get("cert")}
    return {name: value for name, value in wanted.items() if value and name not in os.environ}


def _settings_files() -> list[str]:
    own = os.environ.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return []
    shared = os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")
    user = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    files = [f"{folder}/pip/pip.conf" for folder in shared if folder]
    files += ["/etc/pip.conf", str(Path.home() / ".pip" / "pip.conf"), str(user / "pip" / "pip.conf")]
    return [*files, own] if own else files


def _make(home: Path, python: Path, lock: Path, settings: dict[str, str]) -> None:
    _say(f"making {home} with nox in it (once)")
    try:
        shutil.rmtree(home, ignore_errors=True)
        with_pip = importlib.util.find_spec("ensurepip") is not None
        _call([sys.executable, "-m", "venv", str(home), *([] if with_pip else ["--without-pip"])])
        if not with_pip:
            _install_pip(python, settings)
        quiet = ["-qq", "--disable-pip-version-check", "--no-input"]
        _call([str(python), "-m", "pip", "install", *quiet, "--require-hashes", "-r", str(lock)])
    except (OSError, LookupError, subprocess.CalledProcessError) as exc:
        _fail("cannot make an environment for nox", str(exc), "is the package index reachable? see `PIP_INDEX_URL`")


def _install_pip(python: Path, settings: dict[str, str]) -> None:
    """Fetch pip's wheel from the index and let it install itself; a wheel can be run from its own file."""
    context = ssl.create_default_context(cafile=settings.get("cert"))
    index = settings.get("index-url", DEFAULT_INDEX).rstrip("/") + "/pip/"
    url, sha256 = newest_pip(_fetch(index, context).decode(), index)
    content = _fetch(url, context)
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise LookupError(f"{urlsplit(url).path} is not what the index says it is")
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / Path(urlsplit(url).path).name
        wheel.write_bytes(content)
        _call([str(python), f"{wheel}/pip", "install", "--quiet", "--no-index", "--no-cache-dir", str(wheel)])


class _Links(HTMLParser):
    """The anchors of a package index page: their addresses, with what the index says of each."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep `<a href=… data-requires-python=… data-yanked=…>`."""
        if tag == "a":
            self.found.append({name: value or "" for name, value in attrs})


def newest_pip(page: str, base: str) -> tuple[str, str]:
    """The newest pip wheel on an index page that this Python can run: its address and SHA-256 ("" if not told)."""
    links = _Links()
    links.feed(page)
    best: tuple[tuple[int, ...], str, str] | None = None
    for link in links.found:
        url, fragment = urldefrag(urljoin(base, link.get("href", "")))
        match = WHEEL.fullmatch(Path(unquote(urlsplit(url).path)).name)
        if match is None or "data-yanked" in link or not _runs_here(link.get("data-requires-python", "")):
            continue
        version = tuple(int(part) for part in match[1].split("."))
        if best is None or version > best[0]:
            best = (version, url, fragment[7:] if fragment.startswith("sha256=") else "")
    if best is None:
        raise LookupError(f"no pip for Python {sys.version_info.major}.{sys.version_info.minor} on the package index")
    return best[1], best[2]


def _runs_here(requires: str) -> bool:
    lowest = re.search(r">=\s*(\d+)\.(\d+)", requires)
    return lowest is None or (int(lowest[1]), int(lowest[2])) <= sys.version_info[:2]


def _fetch(url: str, context: ssl.SSLContext) -> bytes:
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    address = urlunsplit(parts._replace(netloc=host))
    request = Request(address, headers={"Accept": "text/html, */*;q=0.1"})  # noqa: S310 - the user's own setting
    if login:
        request.add_header("Authorization", "Basic " + b64encode(unquote(login).encode()).decode())
    with urlopen(request, timeout=60, context=context) as answer:  # noqa: S310 - same
        body: bytes = answer.read()
    return body


def _become_newer_python(noxfile: Path, args: list[str]) -> NoReturn:
    for minor in range(19, MINIMUM[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer and subprocess.run([newer, "-c", ""], check=False, capture_output=True).returncode == 0:
            _become([newer, str(noxfile), *args], dict(os.environ))
    here = ".".join(str(part) for part in sys.version_info[:3])
    _fail("recon needs Python 3.11 or newer", f"this is Python {here}", "install `python3.11` and try again")


def _become(command: list[str], environment: dict[str, str]) -> NoReturn:
    sys.stdout.flush()
    if os.name == "nt":  # exec returns to the shell at once on Windows
        sys.exit(subprocess.call(command, env=environment))
    os.execve(command[0], command, environment)  # noqa: S606 - the interpreter that was just made, no shell wanted


def _call(command: list[str]) -> None:
    subprocess.run(command, check=True)


def _fail(message: str, cause: str, hint: str) -> NoReturn:
    sys.exit(f"error: {message}\ncause: {cause}\nhint: {hint}")


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
