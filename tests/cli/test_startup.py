from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.recon import in_folder

HEAVY = {"rich", "sqlalchemy", "paramiko", "pydantic", "cryptography", "psycopg", "pymysql", "pyftpdlib"}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["config", "show"], ["config", "check"]], ids=" ".join)
def test_small_commands_import_nothing_heavy(tmp_path: Path, words: list[str]) -> None:
    recon = in_folder(tmp_path)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *recon.argv(*words)[1:]],
        cwd=tmp_path,
        env=recon.env,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "typer" in imported
    assert not imported & HEAVY


def test_help_imports_no_command(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from recon_cli.cli import app, main\n"
        "main.main(['--help'])\n"
        "print([one.module for one in app.COMMANDS.values() if one.module in sys.modules])\n"
    )
    recon = in_folder(tmp_path)
    done = subprocess.run([sys.executable, "-c", program], env=recon.env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
