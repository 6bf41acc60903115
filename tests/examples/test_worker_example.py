"""The worker's example: its settings are known, and its unit gives recon the password where it looks for it."""

from __future__ import annotations

import configparser
import shutil
from pathlib import Path

from tests.support.recon import in_folder

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "worker"


def test_its_settings_have_no_unknown_key_and_name_what_the_unit_brings(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "worker.toml", tmp_path / "recon.toml")
    in_folder(tmp_path)("config", "check")
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # the names of systemd are not to be lowered
    unit.read_string((EXAMPLE / "recon-worker.service").read_text("utf-8"))
    assert unit["Service"]["LoadCredential"].startswith("recon.stores.jobs.password:")
    assert unit["Service"]["ExecStart"].endswith("worker.toml worker")
