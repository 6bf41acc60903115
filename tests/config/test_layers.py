from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from recon_cli.config import settings
from recon_cli.config.layers import Layer, Sources
from recon_cli.core.errors import ConfigError

FILES = {Layer.SYSTEM: "system.toml", Layer.USER: "user.toml", Layer.PROJECT: "recon.toml"}


def sources(folder: Path, given: dict[Layer, int]) -> Sources:
    """Every layer of `given` says its own number for `scan.connections`."""
    for layer, name in FILES.items():
        text = f"[scan]\nconnections = {given[layer]}\n" if layer in given else ""
        (folder / name).write_text(text)
    environ = {"RECON_SCAN_CONNECTIONS": str(given[Layer.ENVIRONMENT])} if Layer.ENVIRONMENT in given else {}
    return Sources(
        *(folder / name for name in FILES.values()),
        environ=environ,
        flags={"scan.connections": given.get(Layer.FLAG)},
    )


@given(st.dictionaries(st.sampled_from(list(Layer)[1:]), st.integers(1, 99)))
@given_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=64, deadline=None)
def test_the_nearest_layer_wins_and_the_value_says_which_it_was(tmp_path: Path, given: dict[Layer, int]) -> None:
    winner = max(given, key=lambda layer: layer.strength, default=Layer.DEFAULT)
    found = settings.load(sources(tmp_path, given))
    setting = found.values["scan.connections"]
    assert (setting.source.layer, found.scan.connections) == (winner, given.get(winner, 2))
    if winner in FILES:
        assert setting.source.where == f"{tmp_path / FILES[winner]}:2"


def test_one_place_is_put_together_from_several_layers(tmp_path: Path) -> None:
    (tmp_path / "user.toml").write_text("[files.my-host]\npassword_file = 'pw'\nencoding = 'cp949'\n")
    (tmp_path / "recon.toml").write_text("[files.my-host]\nurl = 'ftp://h/x'\nencoding = 'utf-8'\n")
    found = settings.load(
        Sources(
            user=tmp_path / "user.toml",
            project=tmp_path / "recon.toml",
            environ={"RECON_FILES_MY_HOST_TIMEOUT_S": "2.5", "RECON_FILES_NEW_URL": "ftp://other"},
        )
    )
    place = found.named("files", "my-host")
    assert {name: one.value for name, one in place.items()} == {
        "password_file": str(tmp_path / "pw"),
        "encoding": "utf-8",
        "url": "ftp://h/x",
        "timeout_s": 2.5,
    }
    assert found.names("files") == ("my-host", "new")


def test_recon_toml_is_found_above_the_working_folder_and_a_named_file_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "recon.toml").write_text("[scan]\nconnections = 7\n")
    (tmp_path / "other.toml").write_text("[scan]\nconnections = 8\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(deep)
    assert settings.load().scan.connections == 7
    monkeypatch.setenv("RECON_CONFIG", str(tmp_path / "other.toml"))
    assert settings.load().scan.connections == 8
    assert settings.load(Sources.found(tmp_path / "recon.toml")).scan.connections == 7


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("RECON_SCAN_CONNECTIONS", "many"),
        ("RECON_SCAN_CONNECTIONS", "0"),
        ("RECON_CHECK_HASH", "perhaps"),
        ("RECON_CHECK_MAX_DROP", "200%"),
        ("RECON_SCAN_MTIME", "soon"),
    ],
)
def test_a_wrong_variable_is_named_with_what_is_expected(variable: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.load(Sources(environ={variable: text}))
    assert variable in caught.value.message
    assert "expected" in str(caught.value.cause)


@pytest.mark.parametrize(("text", "share"), [("'10%'", 0.1), ("0.25", 0.25), ("'0.5'", 0.5), ("1", 1.0)])
def test_a_share_is_written_as_people_write_it(tmp_path: Path, text: str, share: float) -> None:
    path = tmp_path / "recon.toml"
    path.write_text(f"[check]\nmax_drop = {text}\n")
    assert settings.load(Sources(project=path)).check.max_drop == share


def test_the_typed_views_hold_what_the_files_say(tmp_path: Path) -> None:
    path = tmp_path / "recon.toml"
    path.write_text(
        "version = 1\n[check]\nhash = true\ntextfile = 'r.prom'\n[ping]\nurl = 'https://hc/x'\n[state]\ndir = '~/s'\n"
    )
    found = settings.load(Sources(project=path))
    assert found.check == settings.CheckSettings(None, tmp_path / "r.prom", hash=True)
    assert found.ping_url == "https://hc/x"
    assert found.state_dir == Path("~/s").expanduser()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_found_file_of_somebody_else_may_not_run_commands_until_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recon.toml"
    path.write_text("[files.a]\nurl = 'ftp://h'\npassword_command = 'touch /tmp/x'\n")
    os.chown(path, 12345, 12345)
    with pytest.raises(ConfigError) as caught:
        settings.load(Sources(project=path))
    assert f"--config {path}" in str(caught.value.hint)
    assert settings.load(Sources(project=path, project_is_named=True)).names("files") == ("a",)


def test_a_found_file_that_everybody_can_write_may_not_run_commands(tmp_path: Path) -> None:
    path = tmp_path / "recon.toml"
    path.write_text("[files.a]\nurl = 'ftp://h'\npassword_command = 'touch /tmp/x'\n")
    path.chmod(0o666)
    with pytest.raises(ConfigError):
        settings.load(Sources(project=path))
