"""Kernels are compiled once for all tests; a small scene is cast once for each worker."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.recon import KERNELS

os.environ.setdefault("RECON_CACHE_DIR", str(KERNELS))


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """As a training has it done: before this process loads the first kernel, and once for all processes."""
    from recon_cli.reconstruction import warming  # noqa: PLC0415  after the cache is named

    warming.ensure()


@pytest.fixture(scope="session")
def scene_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen pictures of 160×96 with known cameras; every eighth is held out."""
    from tests.support import scenes  # noqa: PLC0415  after the cache is named

    return scenes.make(tmp_path_factory.mktemp("scene"), scenes.Size(160, 96, views=18, points=1200))
