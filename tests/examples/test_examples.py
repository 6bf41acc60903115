"""Each file under examples/ does what it says; their README pages are read by tests/docs."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from recon_cli.demo import twin_sessions as twin
from recon_cli.demo.service import prepared
from tests.docs.scenes import talk_settings
from tests.support import system
from tests.support.recon import Done, Recon, in_folder
from tests.systems.conversations import twin as chat

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CI = EXAMPLES / "ci"


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[Recon]:
    """The demo's folder: its host is running, its database is gone."""
    with prepared(tmp_path / "demo", 3):
        yield in_folder(tmp_path / "demo", PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def run(recon: Recon, command: list[str], **env: str) -> Done:
    done = subprocess.run(
        command, cwd=recon.folder, env={**recon.env, **env}, capture_output=True, text=True, check=False, timeout=120
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("example", ["viewer", "gfx", "reconstruct", "conversations", "containers"])
def test_the_settings_of_an_example_have_no_unknown_key(lost: Recon, example: str) -> None:
    shutil.copy(EXAMPLES / example / "recon.toml", lost.folder / "recon.toml")
    lost("config", "check")


def test_the_settings_of_the_viewer_name_what_the_demo_names() -> None:
    settings = tomllib.loads((EXAMPLES / "viewer" / "recon.toml").read_text("utf-8"))
    assert settings["tables"]["models"] == {"system": "viewer", "from": "host", "to": "local"}


def test_cron_mails_drift_and_keeps_silent_once_all_is_well(lost: Recon) -> None:
    *_, line = (EXAMPLES / "cron" / "crontab").read_text("utf-8").splitlines()
    command = ["/bin/sh", "-c", line.split(None, 5)[5]]
    settings = {"RECON_CONFIG": str(lost.folder / "recon.toml")}
    drift = run(lost, command, **settings)
    assert drift.code == 4
    assert drift.out + drift.err
    lost("recover", "models", "--apply")
    well = run(lost, command, **settings)
    assert (well.code, well.out, well.err) == (0, "", "")


def test_cron_saves_the_database_every_night_and_keeps_silent(lost: Recon) -> None:
    lost("recover", "models", "--apply")
    (line,) = (line for line in (EXAMPLES / "cron" / "crontab").read_text("utf-8").splitlines() if "backup" in line)
    settings = (EXAMPLES / "viewer" / "recon.toml").read_text("utf-8")
    kept = settings[settings.index("[backups.nightly]") : settings.index("[check]")]
    with (lost.folder / "recon.toml").open("a") as file:
        file.write(kept.replace("/srv/backups/viewer", str(lost.folder / "kept")))
    command = ["/bin/sh", "-c", line.split(None, 5)[5]]
    well = run(lost, command, RECON_CONFIG=str(lost.folder / "recon.toml"))
    assert (well.code, well.out, well.err) == (0, "", "")
    assert len(lost("backup", "list", "nightly", "--json").document["snapshots"]) == 1


def test_the_unit_finds_its_password_as_a_credential(lost: Recon, tmp_path: Path) -> None:
    unit = unit_of("recon-check.service")
    name = unit["Service"]["LoadCredential"].partition(":")[0]
    (tmp_path / "credentials").mkdir(mode=0o700)
    shutil.move(lost.folder / "host.pw", tmp_path / "credentials" / name)
    command = shlex.split(unit["Service"]["ExecStart"])
    env = {"RECON_CONFIG": str(lost.folder / "recon.toml"), "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert run(lost, [shutil.which("recon", path=lost.env["PATH"]) or "recon", *command[1:]], **env).code == 4


@pytest.fixture
def live(tmp_path: Path) -> Recon:
    """A NAS, and the settings of the gfx example with a SQLite file as its database."""
    twin.write(tmp_path / "nas")
    text = (EXAMPLES / "gfx" / "recon.toml").read_text("utf-8")
    text = text.replace("/mnt/nas", str(tmp_path / "nas")).replace("postgresql://gfx@db.example.net/gfx", "gfx.db")
    kept = [line for line in text.splitlines() if not line.startswith("password_file")]
    (tmp_path / "recon.toml").write_text("\n".join(kept))
    recon = in_folder(tmp_path, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    recon("sync", "init", "live")
    return recon


def test_cron_sends_the_exports_proves_them_and_keeps_silent(live: Recon) -> None:
    lines = (EXAMPLES / "gfx" / "crontab").read_text("utf-8").splitlines()[-2:]
    for line in lines:
        command = ["/bin/sh", "-c", line.split(None, 5)[5]]
        well = run(live, command, RECON_CONFIG=str(live.folder / "recon.toml"))
        assert (well.code, well.out, well.err) == (0, "", "")
    with closing(sqlite3.connect(live.folder / "gfx.db")) as db:
        assert db.execute("SELECT count(*), sum(hand_count) FROM gfx_sessions").fetchone() == (27, 1510)


def test_the_service_sends_the_exports_until_systemd_stops_it(live: Recon) -> None:
    command = shlex.split(unit_of("recon-sync.service", "gfx")["Service"]["ExecStart"])
    with subprocess.Popen(
        [sys.executable, "-m", "recon_cli", *command[1:]], cwd=live.folder, env=live.env, stderr=subprocess.PIPE
    ) as process:
        with closing(sqlite3.connect(live.folder / "gfx.db", timeout=30)) as db:
            for _ in range(600):
                if db.execute("SELECT count(*) FROM gfx_sessions").fetchone() == (27,):
                    break
                time.sleep(0.1)
        process.terminate()
        _out, err = process.communicate(timeout=60)
        assert process.returncode == 143, err
    assert live("sync", "verify", "live", "--json").document["agree"]


def test_cron_copies_the_logs_proves_them_and_keeps_silent(tmp_path: Path) -> None:
    chat.write(tmp_path / "logs", chat.made(saves=48))
    subprocess.run([system.require("git", "git"), "init", "--quiet", "--bare", tmp_path / "talk.git"], check=True)
    (tmp_path / "recon.toml").write_text(talk_settings(tmp_path))
    recon = in_folder(tmp_path, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    recon("sync", "init", "talk")
    lines = (EXAMPLES / "conversations" / "crontab").read_text("utf-8").splitlines()[-2:]
    for line in lines:
        command = ["/bin/sh", "-c", line.split(None, 5)[5]]
        well = run(recon, command, RECON_CONFIG=str(tmp_path / "recon.toml"))
        assert (well.code, well.out, well.err) == (0, "", "")
    counted = recon("record", "stats", "--records", "talk", "--by", "room", "--json").document
    rooms = {one["room"] for one in counted["groups"]}
    assert rooms == set(chat.ROOMS) - {"대화:비밀"}


def test_units_that_share_a_state_folder_are_one_user() -> None:
    owners: dict[tuple[str, str], set[str]] = {}
    for path in EXAMPLES.glob("*/*.service"):
        unit = unit_of(path.name, path.parent.name)["Service"]
        if "StateDirectory" in unit:
            user = unit.get("User", path.stem if unit.get("DynamicUser") == "yes" else "root")
            owners.setdefault((path.parent.name, unit["StateDirectory"]), set()).add(user)
    assert len(owners) > 3
    assert {where: users for where, users in owners.items() if len(users) > 1} == {}


UNITS = sorted(path.stem for path in EXAMPLES.glob("*/*.service") if "gate" not in path.stem)


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_the_units(tmp_path: Path, unit: str) -> None:
    verify = system.require("systemd-analyze", "systemd")
    (folder,) = (path.parent for path in EXAMPLES.glob(f"*/{unit}.service"))
    names = [one for one in (f"{unit}.service", f"{unit}.timer") if (folder / one).exists()]
    for name in names:
        text = (folder / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("/usr/local/bin/recon", sys.executable))
    done = subprocess.run(
        [verify, "verify", *(str(tmp_path / name) for name in names)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )
    about_ours = [line for line in done.stderr.splitlines() if unit in line]
    assert not about_ours


def test_the_smoke_script_says_that_recon_works(lost: Recon, tmp_path: Path) -> None:
    done = run(lost, ["sh", str(CI / "smoke.sh")], TMPDIR=str(tmp_path))
    assert done.code == 0, done.err
    assert done.out.endswith("recon works here\n")
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_the_drift_script_says_what_is_wrong_and_once_all_is_well(lost: Recon) -> None:
    command = ["sh", str(CI / "drift.sh"), "models"]
    drift = run(lost, command)
    assert (drift.code, drift.err) == (4, "models: files and rows differ, see drift.json\n")
    assert json.loads((lost.folder / "drift.json").read_text())["schema"] == "recon.check/1"
    lost("recover", "models", "--apply")
    well = run(lost, command)
    assert (well.code, well.out, well.err) == (0, "models: files and rows agree\n", "")


def test_the_drift_script_asks_again_when_the_host_does_not_answer(lost: Recon) -> None:
    settings = (lost.folder / "recon.toml").read_text()
    (lost.folder / "recon.toml").write_text(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", settings))
    done = run(lost, ["sh", "-x", str(CI / "drift.sh"), "models"], PAUSES_S="0 0")
    assert done.code == 13
    assert done.err.count("+ recon check models --json") == 3
    assert "nothing is known" in done.err


@pytest.mark.parametrize(("file", "job"), [("github.yml", "steps"), ("gitlab-ci.yml", "script")])
def test_a_pipeline_runs_what_is_there(lost: Recon, file: str, job: str) -> None:
    lost("recover", "models", "--apply")
    shutil.copytree(CI, lost.folder / "examples" / "ci")
    text = yaml.safe_load((CI / file).read_text("utf-8"))
    jobs = text.get("jobs", text)
    steps = [step.get("run", "") if isinstance(step, dict) else step for step in jobs["agree"][job]]
    commands = [step for step in steps if "examples/ci" in step]
    assert len(commands) == 2
    for command in commands:
        done = run(lost, ["sh", "-c", command])
        assert done.code == 0, done.err


def test_the_alerts_ask_for_series_that_a_check_leaves(lost: Recon) -> None:
    lost("check", "models", "--textfile", "recon.prom", expect=4)
    left = {line.split("{")[0] for line in (lost.folder / "recon.prom").read_text().splitlines() if line[0] != "#"}
    (group,) = yaml.safe_load((CI / "alerts.yml").read_text("utf-8"))["groups"]
    asked = {name for rule in group["rules"] for name in re.findall(r"recon_\w+", rule["expr"])}
    assert asked
    assert asked <= left


def unit_of(name: str, folder: str = "systemd") -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # keys of units keep their case
    parser.read(EXAMPLES / folder / name)
    return parser
