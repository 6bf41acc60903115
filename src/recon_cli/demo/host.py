"""An embedded FTP server over a folder, on loopback: the cheap web host of the demo."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.errors import ToolMissingError


@dataclass(frozen=True, slots=True)
class Host:
    """A running server. The URL holds no password."""

    port: int
    user: str
    password: str

    def url(self, path: str) -> str:
        """The URL of a folder on the host."""
        return f"ftp://{self.user}@127.0.0.1:{self.port}/{path.strip('/')}"


@contextmanager
def serving(folder: Path, *, user: str = "mysite", password: str = "demo") -> Iterator[Host]:  # noqa: S107  lives for one tour
    """Serve `folder` by FTP on a free loopback port until the block ends.

    Raises:
        ToolMissingError: pyftpdlib is not installed.
    """
    server = _server(folder, user, password)
    thread = threading.Thread(target=server.serve_forever, kwargs={"timeout": 0.2}, daemon=True, name="demo-ftp")
    thread.start()
    try:
        yield Host(server.address[1], user, password)
    finally:
        server.close_all()
        thread.join(timeout=5)


def _server(folder: Path, user: str, password: str):  # type: ignore[no-untyped-def]  # noqa: ANN202  pyftpdlib has no types
    try:
        from pyftpdlib.authorizers import DummyAuthorizer  # noqa: PLC0415  an extra, imported when asked for
        from pyftpdlib.handlers import FTPHandler  # noqa: PLC0415  same
        from pyftpdlib.servers import FTPServer  # noqa: PLC0415  same
    except ImportError as exc:
        raise ToolMissingError(
            "the demo needs pyftpdlib", cause=str(exc), hint="run `pip install 'recon-cli[demo]'`"
        ) from exc
    _silence(logging.getLogger("pyftpdlib"))
    authorizer = DummyAuthorizer()
    authorizer.add_user(user, password, str(folder), perm="elradfmwMT")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer, "banner": "demo host", "use_sendfile": False})
    return FTPServer(("127.0.0.1", 0), handler)


def _silence(logger: logging.Logger) -> None:
    """Keep pyftpdlib from talking to the terminal, as it does unless somebody listens already."""
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
