from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.recon import Recon, in_folder

SECRET = "k0rrekt-horse"
SETTINGS = f"""\
version = 1
[files.web]
url = "ftp://me@127.0.0.1:1/html"
password_file = "pw"
[stores.local]
url = "sqlite:///models.db"
[tables.models]
system = "viewer"
from = "web"
to = "local"
[ping]
url = "https://hc.test/{SECRET}"
"""


@pytest.fixture
def recon(tmp_path: Path) -> Recon:
    (tmp_path / "recon.toml").write_text(SETTINGS)
    (tmp_path / "pw").write_text(SECRET)
    (tmp_path / "pw").chmod(0o644)
    return in_folder(tmp_path)


def test_origin_says_where_each_value_came_from(recon: Recon) -> None:
    env = {"RECON_SCAN_CONNECTIONS": "1"}
    rows = {
        line.split("\t")[0]: line.split("\t") for line in recon("config", "show", "--origin", env=env).out.splitlines()
    }
    assert rows["scan.connections"] == ["scan.connections", "1", "environment", "RECON_SCAN_CONNECTIONS"]
    assert rows["scan.mtime"] == ["scan.mtime", "listed", "default", ""]
    assert rows["files.web.url"][2:] == ["project", f"{recon.folder / 'recon.toml'}:3"]
    assert recon("config", "show").out.splitlines()[0].count("\t") == 1


@pytest.mark.parametrize("words", [["config", "show"], ["config", "show", "--origin"], ["config", "check"], ["doctor"]])
@pytest.mark.parametrize("more", [[], ["--json"], ["-v", "--debug"]])
def test_no_output_of_any_kind_has_a_secret(recon: Recon, words: list[str], more: list[str]) -> None:
    env = {"RECON_STORES_LOCAL_PASSWORD": SECRET}
    done = recon(*words, *more, expect=None, env=env)
    assert SECRET not in done.out + done.err
    if words[:2] == ["config", "show"]:
        assert "(set, from password_file)" in done.out
        assert "(set, from RECON_STORES_LOCAL_PASSWORD)" in done.out


def test_a_readable_password_file_is_warned_about_on_standard_error(recon: Recon) -> None:
    done = recon("scan", "web", expect=13)
    assert done.err.count("warning: everybody on this machine can read") == 1
    (recon.folder / "pw").chmod(0o600)
    assert "warning" not in recon("scan", "web", expect=13).err


def test_an_unknown_key_exits_10_with_its_line_and_a_suggestion(recon: Recon) -> None:
    (recon.folder / "recon.toml").write_text("[scan]\nconections = 3\n")
    done = recon("config", "show", expect=10)
    where = f"{recon.folder / 'recon.toml'}:2"
    assert done.err == f"error: {where}: unknown key `conections` in [scan]\nhint: did you mean `connections`?\n"


def test_check_tells_everything_that_is_wrong_and_exits_10(recon: Recon) -> None:
    assert "settings are right" in recon("config", "check").out
    (recon.folder / "recon.toml").write_text("nope = 1\n[files.a]\nencoding = 'auto'\n[tables.t]\nsystem = 'x'\n")
    problems = recon("config", "check", "--json", expect=10).document["problems"]
    assert len(problems) == 3
    assert recon("config", "check", "-q", expect=10).err.startswith("settings are wrong\n3 problems:\n")


def test_the_state_folder_of_the_settings_is_used(recon: Recon) -> None:
    (recon.folder / "recon.toml").write_text("[state]\ndir = 'kept'\n")
    recon.env.pop("RECON_STATE_DIR")
    document = recon("doctor", "--json").document
    (state,) = (one for one in document["checks"] if one["check"] == "state")
    assert str(recon.folder / "kept") in state["detail"]


def test_names_complete_in_a_shell_and_broken_settings_complete_nothing(recon: Recon) -> None:
    def completed(line: str) -> list[str]:
        env = {"_RECON_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
        return recon(env=env, expect=None).out.split()

    assert "scan" in completed("recon s")
    assert completed("recon config sh") == ["show"]
    assert "--json" in completed("recon config show --js")
    assert completed("recon doctor w") == ["web"]
    (recon.folder / "recon.toml").write_text("[[[")
    assert completed("recon doctor w") == []


def test_the_completion_script_can_be_shown(recon: Recon) -> None:
    shown = recon("--show-completion", "bash", env={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}).out
    assert "_RECON_COMPLETE=complete_bash" in shown
