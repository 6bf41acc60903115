from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.docs.pages import ROOT
from tools.terminal import draw, show


def test_the_generated_reference_is_what_the_code_says_today() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.reference", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_picture_shows_what_the_terminal_showed_in_its_colours(tmp_path: Path) -> None:
    shown = show(r"printf '\033[31mred\033[0m plain\n'; test -t 1 && echo terminal", tmp_path, {})
    picture = draw(shown.screen, "printf")
    words = "".join(ET.fromstring(picture).itertext())  # noqa: S314 - made two lines above
    assert "red" in words
    assert "terminal" in words
    assert "@font-face" not in picture
