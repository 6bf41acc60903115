"""What breaks backups in practice, done for real: each must end with the last good snapshot standing."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.ledgers import TOTAL, change, dump, ledger
from tests.e2e.test_killed import kill_after
from tests.support.recon import Recon, in_folder

pytestmark = pytest.mark.slow

WRITER = """
import random, sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
rng = random.Random(1)
print("ready", flush=True)
while True:
    a, b, amount = rng.randrange(100), rng.randrange(100), rng.randrange(100)
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE accounts SET balance = balance - ? WHERE id = ?", (amount, a))
    db.execute("UPDATE accounts SET balance = balance + ? WHERE id = ?", (amount, b))
    db.execute("INSERT INTO moves (account, amount) VALUES (?, ?)", (a, -amount))
    db.execute("INSERT INTO moves (account, amount) VALUES (?, ?)", (b, amount))
    db.execute("COMMIT")
"""


@pytest.fixture
def recon(tmp_path: Path) -> Recon:
    return in_folder(tmp_path)


def snapshots(folder: Path) -> list[str]:
    """Every snapshot that lies in a folder, by name."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def whole(recon: Recon, snap: str = "./kept") -> None:
    """The snapshot is whole, by every sum."""
    recon("backup", "verify", snap)


def test_an_export_killed_at_any_point_leaves_the_last_snapshot_whole_and_the_next_run_cleans_up(
    recon: Recon, tmp_path: Path
) -> None:
    source = ledger(tmp_path / "a.db", 60_000)
    recon("backup", "export", source, "./kept")
    began = time.monotonic()
    recon("backup", "export", source, "./kept")
    whole_s, rng, killed = time.monotonic() - began, random.Random(11), 0
    good = snapshots(tmp_path / "kept")
    for _ in range(8):
        killed += kill_after(recon, whole_s * rng.uniform(0.2, 0.98), "backup", "export", str(source), "./kept") == -9
        for name in snapshots(tmp_path / "kept"):
            whole(recon, f"./kept@{name}")
    assert killed >= 3, "the kills came too late to mean anything"
    recon("backup", "export", source, "./kept")
    assert set(good) < set(snapshots(tmp_path / "kept"))
    assert not [path for path in (tmp_path / "kept").iterdir() if path.name.startswith(".partial")]
    whole(recon)


def test_an_import_killed_at_any_point_leaves_the_target_as_it_was_or_as_it_is_to_be(
    recon: Recon, tmp_path: Path
) -> None:
    source = ledger(tmp_path / "a.db", 30_000)
    recon("backup", "export", source, "./kept")
    want, old = dump(source), ledger(tmp_path / "old.db", 500)
    change(old, "UPDATE accounts SET owner = 'before'")
    before = dump(old)
    rng, outcomes = random.Random(13), set()
    began = time.monotonic()
    recon("backup", "import", "./kept", tmp_path / "trial.db")
    whole_s = time.monotonic() - began
    assert dump(tmp_path / "trial.db") == want
    for _ in range(12):
        target = tmp_path / "target.db"
        shutil.copy(old, target)
        args = ("backup", "import", "./kept", str(target), "--mode", "replace", "--max-drop", "100%")
        kill_after(recon, whole_s * rng.uniform(0.2, 1.0), *args)
        found = dump(target)
        assert found in (before, want)
        outcomes.add(found == want)
        for left in tmp_path.glob("target.db*"):
            left.unlink()
    assert False in outcomes


def test_every_snapshot_taken_while_others_write_is_one_state(recon: Recon, tmp_path: Path) -> None:
    for wal in (True, False):
        source = ledger(tmp_path / f"busy-{wal}.db", 41_000, wal=wal)
        with subprocess.Popen([sys.executable, "-c", WRITER, str(source)], stdout=subprocess.PIPE) as writer:
            try:
                assert writer.stdout
                writer.stdout.readline()
                for number in range(2):
                    recon("backup", "export", source, f"./busy{number}-{wal}")
                assert writer.poll() is None, "the writer was thrown out"
            finally:
                writer.kill()
        for number in range(2):
            back = tmp_path / f"back{number}-{wal}.db"
            recon("backup", "import", f"./busy{number}-{wal}", back)
            with closing(sqlite3.connect(back)) as db:
                assert db.execute("SELECT sum(balance) FROM accounts").fetchone() == (TOTAL,)
                assert db.execute("SELECT sum(amount) FROM moves WHERE id > 41000").fetchone()[0] in (0, None)


def test_one_flipped_bit_anywhere_is_found_and_named(recon: Recon, tmp_path: Path) -> None:
    recon("backup", "export", ledger(tmp_path / "a.db"), "./kept")
    [name] = snapshots(tmp_path / "kept")
    files = [path for path in (tmp_path / "kept" / name).rglob("*") if path.is_file() and path.name != "run.json"]
    rng = random.Random(17)
    for path in [*rng.sample(files, min(len(files), 8)), tmp_path / "kept" / name / "manifest.json"]:
        good = path.read_bytes()
        place = rng.randrange(len(good))
        path.write_bytes(good[:place] + bytes([good[place] ^ (1 << rng.randrange(8))]) + good[place + 1 :])
        said = recon("backup", "verify", f"./kept@{name}", expect=14)
        assert path.name in said.out + said.err
        if path.suffix == ".jsonl":
            assert path.parent.name in said.out + said.err, "the table is not named"
        path.write_bytes(good)
    whole(recon)


def test_a_missing_data_file_is_named_and_nothing_of_it_is_imported(recon: Recon, tmp_path: Path) -> None:
    recon("backup", "export", ledger(tmp_path / "a.db"), "./kept")
    [name] = snapshots(tmp_path / "kept")
    lost = max((tmp_path / "kept" / name).rglob("*.jsonl"))
    lost.unlink()
    said = recon("backup", "verify", f"./kept@{name}", expect=14)
    assert lost.name in said.out + said.err
    recon("backup", "import", f"./kept/{name}", tmp_path / "new.db", expect=14)
    assert not (tmp_path / "new.db").exists()


def test_a_source_that_is_suddenly_empty_is_refused_and_the_last_good_snapshot_stays_the_latest(
    recon: Recon, tmp_path: Path
) -> None:
    source = ledger(tmp_path / "a.db")
    recon("backup", "export", source, "./kept")
    good = snapshots(tmp_path / "kept")
    change(source, "DELETE FROM moves WHERE id > 100")
    said = recon("backup", "export", source, "./kept", expect=5)
    assert "moves 4000 → 100" in said.err
    change(source, "DELETE FROM moves")
    change(source, "DELETE FROM accounts")
    recon("backup", "export", source, "./kept", expect=5)
    assert snapshots(tmp_path / "kept") == good
    assert recon("backup", "show", "./kept", "--json").document["rows"] == 4100
    recon("backup", "export", source, "./kept", "--force")
    assert len(snapshots(tmp_path / "kept")) == 2


def test_fifteen_failed_nights_under_retention_leave_the_last_good_snapshot(recon: Recon, tmp_path: Path) -> None:
    source = ledger(tmp_path / "a.db", 200)
    (tmp_path / "recon.toml").write_text(
        'version = 1\n[stores.live]\nurl = "sqlite:///a.db"\n'
        '[backups.nightly]\nfrom = "live"\nto = "./kept"\nkeep_last = 2\nkeep_daily = 1\n'
    )
    recon("backup", "run")
    good = snapshots(tmp_path / "kept")
    source.write_bytes(b"not a database any more" * 100)
    for _ in range(15):
        recon("backup", "run", "-q", expect=14)
    assert snapshots(tmp_path / "kept") == good
    whole(recon)


def test_a_second_run_at_the_same_time_is_told_who_holds_the_lock(recon: Recon, tmp_path: Path) -> None:
    source = ledger(tmp_path / "a.db", 60_000)
    first = recon.start("backup", "export", str(source), "./kept")
    said = None
    while first.poll() is None and (said is None or said.code != 11):
        said = recon("backup", "export", source, "./kept", expect=None)
        assert said.code in (0, 11)
    first.communicate()
    assert first.returncode in (0, 11)
    whole(recon)


def test_a_snapshot_of_a_newer_format_asks_for_a_newer_recon(recon: Recon, tmp_path: Path) -> None:
    recon("backup", "export", ledger(tmp_path / "a.db"), "./kept")
    [name] = snapshots(tmp_path / "kept")
    manifest = tmp_path / "kept" / name / "manifest.json"
    manifest.write_text(manifest.read_text().replace("recon.snapshot/2", "recon.snapshot/3"))
    said = recon("backup", "import", f"./kept/{name}", tmp_path / "new.db", expect=14)
    assert "hint:" in said.err
    assert not (tmp_path / "new.db").exists()


def test_an_import_that_fails_half_way_leaves_the_target_as_it_was(recon: Recon, tmp_path: Path) -> None:
    recon("backup", "export", ledger(tmp_path / "a.db"), "./kept")
    target = tmp_path / "target.db"
    with closing(sqlite3.connect(target)) as db:
        db.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, balance INTEGER NOT NULL)")
        db.execute(
            "CREATE TABLE moves (id INTEGER PRIMARY KEY, account INTEGER, amount INTEGER CHECK (amount > -49),"
            " note TEXT, slip BLOB)"
        )
        db.execute("INSERT INTO accounts VALUES (7777, 'kept', 1)")
        db.commit()
    before = dump(target)
    said = recon("backup", "import", "./kept", target, expect=14)
    assert "moves" in said.err
    assert dump(target) == before


def test_a_column_that_the_target_lacks_is_named_before_anything_is_written(recon: Recon, tmp_path: Path) -> None:
    source = ledger(tmp_path / "a.db")
    recon("backup", "export", source, "./kept")
    target = ledger(tmp_path / "target.db", 10)
    change(target, "ALTER TABLE moves DROP COLUMN slip")
    before = dump(target)
    said = recon("backup", "import", "./kept", target, "--mode", "upsert", "--max-drop", "100%", expect=14)
    assert "slip" in said.err
    assert dump(target) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system: run as root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_full_disk_fails_the_export_and_leaves_the_last_snapshot_whole(
    recon: Recon, tmp_path: Path, small_disk: Path
) -> None:
    small, large = ledger(tmp_path / "small.db", 10_000), ledger(tmp_path / "large.db", 80_000)
    kept = small_disk / "kept"
    recon("backup", "export", small, kept)
    good = snapshots(kept)
    said = recon("backup", "export", large, kept, "--max-drop", "100%", expect=1)
    assert "No space left" in said.err
    assert snapshots(kept) == good
    whole(recon, str(kept))
    recon("backup", "export", small, kept)
    assert len(snapshots(kept)) == 2


def test_a_full_disk_fails_the_import_and_leaves_no_half_database(
    recon: Recon, tmp_path: Path, small_disk: Path
) -> None:
    recon("backup", "export", ledger(tmp_path / "large.db", 200_000), "./kept")
    recon("backup", "import", "./kept", small_disk / "new.db", expect=1)
    assert not list(small_disk.iterdir())


def test_two_exports_and_an_export_of_the_import_are_the_same_bytes(recon: Recon, tmp_path: Path) -> None:
    source = ledger(tmp_path / "a.db", 60_000)
    recon("backup", "export", source, "./one", "--workers", "1")
    recon("backup", "export", source, "./two", "--workers", "2")
    recon("backup", "import", "./one", tmp_path / "back.db")
    recon("backup", "export", tmp_path / "back.db", "./three")
    one, two, three = (contents(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    without_source = [{path: body for path, body in each.items() if path != "manifest.json"} for each in (one, three)]
    assert without_source[0] == without_source[1]


def contents(kept: Path) -> dict[str, bytes]:
    """The files of the one snapshot in a folder, but for its run data."""
    [name] = snapshots(kept)
    files = (path for path in (kept / name).rglob("*") if path.is_file() and path.name != "run.json")
    return {str(path.relative_to(kept / name)): path.read_bytes() for path in files}


def test_cron_hears_nothing_of_a_good_night_and_one_json_line_when_asked(recon: Recon, tmp_path: Path) -> None:
    ledger(tmp_path / "a.db", 200)
    (tmp_path / "recon.toml").write_text(
        'version = 1\n[stores.live]\nurl = "sqlite:///a.db"\n[backups.nightly]\nfrom = "live"\nto = "./kept"\n'
    )
    quiet = recon("backup", "run", "-q")
    assert (quiet.out, quiet.err) == ("", "")
    said = recon("backup", "run", "--json")
    assert len(said.out.splitlines()) == 1
    assert json.loads(said.out)["exit_code"] == 0
