"""`recon reconstruct` in one working folder; compiled kernels are shared between tests, as on any machine."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.support.recon import Recon, in_folder

KERNELS = Path(tempfile.gettempdir()) / f"recon-test-kernels-{os.getuid()}"
PATIENCE_S = 600.0
PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "photos"
"""Real photo sets, where a checkout has them beside it."""


def reconstructing(folder: Path, **env: str) -> Recon:
    """`recon` with a job root in `folder`."""
    return replace(in_folder(folder, RECON_CACHE_DIR=str(KERNELS), **env), patience_s=PATIENCE_S)
