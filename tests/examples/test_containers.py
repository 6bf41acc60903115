"""What lies in examples/containers does what it says: the crontab, the services, the sample lists."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import system
from tests.support.recon import Recon, in_folder

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "containers"


@pytest.fixture
def gate(tmp_path: Path) -> Recon:
    """The example with a SQLite file as its database."""
    shutil.copytree(EXAMPLE / "cameras", tmp_path / "cameras")
    (tmp_path / "archive").mkdir()
    text = (EXAMPLE / "recon.toml").read_text("utf-8")
    text = text.replace("postgresql://gate@db.example.net/gate", "gate.db")
    text = text.replace("/srv/cameras", str(tmp_path / "cameras")).replace(
        "/srv/archive/gate", str(tmp_path / "archive")
    )
    kept = [line for line in text.splitlines() if not line.startswith("password_file")]
    (tmp_path / "recon.toml").write_text("\n".join(kept), "utf-8")
    recon = in_folder(tmp_path, PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin")
    recon("record", "init")
    return recon


def count(recon: Recon, table: str = "container_logs") -> int:
    with closing(sqlite3.connect(recon.folder / "gate.db", timeout=30)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  our own names


def unit_of(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # keys of units keep their case
    parser.read(EXAMPLE / name)
    return parser


def cron(gate: Recon, line: str) -> tuple[int, str, str]:
    """What a line of the crontab ends with and mails."""
    done = subprocess.run(
        ["/bin/sh", "-c", line.split(None, 5)[5]],
        cwd=gate.folder,
        env={**gate.env, "RECON_CONFIG": str(gate.folder / "recon.toml")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def test_cron_sends_the_lists_archives_old_logs_and_mails_a_row_that_is_no_number_once(gate: Recon) -> None:
    sync, prune = (EXAMPLE / "crontab").read_text("utf-8").splitlines()[-2:]
    code, out, mailed = cron(gate, sync)
    assert (code, out, mailed.count("UNKNOWN")) == (3, "", 1)
    assert (count(gate), count(gate, "container_logs_readings")) == (3, 5)
    for line in (sync, prune):
        assert cron(gate, line) == (0, "", "")
    assert count(gate) == 0
    assert len(list((gate.folder / "archive").iterdir())) == 1


def test_the_service_sends_the_lists_until_systemd_stops_it(gate: Recon) -> None:
    command = shlex.split(unit_of("recon-gate.service")["Service"]["ExecStart"])
    with subprocess.Popen(
        [sys.executable, "-m", "recon_cli", *command[1:]], cwd=gate.folder, env=gate.env, stderr=subprocess.PIPE
    ) as process:
        for _ in range(1200):
            if count(gate) == 3 or process.poll() is not None:
                break
            time.sleep(0.1)
        process.terminate()
        assert process.wait(60) == 143
    assert count(gate) == 3


@pytest.mark.parametrize("unit", ["recon-gate.service", "recon-gate-prune.service", "recon-gate-prune.timer"])
def test_systemd_finds_no_fault_in_the_units(unit: str, tmp_path: Path) -> None:
    program = system.require("systemd-analyze", "systemd")
    for path in EXAMPLE.glob("recon-gate*"):
        text = path.read_text("utf-8").replace("/usr/local/bin/recon", "/bin/true")
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        [program, "verify", tmp_path / unit],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )
    assert not [line for line in done.stderr.splitlines() if "recon-gate" in line]
