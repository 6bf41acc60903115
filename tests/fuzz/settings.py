"""What an operator writes, or somebody who sent a project: recon.toml, URLs, patterns; and texts that are shown."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from recon_cli.config.layers import Sources
from recon_cli.config.places import has_password, resolve_files, resolve_store, resolve_table
from recon_cli.config.settings import check
from recon_cli.config.syncs import Flags, resolve_sync
from recon_cli.core.errors import ReconError
from recon_cli.core.globs import PathFilter, compile_glob
from recon_cli.core.place import redact
from recon_cli.ops import redact as scrub
from recon_cli.ui import escape
from tests.fuzz.harness import target

TOML = b"""version = 1
[files.host]
url = "ftp://me@host/html"
password_file = "~/.config/recon/host.pw"
[stores.local]
url = "sqlite:///data/models.db"
[tables.models]
system = "viewer"
from = "host"
to = "local"
[syncs.gfx]
system = "gfx"
from = "host"
to = "local"
copies = ["local"]
[serve]
port = 8000
"""


@target(TOML, b"version = 2\n", b"[files]\nhost = 1\n", b"a.b.c = [" + b"[" * 3000)
def recon_toml(data: bytes, folder: Path) -> None:
    """Everything wrong is said in one go, and what can be read is resolved without going anywhere."""
    path = folder / "recon.toml"
    path.write_bytes(data)
    settings, _ = check(Sources(project=path))
    for section, resolve in (("files", resolve_files), ("stores", resolve_store), ("tables", resolve_table)):
        for name in settings.names(section):
            with suppress(ReconError):
                resolve(settings, name)
    for name in settings.names("syncs"):
        with suppress(ReconError):
            resolve_sync(settings, name, Flags())


@target(
    b"ftp://me:pass word@host:21/x?y#z",
    b"postgresql://u:p@[::1]:5432/db",
    b"sqlite:///a b.db",
    b"git+ssh://git@host/x.git",
)
def url(data: bytes, _folder: Path) -> None:
    text = data.decode("utf-8", "surrogateescape")
    redact(text)
    has_password(text)


@target(b"password=hunter2 token: 'x' ftp://a:b@c", b"a" * 3000, b"://" * 900, b"passwd" * 600)
def redacted_text(data: bytes, _folder: Path) -> None:
    scrub.text(data.decode("utf-8", "surrogateescape"))


@target(b"**/*.obj", b"files/[!a-c]?/{x,y}*", b"***************a", b"[z-a]")
def glob(data: bytes, _folder: Path) -> None:
    pattern = data.decode("utf-8", "surrogateescape")
    with suppress(ReconError):
        compile_glob(pattern)
        PathFilter.of([pattern], [pattern]).wants("files/" + "a" * 9 + "/b.obj")


@target(b"\x1b[31mred\x1b]0;title\x07", "\u202e\u0085".encode())
def shown_text(data: bytes, _folder: Path) -> None:
    """No control sequence of a stranger reaches a terminal."""
    text = data.decode("utf-8", "surrogateescape")
    found = escape.line(text) + escape.cell([text]) + escape.fit(escape.line(text), 20)
    assert not set("\x1b\x07\n\r\u202e") & set(found)
