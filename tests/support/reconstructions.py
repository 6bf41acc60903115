"""`recon reconstruct` in one working folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.recon import Recon, in_folder

PATIENCE_S = 600.0
PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "photos"
"""Real photo sets, where a checkout has them beside it."""


def reconstructing(folder: Path, **env: str) -> Recon:
    """`recon` with a job root in `folder`; solving and training take longer than other commands."""
    return replace(in_folder(folder, **env), patience_s=PATIENCE_S)
