"""There and back: logs out of a store byte for byte, two hosts at once, and nothing of what is kept back."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import unicodedata
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from recon_cli.core.place import Place
from recon_cli.stores.registry import open_records
from tests.jobs.conversations.test_targets import env_of, sync, turns
from tests.stores.documents import git_place
from tests.support.recon import Recon, in_folder
from tests.support.redis_server import RedisServer, Upstash
from tests.support.targets import PostgresTarget, SqliteTarget
from tests.systems.conversations import twin

pytestmark = pytest.mark.slow


def folder(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def same(left: dict[str, bytes], right: dict[str, bytes]) -> bool:
    """As one truth: pytest must not show how large contents differ."""
    return left == right


def back(recon: Recon, place: Place, *more: str, expect: int = 0, **env: str) -> dict[str, int]:
    asked = ["recover", "--system", "conversations", "--from", place.url, "--to", "./back", "--json", *more]
    done: dict[str, int] = recon(*asked, expect=expect, env={**env_of(place), **env}).document
    return done


def test_logs_come_back_byte_for_byte_and_go_there_again(
    recon: Recon, logs: twin.Twin, documents_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_STATE_DIR", str(recon.folder / "state"))
    env = {"FIRESTORE_EMULATOR_HOST": os.environ.get("FIRESTORE_EMULATOR_HOST", "")}
    sync(recon, documents_place, **env)
    assert back(recon, documents_place, **env)["new"] == len(logs.files)
    assert not (recon.folder / "back").exists()
    back(recon, documents_place, "--apply", **env)
    assert same(folder(recon.folder / "back"), logs.files)
    assert back(recon, documents_place, "--apply", **env)["same"] == len(logs.files)
    before = sorted(map(repr, turns(documents_place)))
    shutil.rmtree(recon.folder / "logs")
    (recon.folder / "back").rename(recon.folder / "logs")
    sync(recon, documents_place, "--resend", **env)
    assert sorted(map(repr, turns(documents_place))) == before


def test_an_empty_store_is_filled_from_the_files_again(recon: Recon, logs: twin.Twin, lite: SqliteTarget) -> None:
    recon("sync", "init", "--system", "conversations", "--to", lite.place.url)
    sync(recon, lite.place)
    rows = sorted(lite.ask("SELECT * FROM conversations"))
    lite.make("DELETE FROM conversations", "DELETE FROM conversations_files")
    sync(recon, lite.place, "--resend")
    assert sorted(lite.ask("SELECT * FROM conversations")) == rows
    back(recon, lite.place, "--apply")
    assert same(folder(recon.folder / "back"), logs.files)


def test_bytes_that_are_no_text_come_back_too(recon: Recon, pg: PostgresTarget) -> None:
    (recon.folder / "logs").mkdir()
    odd = {
        "윈도.md": "\ufeff## 🗣️ **김하늘질문**\r\n\r\n뭐?\r\n".encode(),
        "깨진.md": b"\xff\xfe\x00## broken \xed\xa0\x80\n---\n",
        "빈.md": b"",
        "끝없음.md": "**클로드** [Claude]: 끝에 줄바꿈이 없다".encode(),
        unicodedata.normalize("NFD", "윈도.md"): unicodedata.normalize("NFD", "## 🗣️ 김하늘질문\n예").encode(),
    }
    for name, raw in odd.items():
        (recon.folder / "logs" / name).write_bytes(raw)
    recon("sync", "init", "--system", "conversations", "--to", pg.place.url, env=pg.env)
    sync(recon, pg.place)
    back(recon, pg.place, "--apply")
    assert same(folder(recon.folder / "back"), odd)


def test_a_log_that_is_here_is_never_lost(recon: Recon, logs: twin.Twin, lite: SqliteTarget) -> None:
    recon("sync", "init", "--system", "conversations", "--to", lite.place.url)
    sync(recon, lite.place)
    names = [name for name in logs.files if unicodedata.is_normalized("NFC", name)][:3]
    (recon.folder / "back").mkdir()
    older, newer, other = (recon.folder / "back" / name for name in names)
    older.write_bytes(logs.files[names[0]][:100])
    newer.write_bytes(logs.files[names[1]] + b"more")
    other.write_bytes(b"another story")
    done = back(recon, lite.place, "--apply", expect=3)
    assert (done["grown"], done["behind"], done["different"]) == (1, 1, 1)
    assert same({"": older.read_bytes()}, {"": logs.files[names[0]]})
    assert newer.read_bytes().endswith(b"more")
    assert other.read_bytes() == b"another story"


def test_a_turn_that_was_changed_in_the_store_is_told_and_not_written(
    recon: Recon, logs: twin.Twin, lite: SqliteTarget
) -> None:
    recon("sync", "init", "--system", "conversations", "--to", lite.place.url)
    sync(recon, lite.place)
    lite.make("UPDATE conversations SET content = 'other' WHERE turn_id = (SELECT min(turn_id) FROM conversations)")
    done = back(recon, lite.place, "--apply", expect=3)
    assert 0 < len(done["problems"]) <= 3  # type: ignore[arg-type]  # a list
    assert len(folder(recon.folder / "back")) == len(logs.files) - len(done["problems"])  # type: ignore[arg-type]  # same


HOSTS = ("host-a", "host-b")


@pytest.mark.parametrize("kind", ["git", "redis"])
def test_a_hundred_turns_of_two_hosts_at_once_are_all_there_once(
    tmp_path: Path, redis_server_: RedisServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = redis_server_.database()
    place = Place(url, secret=lambda: redis_server_.password) if kind == "redis" else git_place(tmp_path)
    wanted: dict[str, bytes] = {}
    recons = []
    for number, host in enumerate(HOSTS):
        home = tmp_path / host
        (home / "logs").mkdir(parents=True)
        options = f'branch = "recon/{host}"\n' if kind == "git" else ""
        (home / "recon.toml").write_text(
            f'version = 1\n[stores.there]\nurl = "{place.url}"\n{options}'
            f'[syncs.talk]\nsystem = "conversations"\nfrom = "logs"\nto = "there"\nsettle_s = 0.05\nhost = "{host}"\n'
        )
        text = ["# 방\n"]
        for one in range(25):
            dice = random.Random(one)
            text.append(
                f"\n\n---\n\n*2025. 9. 21. 오후 9:{number:02}:{one:02} - CLAUDE 모델 사용*\n\n"
                f"{twin.question(dice, one)}\n\n{twin.answer(dice)}\n"
            )
        wanted[f"{host}/방.md"] = "".join(text).encode()
        (home / "logs" / "방.md").write_bytes(wanted[f"{host}/방.md"])
        secret = env_of(place).get("RECON_STORES_PASSWORD")
        recons.append(in_folder(home, **({"RECON_STORES_THERE_PASSWORD": secret} if secret else {})))
    children = [one.start("sync", "talk", "--once") for one in recons]
    for child in children:
        _out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))
    found = turns(place)
    assert len(found) == len({one["turn_id"] for one in found})
    assert sum(one["kind"] in {"question", "answer"} for one in found) == 100
    asked = ("recover", "--system", "conversations", "--from", "there", "--to", "./back", "--apply")
    recons[0](*asked)
    assert same(folder(tmp_path / "host-a" / "back"), wanted)
    if kind == "redis":
        entries = redis_server_.ask(int(url.rpartition("/")[2]), "LRANGE", "conversation:방", "0", "-1")
        assert len(entries) == len(set(entries)) == len(found)


def test_two_processes_of_one_host_push_to_one_branch_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = git_place(tmp_path, "recon/one")
    children = []
    for number in range(2):
        home = tmp_path / f"p{number}"
        twin.write(home / "logs", twin.made(seed=number, saves=32, both_spellings=False))
        (home / "recon.toml").write_text(
            f'version = 1\n[stores.there]\nurl = "{place.url}"\nbranch = "recon/one"\n'
            f'[syncs.talk]\nsystem = "conversations"\nfrom = "logs"\nto = "there"\nsettle_s = 0.05\nbatch = 3\n'
            f'host = "p{number}"\n'
        )
        children.append(in_folder(home).start("sync", "talk", "--once"))
    for child in children:
        _out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))
    wanted = sum(twin.made(seed=number, saves=32, both_spellings=False).turns for number in range(2))
    assert sum(one["kind"] != "raw" for one in turns(place)) == wanted
    bare = place.url.removeprefix("git+file://")
    count = subprocess.run(
        ["git", "-C", bare, "rev-list", "--count", "recon/one"], capture_output=True, text=True, check=True
    )
    assert int(count.stdout) < 2 * 9 * 3  # a push for each batch and its head, not for each file


def test_nothing_of_a_room_that_is_excluded_leaves_also_if_it_waited_already(
    recon: Recon, logs: twin.Twin, lite: SqliteTarget, upstash: Upstash
) -> None:
    sent: list[str] = []
    upstash.fail = lambda words: sent.append(repr(words)) or (503, {}, {"error": "away"})
    env = {"KV_REST_API_TOKEN": upstash.token}
    recon("sync", "talk", "--to", upstash.url, "--once", expect=13, env=env)
    assert "비밀" not in "".join(sent)  # asked for its tables only, and was away
    with (recon.folder / "recon.toml").open("a") as file:
        file.write('exclude_rooms = ["대화:비밀"]\n')
    upstash.fail = lambda words: sent.append(repr(words))  # type: ignore[func-returns-value]  # it answers itself then
    recon("queue", "replay", env=env)
    recon("sync", "init", "--system", "conversations", "--to", lite.place.url)
    recon("sync", "talk", "--to", upstash.url, "--to", lite.place.url, "--once", env=env)
    secret = [name for name in logs.files if unicodedata.normalize("NFC", name) == "대화:비밀.md"]
    assert secret
    told = "".join(sent)
    assert "대화:일상" in told
    lines = {line for name in secret for line in logs.files[name].decode().splitlines() if len(line) > 30}
    others = {
        line
        for name, raw in logs.files.items()
        if name not in (*secret, "전체.md")
        for line in raw.decode().splitlines()
    }
    assert not [line for line in lines - others if line in told]
    assert "비밀" not in told
    rooms = {str(room) for (room,) in lite.ask("SELECT DISTINCT room_id FROM conversations")}
    assert rooms
    assert "대화:비밀" not in rooms
    assert not lite.ask("SELECT 1 FROM conversations_files WHERE path LIKE '%비밀%' OR path LIKE '전체%'")


def test_no_content_is_told_by_any_output_not_even_of_a_refused_record(
    recon: Recon, logs: twin.Twin, pg: PostgresTarget
) -> None:
    recon("sync", "init", "--system", "conversations", "--to", pg.place.url, env=pg.env)
    pg.make("ALTER TABLE conversations ADD CONSTRAINT short CHECK (length(content) < 150)")
    words = {line for raw in logs.files.values() for line in raw.decode().splitlines() if len(line) > 25}
    told = ""
    for more in (["--json"], ["-v"], ["-q"]):
        done = recon("sync", "talk", "--to", pg.place.url, "--once", *more, expect=None, env=pg.env)
        told += done.out + done.err
    for asked in (
        ["queue", "status"],
        ["queue", "peek"],
        ["queue", "dead", "list"],
        ["queue", "status", "--json", "-v"],
    ):
        done = recon(*asked, expect=None)
        told += done.out + done.err
    proof = ("sync", "verify", "--system", "conversations", "--from", "logs", "--to", pg.place.url, "--json")
    done = recon(*proof, expect=4, env=pg.env)
    told += done.out + done.err
    assert "kept back" in told
    assert not [line for line in words if line in told]
    assert not list((recon.folder / "state").glob("crash/*"))


def test_a_wrong_password_keeps_everything_and_says_what_to_look_at(
    recon: Recon, logs: twin.Twin, redis_db: Place
) -> None:
    wrong = replace(redis_db, secret=lambda: "wrong")
    done = sync(recon, wrong, expect=12)
    assert done["waiting"] == len(logs.files)
    assert "password" in str(done["problems"])
    right = {"RECON_STORES_PASSWORD": str(redis_db.secret())}
    recon("queue", "replay", env=right)
    with closing(open_records(redis_db)) as store:
        assert sum(one.values["kind"] != "raw" for one in store.read("conversations")) == logs.turns
