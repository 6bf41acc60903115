"""From a place to its file store. Adapters, and the libraries behind them, are imported only when asked for."""

from __future__ import annotations

import importlib
from typing import cast

from recon_cli.core.errors import ToolMissingError, UsageError
from recon_cli.core.place import Place, redact
from recon_cli.files.base import FileStore

_FTP = ("recon_cli.files.ftp.store", "FtpStore")
_HTTP = ("recon_cli.files.http.choose", "open_http")
_ADAPTERS = {
    "file": ("recon_cli.files.local", "LocalStore"),
    "ftp": _FTP,
    "ftps": _FTP,
    "ftpes": _FTP,
    "sftp": ("recon_cli.files.sftp.store", "SftpStore"),
    "http": _HTTP,
    "https": _HTTP,
    "s3": ("recon_cli.files.s3", "S3Store"),
    "memory": ("recon_cli.files.memory", "MemoryStore"),
}


def open_files(place: Place) -> FileStore:
    """The store that serves the place's URL; a path without a scheme is a local folder. Connects later, when used.

    Raises:
        UsageError: no store serves the scheme.
        ToolMissingError: the library behind the store is not installed.
    """
    scheme = scheme_of(place.url)
    if scheme not in _ADAPTERS:
        hint = f"use one of {', '.join(_ADAPTERS)}, or a local path"
        raise UsageError(f"no file store serves `{scheme}:` ({redact(place.url)})", hint=hint)
    module, name = _ADAPTERS[scheme]
    try:
        adapter = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("recon_cli"):
            raise
        wanted = "'recon-cli[s3]'" if scheme == "s3" else exc.name  # the others come with recon itself
        hint = f"run `pip install {wanted}`"
        raise ToolMissingError(f"`{scheme}:` needs {exc.name}", cause=str(exc), hint=hint) from exc
    return cast("FileStore", adapter(place))


def scheme_of(url: str) -> str:
    """The scheme in lower case; `file` for a path."""
    head, colon, _ = url.partition("://")
    if colon and head.replace("+", "").isalnum():
        return head.lower()
    return "file"
