"""A small service's database, its backups, and everything that an operator does with them."""

from __future__ import annotations

import fcntl
import json
import sqlite3
import subprocess
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.recon import Recon, in_folder

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, joined TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE items (
  id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL REFERENCES users (id),
  label TEXT, weight REAL, photo BLOB
);
CREATE INDEX items_by_owner ON items (owner);
CREATE TABLE tags (item INTEGER, tag TEXT, PRIMARY KEY (item, tag)) WITHOUT ROWID;
"""
ITEMS = 60


def make(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(SCHEMA)
        database.executemany("INSERT INTO users (id, name) VALUES (?, ?)", [(n, f"사람 {n}") for n in range(1, 6)])
        rows = [(n, n % 5 + 1, f"item {n}", n / 7, bytes([n])) for n in range(1, ITEMS + 1)]
        database.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?)", rows)
        database.executemany("INSERT INTO tags VALUES (?, ?)", [(n, tag) for n in range(1, 20) for tag in "ab"])


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


def ask(path: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(question).fetchall()


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


@pytest.fixture
def recon(tmp_path: Path) -> Recon:
    make(tmp_path / "app.db")
    return in_folder(tmp_path)


@pytest.fixture
def saved(recon: Recon) -> Recon:
    """The database and one snapshot of it."""
    recon("backup", "export", "app.db", "./kept")
    return recon


def test_a_lost_database_comes_back_from_its_backup_and_is_equal(saved: Recon) -> None:
    (saved.folder / "app.db").rename(saved.folder / "before.db")
    done = saved("backup", "import", "./kept", "app.db", "--json").document
    assert done["schema"] == "recon.backup-import/1"
    assert {one["table"]: one["inserted"] for one in done["tables"]} == {"items": ITEMS, "tags": 38, "users": 5}
    assert "equal by content" in done["proof"]
    assert saved("backup", "diff", "./kept", "app.db").out.startswith("equal")
    assert dump(saved.folder / "app.db") == dump(saved.folder / "before.db")


def test_a_destination_lists_its_snapshots_and_shows_what_is_in_them(saved: Recon) -> None:
    change(saved.folder / "app.db", "DELETE FROM items WHERE id = 60")
    saved("backup", "export", "app.db", "./kept")
    listed = saved("backup", "list", "./kept", "--json").document
    first, second = (one["name"] for one in listed["snapshots"])
    assert listed["latest"] == second
    assert saved("backup", "show", "./kept", "--json").document["rows"] == ITEMS - 1 + 43
    shown = saved("backup", "show", f"./kept@{first}", "--table", "items", "--limit", "2", "--json").document
    assert shown["rows"] == [[1, 2, "item 1", 1 / 7, {"$b": "AQ=="}], [2, 3, "item 2", 2 / 7, {"$b": "Ag=="}]]
    assert "CURRENT_TIMESTAMP" in saved("backup", "show", "./kept", "--sql").out


def test_diff_names_the_rows_that_were_added_removed_and_changed(saved: Recon) -> None:
    change(
        saved.folder / "app.db",
        "INSERT INTO tags VALUES (50, 'new')",
        "DELETE FROM items WHERE id = 7",
        "UPDATE items SET label = 'other', weight = 0 WHERE id = 9",
    )
    done = saved("backup", "diff", "./kept", "app.db", "--json", expect=4).document
    assert (done["added"], done["removed"], done["changed"]) == (1, 1, 1)
    first = {
        (one["table"], row["change"], row["key"], row["columns"]) for one in done["tables"] for row in one["first"]
    }
    assert first == {
        ("tags", "added", "50, new", ""),
        ("items", "removed", "7", ""),
        ("items", "changed", "9", "label, weight"),
    }
    saved("backup", "export", "app.db", "./kept")
    names = [one["name"] for one in saved("backup", "list", "./kept", "--json").document["snapshots"]]
    again = saved("backup", "diff", *(f"./kept@{name}" for name in names), "--json", expect=4).document
    assert [one["first"] for one in again["tables"]] == [one["first"] for one in done["tables"]]


def test_a_misspelt_table_is_no_table_that_is_equal(saved: Recon) -> None:
    assert "no table matches `item`" in saved("backup", "diff", "./kept", "app.db", "--tables", "item", expect=17).err


def test_a_key_that_nothing_can_be_encrypted_for_is_refused_before_the_export(recon: Recon) -> None:
    done = recon("backup", "export", "app.db", "./kept", "--encrypt", "age:age1nonsense", expect=2)
    assert "age1nonsense" in done.err
    assert not (recon.folder / "kept").exists()


def test_a_plan_says_what_an_import_would_do_and_writes_nothing(saved: Recon) -> None:
    change(saved.folder / "app.db", "DELETE FROM tags WHERE item < 3", "UPDATE items SET label = 'mine' WHERE id = 5")
    before = (saved.folder / "app.db").read_bytes()
    plan = saved("backup", "import", "./kept", "app.db", "--plan", "--json", expect=3).document
    assert (plan["inserted"], plan["conflicts"], plan["plan"]) == (4, 1, True)
    assert (saved.folder / "app.db").read_bytes() == before


def test_rows_that_were_changed_since_are_conflicts_and_stay(saved: Recon) -> None:
    change(saved.folder / "app.db", "DELETE FROM items WHERE id = 4", "UPDATE items SET label = 'mine' WHERE id = 5")
    done = saved("backup", "import", "./kept", "app.db", expect=3)
    assert "items 5: is there with other content (label)" in done.err
    assert ask(saved.folder / "app.db", "SELECT label FROM items WHERE id IN (4, 5)") == [("item 4",), ("mine",)]


def test_one_row_comes_back_by_its_key_and_nothing_else_is_touched(saved: Recon) -> None:
    change(saved.folder / "app.db", "UPDATE items SET label = 'broken'", "DELETE FROM items WHERE id = 12")
    words = ("backup", "import", "./kept", "app.db", "--tables", "items", "--mode", "upsert")
    saved(*words, "--where", "id=12", "--where", "id=13")
    assert ask(saved.folder / "app.db", "SELECT id FROM items WHERE label <> 'broken'") == [(12,), (13,)]
    assert saved(*words, "--where", "id=999", expect=17).err.startswith("error: no row of `items` with id=999")
    assert "its key is `id`" in saved(*words, "--where", "label=x", expect=2).err
    assert "write it as" in saved(*words, "--where", "12", expect=2).err


def test_replacing_rows_that_are_there_needs_a_word_from_the_operator(saved: Recon) -> None:
    change(saved.folder / "app.db", "INSERT INTO users (id, name) VALUES (99, 'new since')")
    words = ("backup", "import", "./kept", "app.db", "--mode", "replace")
    assert "1 would be deleted" in saved(*words, expect=5).err
    assert ask(saved.folder / "app.db", "SELECT count(*) FROM users") == [(6,)]
    saved(*words, "--max-drop", "100%")
    assert ask(saved.folder / "app.db", "SELECT count(*) FROM users") == [(5,)]


def test_merge_fills_what_is_empty_and_leaves_the_rest(saved: Recon) -> None:
    change(
        saved.folder / "app.db",
        "UPDATE items SET label = NULL WHERE id = 3",
        "UPDATE items SET label = 'mine' WHERE id = 5",
    )
    saved("backup", "import", "./kept", "app.db", "--mode", "merge", expect=3)
    assert ask(saved.folder / "app.db", "SELECT label FROM items WHERE id IN (3, 5)") == [("item 3",), ("mine",)]


def test_a_flipped_bit_is_found_and_named(saved: Recon) -> None:
    saved("backup", "verify", "./kept", "-q")
    (file, *_) = sorted((saved.folder / "kept").rglob("data/items/*.jsonl"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)
    done = saved("backup", "verify", "./kept", "--json", expect=14)
    (problem,) = done.document["problems"]
    assert problem["item"] == f"data/items/{file.name}"
    assert "items" in json.dumps(problem, ensure_ascii=False)
    saved("backup", "import", "./kept", "other.db", expect=14)
    assert not (saved.folder / "other.db").exists()


def test_a_drill_restores_everything_compares_it_and_leaves_nothing_behind(saved: Recon) -> None:
    scratch = saved.folder / "tmp"
    scratch.mkdir()
    done = saved("backup", "verify", "./kept", "--restore-drill", "--json", env={"TMPDIR": str(scratch)}).document
    assert (done["drill"], done["differences"]) == ("sqlite", [])
    assert list(scratch.iterdir()) == []
    assert saved("backup", "verify", "./kept", "--json").document["drill_age_seconds"] >= 0


def test_a_source_that_is_suddenly_empty_is_refused_and_the_good_snapshot_stays_latest(saved: Recon) -> None:
    latest = saved("backup", "list", "./kept", "--json").document["latest"]
    change(saved.folder / "app.db", "DELETE FROM items", "DELETE FROM tags", "DELETE FROM users")
    assert "lost too many rows" in saved("backup", "export", "app.db", "./kept", expect=5).err
    assert saved("backup", "list", "./kept", "--json").document["latest"] == latest
    saved("backup", "export", "app.db", "./kept", "--force")
    assert saved("backup", "show", "./kept", "--json").document["rows"] == 0


def test_prune_says_why_each_snapshot_stays_or_goes_before_it_removes_any(saved: Recon) -> None:
    for _ in range(2):
        change(saved.folder / "app.db", "UPDATE items SET weight = weight + 1")
        saved("backup", "export", "app.db", "./kept")
    for number, made in enumerate(sorted((saved.folder / "kept").glob("2*"))):
        made.rename(made.with_name(f"2020010{number + 1}T030000Z"))
    names = [one["name"] for one in saved("backup", "list", "./kept", "--json").document["snapshots"]]
    assert "what to keep" in saved("backup", "prune", "./kept", expect=2).err
    planned = saved("backup", "prune", "./kept", "--keep-last", "1", "--dry-run", "--json").document
    assert [one["verdict"] for one in planned["snapshots"]] == ["remove", "remove", "keep"]
    assert len(saved("backup", "list", "./kept", "--json").document["snapshots"]) == 3
    saved("backup", "prune", "./kept", "--keep-last", "1")
    left = saved("backup", "list", "./kept", "--json").document["snapshots"]
    assert [one["name"] for one in left] == names[-1:]


def configure(recon: Recon, text: str) -> None:
    (recon.folder / "recon.toml").write_text(f'version = 1\n[stores.app]\nurl = "app.db"\n{text}')


TWO = """
[backups.lost]
from = "gone.db"
to = "./lost"
[backups.app]
from = "app"
to = "./nightly"
keep_last = 2
verify = "drill"
textfile = "app.prom"
"""


def test_a_run_makes_every_backup_and_one_that_fails_stops_no_other(recon: Recon) -> None:
    configure(recon, TWO)
    done = recon("backup", "run", "--json", expect=17)
    (line,) = done.out.splitlines()
    told = json.loads(line)
    assert done.err == ""
    assert told["schema"] == "recon.backup-run/1"
    assert [(one["backup"], one["exit_code"]) for one in told["backups"]] == [("lost", 17), ("app", 0)]
    assert (told["saved"], told["failed"]) == (1, 1)
    text = (recon.folder / "app.prom").read_text()
    assert 'recon_rows{job="backup app"} 103' in text
    assert 'recon_drill_age_seconds{job="backup app"}' in text


def test_a_run_is_silent_for_cron_and_keeps_what_its_rules_say(recon: Recon) -> None:
    configure(recon, TWO)
    quiet = recon("backup", "run", "app", "-q")
    assert (quiet.out, quiet.err) == ("", "")
    for number in range(3):
        for made in sorted((recon.folder / "nightly").glob(f"{datetime.now(UTC):%Y}*")):
            made.rename(made.with_name(f"2020010{number + 1}T030000Z"))
        change(recon.folder / "app.db", "UPDATE users SET name = name || '!' WHERE id = 1")
        recon("backup", "run", "app", "-q")
    assert len(recon("backup", "list", "app", "--json").document["snapshots"]) == 2
    (recon.folder / "app.db").unlink()
    recon("backup", "import", "app", "app", "-q")
    assert ask(recon.folder / "app.db", "SELECT name FROM users WHERE id = 1") == [("사람 1!!!",)]


def test_a_night_without_changes_adds_no_commit_and_one_with_says_what_changed(recon: Recon) -> None:
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", recon.folder / "history"], check=True)
    configure(recon, '[backups.app]\nfrom = "app"\nto = "git:./history"\n')
    recon("backup", "run", "-q")
    told = json.loads(recon("backup", "run", "--json").out)
    assert (told["saved"], told["unchanged"]) == (0, 1)
    change(recon.folder / "app.db", "UPDATE users SET name = 'other' WHERE id = 1")
    recon("backup", "run", "-q")
    log = ["git", "-C", recon.folder / "history", "log", "--format=%H"]
    ids = subprocess.run(log, check=True, capture_output=True, text=True).stdout.split()
    assert len(ids) == 2
    done = recon("backup", "diff", f"app@{ids[1][:10]}", "app@latest", "--json", expect=4).document
    assert (done["added"], done["removed"], done["changed"]) == (0, 0, 1)
    assert "history" in recon("backup", "prune", "app", "--keep-last", "1", expect=2).err


def test_two_runs_at_once_are_one_run_and_one_refusal(recon: Recon) -> None:
    configure(recon, TWO)
    recon("backup", "run", "app", "-q")
    (lock,) = (recon.folder / "state" / "locks").glob("*.lock")
    with lock.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another run holds the lock" in recon("backup", "run", "app", "-q", expect=11).err
    recon("backup", "run", "app", "-q")


def test_a_dry_run_only_says_what_would_be_made(recon: Recon) -> None:
    configure(recon, TWO)
    assert "app\tapp\t" in recon("backup", "run", "--dry-run").out
    assert not (recon.folder / "nightly").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["export", "app.db", "./kept", "--tables", "itmes"], 17, "no table matches `itmes`"),
        (["export", "app.db", "./kept", "--compress", "rar"], 2, "use `zstd`, `gzip` or `none`"),
        (["export", "app.db", "./kept", "--encrypt", "gpg:me"], 2, "age:"),
        (["export", "app.db", "./kept", "--max-drop", "lots"], 2, "is not a share"),
        (["export", "nowhere.db", "./kept"], 17, "nowhere.db"),
        (["export", "ftp://host/x", "./kept"], 2, "no database for"),
        (["list", "nightly"], 2, "nightly"),
        (["show", "./kept"], 17, "snapshot"),
        (["verify", "./kept@20200101T000000Z"], 17, "20200101T000000Z"),
        (["import", "./kept", "app.db", "--mode", "erase"], 2, "erase"),
        (["run"], 10, "no backup is configured"),
        (["run", "nightly"], 10, "no backup is configured"),
        (["prune", "./kept", "--keep-last", "0"], 2, "--keep-last"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_a_user_can_get_wrong_has_its_exit_code_and_a_way_out(
    recon: Recon, words: list[str], code: int, said: str
) -> None:
    done = recon("backup", *words, expect=code)
    assert done.err.startswith("error: ")
    assert said in done.err


def test_only_the_holder_of_the_key_reads_an_encrypted_backup(recon: Recon) -> None:
    pyrage = pytest.importorskip("pyrage")
    keys = [pyrage.x25519.Identity.generate() for _ in range(2)]
    for name, key in zip(("right.key", "wrong.key"), keys, strict=True):
        (recon.folder / name).write_text(f"{key}\n")
    recon("backup", "export", "app.db", "./kept", "--encrypt", f"age:{keys[0].to_public()}")
    written = b"".join(path.read_bytes() for path in (recon.folder / "kept").rglob("*") if path.is_file())
    assert "사람".encode() not in written
    recon("backup", "import", "./kept", "back.db", expect=12)
    recon("backup", "import", "./kept", "back.db", "--identity", "wrong.key", expect=12)
    recon("backup", "import", "./kept", "back.db", "--identity", "right.key")
    assert dump(recon.folder / "back.db") == dump(recon.folder / "app.db")
    (recon.folder / "recon.toml").write_text('version = 1\n[backup]\nidentity_file = "right.key"\n')
    recon("backup", "verify", "./kept", "-q")


def test_a_snapshot_goes_through_a_pipe_into_one_file(recon: Recon) -> None:
    command = [*recon.argv("backup", "export", "app.db", "-")]
    done = subprocess.run(command, cwd=recon.folder, env=recon.env, capture_output=True, check=True)
    (recon.folder / "copy.tar.zst").write_bytes(done.stdout)
    assert b"3 tables, 103 rows" in done.stderr
    recon("backup", "import", "copy.tar.zst", "back.db")
    assert "equal" in recon("backup", "diff", "copy.tar.zst", "app.db").out


@pytest.mark.parametrize("how", ["none", "zstd", "gzip"])
def test_every_compression_gives_the_same_rows_back(recon: Recon, how: str) -> None:
    recon("backup", "export", "app.db", "./kept", "--compress", how)
    recon("backup", "verify", "./kept", "--restore-drill", "-q")
    assert recon("backup", "diff", "./kept", "app.db", "--json").document["equal"]


def test_the_sql_of_a_stranger_runs_only_when_it_is_trusted(recon: Recon) -> None:
    trigger = "CREATE TRIGGER late AFTER INSERT ON tags BEGIN DELETE FROM users; END"
    change(recon.folder / "app.db", trigger, "CREATE VIEW heavy AS SELECT * FROM items WHERE weight > 1")
    recon("backup", "export", "app.db", "./kept")
    assert trigger in recon("backup", "show", "./kept", "--sql").out
    assert "--trust-sql" in recon("backup", "import", "./kept", "back.db", expect=5).err
    assert not (recon.folder / "back.db").exists()
    recon("backup", "verify", "./kept", "--restore-drill")  # in a database that nobody uses
    recon("backup", "import", "./kept", "back.db", "--trust-sql")
    assert sorted(dump(recon.folder / "back.db")) == sorted(dump(recon.folder / "app.db"))


def test_a_drill_runs_no_expression_that_could_do_something(recon: Recon) -> None:
    change(
        recon.folder / "app.db",
        "CREATE TABLE slow (a CHECK (length(randomblob(9)) > a))",
        "INSERT INTO slow VALUES (1)",
    )
    recon("backup", "export", "app.db", "./kept")
    assert "--trust-sql" in recon("backup", "verify", "./kept", "--restore-drill", expect=5).err
    recon("backup", "verify", "./kept", "--restore-drill", "--trust-sql")


def test_history_in_git_has_no_retention_and_the_settings_say_so_at_once(recon: Recon) -> None:
    configure(recon, '[backups.app]\nfrom = "app"\nto = "git:./history"\nkeep_daily = 7\n')
    assert "`backups.app.keep_daily` cannot hold" in recon("config", "check", expect=10).err
    assert "keeps everything" in recon("backup", "run", expect=10).err


@pytest.mark.parametrize("moment_s", [0.3, 0.5])
def test_a_run_killed_at_any_moment_leaves_what_was_good_and_the_next_one_cleans_up(
    saved: Recon, moment_s: float
) -> None:
    before = saved("backup", "list", "./kept", "--json").document["latest"]
    for words in (("export", "app.db", "./kept"), ("import", "./kept", "back.db")):
        running = saved.start("backup", *words)
        with suppress(subprocess.TimeoutExpired):
            running.communicate(timeout=moment_s)
        running.kill()
        running.communicate()
    listed = saved("backup", "list", "./kept", "--json").document
    assert before in [one["name"] for one in listed["snapshots"]]
    assert all(one["fault"] is None for one in listed["snapshots"])
    back = saved.folder / "back.db"
    assert not back.exists() or dump(back) == dump(saved.folder / "app.db")
    saved("backup", "export", "app.db", "./kept")
    saved("backup", "import", "./kept", "back.db")
    left = [path.name for path in (saved.folder / "kept").iterdir() if path.name.startswith(".")]
    assert not left
    assert dump(back) == dump(saved.folder / "app.db")
