"""The checks behind `recon doctor`: each says how it went and, if not well, how to mend it."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from importlib import metadata
from urllib.parse import urlsplit

from recon_cli import __version__
from recon_cli.cli.checks import Check, Status, failed
from recon_cli.config import places
from recon_cli.config.settings import Settings
from recon_cli.core import words
from recon_cli.core.errors import ExitCode, ReconError
from recon_cli.core.place import Place
from recon_cli.ops import paths

_LITTLE_SPACE_BYTES = 100 * 1024 * 1024
_PYTHON = (3, 11)
_PORTS = {"ftp": 21, "ftps": 990, "sftp": 22, "http": 80, "https": 443, "postgresql": 5432, "postgres": 5432}
_PORTS.update(mysql=3306, mariadb=3306)
_EXTRAS = {
    "postgres": ("psycopg", ("postgres", "postgresql")),
    "mysql": ("pymysql", ("mysql", "mariadb")),
    "redis": ("redis", ("redis", "rediss")),
    "firestore": ("google-cloud-firestore", ("firestore",)),
    "s3": ("boto3", ("s3",)),
    "encrypt": ("pyrage", ()),
    "xlsx": ("openpyxl", ()),
    "reconstruct": ("pycolmap", ()),
    "heic": ("pillow-heif", ()),
    "serve": ("fastapi", ()),
    "worker": ("procrastinate", ()),
    "demo": ("pyftpdlib", ()),
}


def machine(settings: Settings) -> Iterator[Check]:
    """Python, extras and the state folder."""
    yield _python()
    for extra, (package, schemes) in _EXTRAS.items():
        yield _extra(extra, package, needed=_uses(settings, schemes))
    yield _native()
    yield _state()


def wrong(problem: ReconError) -> Check:
    """A problem of the settings as a finding."""
    return failed("settings", problem)


def place(section: str, settings: Settings, name: str) -> Iterator[Check]:
    """One place, from its name to what the other side can do; stops at the first thing that fails."""
    warnings: list[str] = []
    label = f"{section} {name}"
    try:
        resolve = places.resolve_files if section == "files" else places.resolve_store
        found = resolve(settings, name, warnings.append)
    except ReconError as exc:
        yield failed(label, exc)
        return
    yield from (Check(label, Status.WARN, *_halves(text)) for text in warnings)
    yield from _reached(label, section, found)


def _reached(label: str, section: str, found: Place) -> Iterator[Check]:
    address = _address(found.url)
    if address:
        met = _connected(label, *address)
        yield met
        if met.status is Status.FAIL:
            return
    try:
        yield from _files(label, found) if section == "files" else _records(label, found)
    except ReconError as exc:
        yield failed(label, exc)


def _files(label: str, found: Place) -> Iterator[Check]:
    # Adapters bring heavy libraries with them, so they are imported for a place that needs them.
    from recon_cli.files.base import ScanOptions  # noqa: PLC0415  see above
    from recon_cli.files.registry import open_files  # noqa: PLC0415  see above

    with closing(open_files(found)) as files:
        yield Check(label, Status.OK, _facts(files.probe()))
        root = next(listing for listing in files.scan("", ScanOptions(max_depth=0)) if not listing.path)
        if root.incomplete:
            detail = f"its folder is not listed completely: {root.incomplete} {root.detail}".rstrip()
            yield Check(label, Status.WARN, detail, "`recon scan` names each such folder")
        else:
            yield Check(
                label, Status.OK, f"its folder is there and has {words.count(len(root.entries), 'entry', 'entries')}"
            )


def _records(label: str, found: Place) -> Iterator[Check]:
    if found.url.startswith(("supabase+", "postgrest+")):
        yield _rest(label, found)
        return
    from recon_cli.stores.registry import open_records  # noqa: PLC0415  as in `_files`

    with closing(open_records(found)) as records:
        yield Check(label, Status.OK, _facts(records.probe()))


def _rest(label: str, found: Place) -> Check:
    from recon_cli.stores.bulk.registry import open_bulk  # noqa: PLC0415  as in `_files`

    with closing(open_bulk(found)) as server, server.join() as view:
        return Check(label, Status.OK, f"a REST server with {words.count(len(view.catalog().tables), 'table')}")


def _facts(found: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in found.items()) or "answers"


def _connected(label: str, host: str, port: int) -> Check:
    """The name's addresses and a plain connection, told apart from what a login could add."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        mend = f"check how `{host}` is spelled, and try `getent hosts {host}`"
        return Check(label, Status.FAIL, f"{host} has no address: {_words(exc)}", mend, ExitCode.UNREACHABLE)
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError as exc:
        mend = "check that the server runs, that the port is right, and that no firewall is between"
        return Check(label, Status.FAIL, f"{host}:{port} does not answer: {_words(exc)}", mend, ExitCode.UNREACHABLE)
    return Check(label, Status.OK, f"{host}:{port} answers ({found[0][4][0]})")


def _address(url: str) -> tuple[str, int] | None:
    """Host and port of a URL that goes over the network."""
    parts = urlsplit(url)
    scheme = parts.scheme.partition("+")[0]
    if not parts.hostname or scheme not in _PORTS:
        return None
    try:
        port = parts.port
    except ValueError:
        return None  # the adapter says what is wrong with it
    return parts.hostname, port or _PORTS[scheme]


def _python() -> Check:
    detail = f"recon {__version__}, Python {platform.python_version()} on {platform.platform(terse=True)}"
    if sys.version_info < _PYTHON:
        return Check("python", Status.FAIL, detail, "recon needs Python 3.11 or later", ExitCode.TOOL_MISSING)
    return Check("python", Status.OK, detail)


def _extra(extra: str, package: str, *, needed: bool) -> Check:
    name = f"extra {extra}"
    try:
        return Check(name, Status.OK, f"{package} {metadata.version(package)}")
    except metadata.PackageNotFoundError:
        mend = f"run `pip install 'recon-cli[{extra}]'`"
        if needed:
            return Check(name, Status.FAIL, f"{package} is not installed", mend, ExitCode.TOOL_MISSING)
        return Check(name, Status.OK, f"{package} is not installed, and nothing here needs it", mend)


def _native() -> Check:
    from recon_cli.stores.bulk import native  # noqa: PLC0415  the driver of SQLite comes with it

    used, why = native.told()
    if used:
        return Check("compiled reader", Status.OK, f"recon-cli-native {metadata.version('recon-cli-native')}")
    odd = why.startswith("installed")
    mend = "install the wheel that belongs to this version of recon" if odd else ""
    return Check(
        "compiled reader",
        Status.WARN if odd else Status.OK,
        f"{why}: `recon migrate` and `recon backup` do without",
        mend,
    )


def _uses(settings: Settings, schemes: tuple[str, ...]) -> bool:
    sections = ("stores", "files")
    places_there = [settings.named(section, name) for section in sections for name in settings.names(section)]
    urls = [str(keyed["url"].value) for keyed in places_there if "url" in keyed]
    return any(urlsplit(url).scheme.partition("+")[0] in schemes for url in urls)


def _state() -> Check:
    try:
        folder = paths.state_dir()
    except ReconError as exc:
        return failed("state", exc)
    if not os.access(folder, os.W_OK | os.X_OK):
        mend = f"run `chmod u+rwx {folder}`, or set `RECON_STATE_DIR`"
        return Check("state", Status.FAIL, f"cannot write to {folder}", mend, ExitCode.FAILED)
    if folder.stat().st_mode & 0o077:
        return Check("state", Status.WARN, f"others can look into {folder}", f"`chmod 700 {folder}`")
    free = shutil.disk_usage(folder).free
    if free < _LITTLE_SPACE_BYTES:
        return Check("state", Status.WARN, f"{free // 2**20} MiB left at {folder}", "make room there")
    return Check("state", Status.OK, f"{folder} ({free // 2**30} GiB free)")


def _halves(warning: str) -> tuple[str, str]:
    """A warning's finding and its way out."""
    detail, _, mend = warning.partition("; ")
    return detail, mend


def _words(exc: OSError) -> str:
    return (exc.strerror or str(exc) or type(exc).__name__).lower()
