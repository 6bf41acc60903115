from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from recon_cli.config import backups, settings
from recon_cli.config.layers import Sources
from recon_cli.config.places import has_password, resolve_files, resolve_store, resolve_table
from recon_cli.config.settings import Settings
from recon_cli.config.shown import shown
from recon_cli.core.errors import AuthError, ConfigError, ReconError, ToolMissingError, UsageError

SECRET = "k0rrekt-horse"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith(("RECON_", "NETRC", "CREDENTIALS_")):
            monkeypatch.delenv(name)


def loaded(folder: Path, text: str) -> Settings:
    (folder / "recon.toml").write_text(text)
    return settings.load(Sources(project=folder / "recon.toml"))


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_name_a_url_and_a_path_all_become_places(tmp_path: Path) -> None:
    found = loaded(tmp_path, "[files.web]\nurl = 'ftp://h/x'\nzone = 'Asia/Seoul'\ntimeout_s = 3\n")
    named = resolve_files(found, "web")
    assert (named.url, named.name, named.label) == ("ftp://h/x", "web", "web")
    assert (named.text("zone"), named.number("timeout_s", 9), named.number("connections", 9)) == ("Asia/Seoul", 3, 9)
    assert resolve_files(found, "sftp://me@h:2222/y").url == "sftp://me@h:2222/y"
    assert resolve_files(found, "./data").url == str(tmp_path / "data")
    assert resolve_store(found, "models.db").url == f"sqlite:///{tmp_path}/models.db"
    assert resolve_store(found, "sqlite:///models.db").url == f"sqlite:///{tmp_path}/models.db"
    assert resolve_store(found, "sqlite:////abs.db").url == "sqlite:////abs.db"
    assert resolve_store(found, "postgresql://me@h/db").url == "postgresql://me@h/db"


def test_paths_in_a_settings_file_start_at_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(
        tmp_path,
        "[files.disk]\nurl = 'data'\nkey_file = 'k'\n[stores.local]\nurl = 'sqlite:///m.db'\n"
        "[tables.t]\nsystem = 'viewer'\nfrom = 'disk'\nto = 'other.db'\nalso = ['old.db', 'ftp://h/x']\n",
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert resolve_files(found, "disk").url == str(tmp_path / "data")
    assert resolve_files(found, "disk").text("key_file") == str(tmp_path / "k")
    assert resolve_store(found, "local").url == f"sqlite:///{tmp_path}/m.db"
    route = resolve_table(found, "t")
    assert route.target.url == f"sqlite:///{tmp_path}/other.db"
    assert route.also == (str(tmp_path / "old.db"), "ftp://h/x")


@pytest.mark.parametrize(
    ("resolve", "word", "hint"),
    [(resolve_files, "dothme", "`dothome`"), (resolve_store, "locl", "`local`"), (resolve_table, "model", "`models`")],
)
def test_an_unknown_name_suggests_a_known_one(tmp_path: Path, resolve: object, word: str, hint: str) -> None:
    found = loaded(
        tmp_path,
        "[files.dothome]\nurl = 'ftp://h'\n[stores.local]\nurl = 'm.db'\n"
        "[tables.models]\nsystem = 'viewer'\nfrom = 'dothome'\nto = 'local'\n",
    )
    with pytest.raises(UsageError) as caught:
        resolve(found, word)  # type: ignore[operator]  # one of three functions
    assert hint in str(caught.value.hint)


def test_a_word_that_may_be_meant_as_a_folder_is_told_how_to_say_so(tmp_path: Path) -> None:
    found = loaded(tmp_path, "[stores.local]\nurl = 'm.db'\n[backups.night]\nfrom = 'local'\nto = 'kept'\n")
    with pytest.raises(UsageError, match="no files named `kept`") as on_the_command_line:
        backups.resolve_destination(found, "kept")
    with pytest.raises(ConfigError, match=r"backups\.night\.to") as in_the_file:
        backups.resolve_backup(found, "night")
    for caught in (on_the_command_line, in_the_file):
        assert "for a folder write `./kept`" in (caught.value.hint or "")
    assert backups.resolve_destination(found, "./kept").url == str(tmp_path / "kept")
    with pytest.raises(UsageError) as store:
        resolve_store(found, "kept")
    assert "folder" not in (store.value.hint or "")


def test_a_table_that_lacks_an_end_or_names_an_unknown_one_is_a_wrong_setting(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        "[files.web]\nurl = 'ftp://h'\n[tables.a]\nsystem = 's'\nfrom = 'web'\n"
        "[tables.b]\nsystem = 's'\nfrom = 'wep'\nto = 'm.db'\n[files.empty]\nencoding = 'auto'\n",
    )
    with pytest.raises(ConfigError, match="no `to`"):
        resolve_table(found, "a")
    with pytest.raises(ConfigError) as caught:
        resolve_table(found, "b")
    assert "did you mean `web`" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="no `url`"):
        resolve_files(found, "empty")


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://me:{SECRET}@h/x",
        f"ftp://me:a/{SECRET}@h",
        f"postgresql://h/d?user=me&password={SECRET}",
        f"mysql+pymysql://me:{SECRET}@[::1]:3306/d",
    ],
)
def test_a_password_in_a_url_is_refused_without_being_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError) as on_the_command_line:
        resolve_files(Settings(), url)
    with pytest.raises(ConfigError) as in_the_file:
        resolve_files(loaded(tmp_path, f"[files.a]\nurl = '{url}'\n"), "a")
    for caught in (on_the_command_line, in_the_file):
        assert "password_file" in str(caught.value.hint)
        assert SECRET not in str(caught.value.document())
    assert "RECON_FILES_PASSWORD" in str(on_the_command_line.value.hint)
    assert "RECON_FILES_A_PASSWORD" in str(in_the_file.value.hint)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h:21/a@b",
        "ftp://me@h/x",
        "postgresql://[::1]:5432/d",
        "./me:x@y",
        "ftp://anonymous:@h",
        "http://h/?q=a:b@c",
    ],
)
def test_what_only_looks_like_a_password_is_none(url: str) -> None:
    assert not has_password(url)


def test_a_secret_comes_from_a_file_a_command_a_credential_or_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private(tmp_path / "pw", f"from-file {SECRET}\nsecond line\n")
    found = loaded(
        tmp_path,
        "[files.a]\nurl = 'ftp://h'\npassword_file = 'pw'\n"
        "[files.b]\nurl = 'ftp://h'\npassword_command = 'echo \"$HOME; two  words\"'\n"
        "[files.c]\nurl = 'ftp://h'\npassword_command = ['cat', 'pw']\n",
    )
    assert resolve_files(found, "a").secret() == f"from-file {SECRET}"
    assert resolve_files(found, "b").secret() == "$HOME; two  words"
    assert resolve_files(found, "c").secret() == f"from-file {SECRET}"
    private(tmp_path / "recon.files.a.password", "from-credential\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert resolve_files(found, "a").secret() == "from-credential"
    monkeypatch.setenv("RECON_FILES_A_PASSWORD", "from-variable")
    assert resolve_files(found, "a").secret() == "from-variable"
    assert resolve_files(found, "ftp://bare").secret() is None
    monkeypatch.setenv("RECON_FILES_PASSWORD", "for-bare")
    monkeypatch.setenv("RECON_STORES_PASSWORD", "for-stores")
    assert resolve_files(found, "ftp://bare").secret() == "for-bare"
    assert resolve_store(found, "mysql://bare").secret() == "for-stores"


def test_netrc_gives_login_and_password_by_host(tmp_path: Path) -> None:
    private(tmp_path / ".netrc", f"machine web.test login me@site password {SECRET}\n")
    place = resolve_files(Settings(), "ftp://web.test/html")
    assert (place.url, place.secret()) == ("ftp://me%40site@web.test/html", SECRET)
    assert resolve_files(Settings(), "ftp://somebody@web.test/html").secret() is None
    assert resolve_files(Settings(), "ftp://other.test/html").secret() is None
    assert resolve_store(Settings(), "mysql://web.test/d").secret() is None


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("password_file = 'missing'", ConfigError),
        ("password_file = 'empty'", ConfigError),
        ("password_command = 'false'", AuthError),
        ("password_command = 'true'", ConfigError),
        ("password_command = 'no-such-program-here'", ToolMissingError),
        ("password_command = 'unclosed \"quote'", ConfigError),
        ("password_file = 'empty'\npassword_command = 'true'", ConfigError),
    ],
)
def test_a_secret_that_cannot_be_had_is_an_error_of_its_kind(tmp_path: Path, how: str, kind: type[ReconError]) -> None:
    private(tmp_path / "empty", "")
    found = loaded(tmp_path, f"[files.a]\nurl = 'ftp://h'\n{how}\n")
    with pytest.raises(kind):
        resolve_files(found, "a").secret()


def test_a_password_command_runs_once_however_many_connections_ask(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        "[files.a]\nurl = 'ftp://h'\npassword_command = ['sh', '-c', 'echo x >> runs; echo pw12']\n",
    )
    place = resolve_files(found, "a")
    threads = [threading.Thread(target=place.secret) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "runs").read_text() == "x\n"


def test_a_password_file_that_everybody_can_read_is_warned_about_once_it_is_used(tmp_path: Path) -> None:
    path = private(tmp_path / "pw", SECRET)
    found = loaded(tmp_path, "[files.a]\nurl = 'ftp://h'\npassword_file = 'pw'\n")
    warnings: list[str] = []
    resolve_files(found, "a", warnings.append)
    assert warnings == []
    path.chmod(path.stat().st_mode | stat.S_IROTH)
    resolve_files(found, "a", warnings.append)
    assert warnings == [f"everybody on this machine can read {path}; run `chmod 600 {path}`"]


def test_neither_repr_nor_config_show_has_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private(tmp_path / "pw", SECRET)
    monkeypatch.setenv("RECON_FILES_B_PASSWORD", SECRET)
    monkeypatch.setenv("RECON_STORES_PASSWORD", SECRET)
    found = loaded(
        tmp_path,
        f"[files.a]\nurl = 'ftp://h'\npassword_file = 'pw'\n[files.b]\nurl = 'ftp://h'\n"
        f"[files.c]\nurl = 'ftp://me:{SECRET}@h'\n[files.d]\nurl = 'ftp://h'\npassword_command = 'echo {SECRET}'\n"
        f"[ping]\nurl = 'https://hc.test/{SECRET}'\n",
    )
    rows = {one.key: one for one in shown(found)}
    assert SECRET not in str(rows) + repr(resolve_files(found, "a")) + repr(resolve_files(found, "b"))
    assert rows["files.a.password"].value == "(set, from password_file)"
    assert rows["files.b.password"].value == "(set, from RECON_FILES_B_PASSWORD)"
    assert rows["files.d.password"].value == "(set, from password_command)"
    assert rows["stores.password"].value == "(set, from RECON_STORES_PASSWORD)"
    assert rows["ping.url"].value == "https://hc.test/***"
    assert rows["files.a.url"].source.where == f"{tmp_path / 'recon.toml'}:2"
