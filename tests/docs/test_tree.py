"""What is in the repository: nothing large, and no path of the machine that somebody worked on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

LARGEST_BYTES = 1 << 20
OF_A_MACHINE = re.compile(
    rb"(?<![\w.])/(?:work/\w|root/\.|tmp/(?:tmp\w{6}|pytest-)|home/(?!newcomer\b|recon\b)[a-z]+/)"
)


def tracked() -> list[Path]:
    """What git has, and what would go in with the next `git add`."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git repository")
    return [path for one in done.stdout.split(b"\0") if one and (path := ROOT / one.decode()).is_file()]


def test_no_file_is_large() -> None:
    sizes = {str(path.relative_to(ROOT)): path.stat().st_size for path in tracked()}
    large = {name: size for name, size in sizes.items() if size > LARGEST_BYTES}
    assert not large, f"over 1 MiB: make it where it is needed, or ignore it: {large}"


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    found = {str(path.relative_to(ROOT)): OF_A_MACHINE.search(path.read_bytes()) for path in tracked()}
    assert not {name: one[0] for name, one in found.items() if one}
