"""LocalStore keeps the contract, on a real disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recon_cli.core.place import Place
from recon_cli.files.local import LocalStore
from tests.files.conformance import FileStoreConformance, OnDisk, Site

NOBODY = 65534


class TestLocal(FileStoreConformance):
    @pytest.fixture
    def site(self) -> Iterator[Site]:
        """As root, the store runs as nobody: for root nothing is denied."""
        with tempfile.TemporaryDirectory(prefix="recon-local-") as name:
            Path(name).chmod(0o777)
            root = Path(name) / "tree"
            root.mkdir()
            root.chmod(0o777)
            own = os.geteuid()
            if own == 0:
                os.seteuid(NOBODY)
            try:
                missing = Place(f"{name}/none")
                yield Site(LocalStore(Place(str(root))), OnDisk(root), lambda: LocalStore(missing))
            finally:
                os.seteuid(own)
