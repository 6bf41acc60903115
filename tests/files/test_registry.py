"""A URL finds its store; what cannot be served says what can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from recon_cli.core.errors import ToolMissingError, UsageError
from recon_cli.core.place import Place
from recon_cli.files.base import FileStore
from recon_cli.files.registry import open_files


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("/srv/models", "LocalStore"),
        ("models", "LocalStore"),
        ("file:///srv/models", "LocalStore"),
        ("memory://x", "MemoryStore"),
        ("sftp://kim@host/models", "SftpStore"),
        ("http://host/models/", "HttpStore"),
        ("HTTPS://host/models/", "HttpStore"),
        ("https://host/models/delete.php", "ActionListStore"),
        ("s3://bucket/models", "S3Store"),
        ("ftp://host/models", "FtpStore"),
        ("ftps://host/models", "FtpStore"),
        ("ftpes://host/models", "FtpStore"),
    ],
)
def test_a_scheme_finds_its_store_without_connecting(url: str, kind: str) -> None:
    store: FileStore = open_files(Place(url))
    assert type(store).__name__ == kind
    store.close()


def test_an_unknown_scheme_is_a_usage_error_that_lists_the_known_ones_and_hides_the_password() -> None:
    with pytest.raises(UsageError) as caught:
        open_files(Place("gopher://kim:hunter2@host"))
    assert "sftp" in (caught.value.hint or "")
    assert "hunter2" not in str(caught.value.document())


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    for name in [name for name in sys.modules if name.startswith("recon_cli.files.sftp")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ToolMissingError) as caught:
        open_files(Place("sftp://host/"))
    assert "paramiko" in (caught.value.hint or "")


def test_opening_a_local_folder_imports_no_network_library() -> None:
    code = (
        "import sys; from recon_cli.core.place import Place; from recon_cli.files.registry import open_files;"
        "open_files(Place('.')); print({'paramiko', 'ssl', 'http.client'} & set(sys.modules))"
    )
    source = Path(__file__).parents[2] / "src"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONPATH": str(source)}
    )
    assert shown.stdout.strip() == b"set()"
