"""Man pages and completions, as the wheel carries them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.system import require
from tools import man


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    assert man.main([str(folder)]) == 0
    return folder


def test_every_command_has_a_page_with_its_options_and_examples(share: Path) -> None:
    pages = {path.stem: path.read_text("ascii") for path in (share / "man" / "man1").iterdir()}
    assert {"recon", "recon-scan", "recon-backup-export", "recon-queue-dead-list"} <= set(pages)
    for name, text in pages.items():
        assert f"\n{name.replace('-', chr(92) + '-')} " in text
        assert ".SH EXAMPLES" in text
        assert "\\-h, \\-\\-help" in text
    assert "\\fBrecon\\-backup\\fR(1)" in pages["recon-backup-export"]


def test_the_pages_are_read_without_a_warning(share: Path) -> None:
    groff = require("groff", "groff-base")
    for path in sorted((share / "man" / "man1").iterdir()):
        done = subprocess.run([groff, "-man", "-ww", "-z", "-Tutf8", path], capture_output=True, text=True, check=True)
        assert not done.stderr, done.stderr


def test_bash_completes_a_command_and_an_option(share: Path, tmp_path: Path) -> None:
    script = share / man.COMPLETIONS["bash"]
    assert completed(script, tmp_path, "recon ba") == ["backup"]
    assert completed(script, tmp_path, "recon backup ve") == ["verify"]
    assert "--json-lines" in completed(script, tmp_path, "recon scan --js")


def completed(script: Path, folder: Path, line: str) -> list[str]:
    """What bash offers at the end of a line, asked as it asks itself when somebody presses TAB."""
    words = line.split(" ")
    asked = f"""
    source {script}
    how=$(complete -p recon); [[ $how =~ -F\\ ([^ ]+) ]] && function=${{BASH_REMATCH[1]}}
    COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; COMP_LINE="{line}"; COMP_POINT={len(line)}
    $function recon "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}
    bash = shutil.which("bash")
    assert bash
    done = subprocess.run(
        [bash, "--norc", "-c", asked], env=env, cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.split()
