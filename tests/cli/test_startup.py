from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.recon import in_folder

HEAVY = {
    "rich",
    "sqlalchemy",
    "paramiko",
    "pydantic",
    "cryptography",
    "psycopg",
    "pymysql",
    "pyftpdlib",
    "numpy",
    "numba",
    "pycolmap",
    "PIL",
    "fastapi",
    "starlette",
    "uvicorn",
}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["config", "show"], ["config", "check"]], ids=" ".join)
def test_small_commands_import_nothing_heavy(tmp_path: Path, words: list[str]) -> None:
    assert not imported(tmp_path, words) & HEAVY


def test_a_look_at_the_queue_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").touch()
    in_folder(tmp_path)("queue", "import", "none.jsonl")
    assert not imported(tmp_path, ["queue", "status", "--json"]) & (HEAVY | {"apsw", "orjson"})


def imported(folder: Path, words: list[str]) -> set[str]:
    """The packages that a command imports."""
    recon = in_folder(folder)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *recon.argv(*words)[1:]],
        cwd=folder,
        env=recon.env,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "typer" in found
    return found


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
