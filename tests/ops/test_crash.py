from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from recon_cli.ops import crash, paths, redact


def failed(secret: str) -> Exception:
    return ValueError(f"could not use {secret}")


def test_a_crash_file_tells_the_story_without_any_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))
    argv = ["recon", "scan", "ftp://me:inurl99@host"]
    settings = {"files.a.url": "ftp://me:inset99@host", "password": "plain99", "scan.connections": 2}
    path = crash.write(failed(redact.remember("remembered99")), argv, settings, now=datetime(2026, 1, 2, tzinfo=UTC))
    text = path.read_text()
    assert "ValueError: could not use ***" in text
    assert "recon scan" in text
    assert '"scan.connections": 2' in text
    assert "99" not in text.replace(str(tmp_path), "")
    assert path.name.startswith("crash-20260102T000000Z-")
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_a_state_folder_the_file_goes_to_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("RECON_STATE_DIR", str(blocked / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert crash.write(failed("x"), [], {}).parent == tmp_path


def test_the_state_folder_is_private_and_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECON_STATE_DIR", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert paths.state_dir() == tmp_path / "xdg" / "recon"
    assert paths.state_dir().stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert paths.state_dir() == tmp_path / "home" / ".local" / "state" / "recon"
