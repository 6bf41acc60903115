"""The memory of GPUs, by a program that may be missing, broken or odd."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon_cli.reconstruction import gpu
from recon_cli.reconstruction.gpu import Memory


def test_every_gpu_has_its_line_and_odd_lines_are_passed_over() -> None:
    assert gpu.parse("1234, 81559\n0, 24564\n") == (Memory(1234, 81559), Memory(0, 24564))
    assert gpu.parse("[N/A], [N/A]\nNo devices were found\n") == ()


@pytest.mark.parametrize(
    ("body", "used"), [("echo '500, 1000'; echo '20, 1000'", 520), ("echo Failed to initialize NVML; exit 9", 0)]
)
def test_the_program_is_asked_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, used: int
) -> None:
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{body}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert gpu.used_mb() == used


def test_without_the_program_there_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu.memory() == ()
