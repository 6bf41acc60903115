"""Every package that is no hard dependency has an extra, and without it a command says so: exit code 15, and which."""

from __future__ import annotations

import ast
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from tools.extras import SETTINGS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
HARD = {"apsw", "click", "orjson", "paramiko", "rich", "sqlalchemy", "typer", "tzdata", "xxhash", "zstandard"}
EXTRAS: dict[str, set[str]] = {
    "postgres": {"psycopg", "sqlglot"},
    "mysql": {"pymysql"},
    "demo": {"pyftpdlib"},
    "encrypt": {"pyrage"},
    "s3": {"boto3", "botocore"},
    "redis": {"redis"},
    "firestore": {"google", "grpc"},
    "reconstruct": {"numba", "numpy", "PIL", "pycolmap"},
    "heic": {"pillow_heif"},
    "serve": {"fastapi", "httptools", "pydantic", "python_multipart", "starlette", "uvicorn", "websockets"},
    "worker": {"procrastinate", "psycopg_pool"},
    "xlsx": {"openpyxl"},
    "gpu": {"gsplat", "ninja", "packaging", "torch"},
}
OWN = {"recon_cli", "recon_native"}
COMMANDS = {
    "postgres": ("backup", "export", "pg", "out"),
    "postgres (psycopg)": ("migrate", "a.db", "pg"),
    "postgres (sqlglot)": ("migrate", "a.db", "--plan"),
    "mysql": ("backup", "export", "my", "out"),
    "demo": ("demo", "--only", "recover"),
    "encrypt": ("backup", "export", "a.db", "a.tar.zst", "--encrypt", "age1abc"),
    "s3": ("scan", "s3://bucket/x"),
    "redis": ("record", "search", "--to", "kv"),
    "firestore": ("record", "search", "--to", "fire"),
    "reconstruct": ("reconstruct", "photos"),
    "reconstruct (numpy)": ("splat", "info", "a.ply"),
    "serve": ("serve",),
    "worker": ("worker", "init"),
    "xlsx": ("record", "add", "a.xlsx"),
}


def without(modules: set[str], *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`recon` where these modules are not installed."""
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "RECON_STATE_DIR": str(folder / "state"),
    }
    command = [sys.executable, "-m", "tests.support.without", ",".join(sorted(modules)), *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", COMMANDS)
def test_without_an_extra_its_command_ends_with_15_and_names_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "recon.toml").write_text(SETTINGS)
    (tmp_path / "photos").mkdir()
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    (tmp_path / "a.ply").write_bytes(b"ply")
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        db.executescript("CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t")
    extra, _, one = name.partition(" (")
    done = without({one.rstrip(")")} if one else EXTRAS[extra], *COMMANDS[name], folder=tmp_path)
    assert done.returncode == 15, done.stderr
    assert f"recon-cli[{extra}]" in done.stderr


def test_every_module_that_is_imported_is_of_a_dependency_or_of_an_extra() -> None:
    known = HARD | OWN | set(sys.stdlib_module_names) | {name for names in EXTRAS.values() for name in names}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) and not node.level else []
            strange = {name.partition(".")[0] for name in names} - known
            assert not strange, f"{path.relative_to(ROOT)} imports {strange}, of which no extra tells"


def test_the_table_above_knows_every_extra() -> None:
    declared = PROJECT["optional-dependencies"]
    assert EXTRAS.keys() == declared.keys() - {"all"}
    everything = {one for one in declared if one not in {"all", "gpu"}}
    assert set(declared["all"][0].removeprefix("recon-cli[").removesuffix("]").split(",")) == everything
