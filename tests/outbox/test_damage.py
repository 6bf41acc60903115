"""A damaged queue file: noticed at the start, set aside, salvaged; what is gone is named, and never all of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from recon_cli.core.errors import LockedError
from recon_cli.outbox import moves
from recon_cli.outbox.item import Limits
from recon_cli.outbox.queue import Outbox
from tests.support.outboxes import letter, letters, opened, sums

COUNT = 300
PAGE = 4096


def filled(folder: Path, limits: Limits | None = None) -> Path:
    """A queue with items in every state; closed, so that its log is empty."""
    with opened(folder, limits=limits) as queue:
        queue.put([letter(number, size_bytes=900) for number in range(COUNT)])
        leased = queue.lease("db", lease_s=60, limit=20)
        queue.ack(leased[:10])
        queue.bury(leased[10], "poison", "22P02")
        queue.retry(leased[11], "22P02", delay_s=0)
        queue.release(leased[12:])
    return folder / "queue.db"


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def header(path: Path) -> None:
    overwrite(path, 0, os.urandom(PAGE))


def middle_page(path: Path) -> None:
    overwrite(path, path.stat().st_size // 2 // PAGE * PAGE, b"\xa5" * PAGE)


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 3 // 4 + 100)


def content(path: Path) -> None:
    at = path.read_bytes().index(letter(200).payload)
    overwrite(path, at + 5, b"\x00")


def salvaged(queue: Outbox) -> set[str]:
    found: set[str] = set()
    while leased := queue.lease("db", lease_s=60):
        found |= {item.letter.key for item in leased}
        for item in leased:
            assert item.letter.payload == letter(int(item.letter.key[4:]), size_bytes=900).payload
        queue.ack(leased)
    return found


@pytest.mark.parametrize(
    ("damage", "lost_at_most"),
    [
        pytest.param(header, 0, id="header"),
        pytest.param(middle_page, 5, id="middle page"),
        pytest.param(truncated, COUNT // 2, id="truncated"),
    ],
)
def test_what_a_damaged_file_still_holds_is_saved_and_the_rest_is_counted(
    tmp_path: Path, damage: Callable[[Path], None], lost_at_most: int
) -> None:
    path = filled(tmp_path)
    damage(path)
    before = path.read_bytes()
    with opened(tmp_path) as queue:
        books = sums(queue)
        assert books["put"] == COUNT
        assert 0 <= books["lost"] <= lost_at_most
        assert books["acked"] == 10
        losses = queue.read(lambda db: db.execute("SELECT item, reason, detail FROM losses").fetchall())
        assert losses
        assert losses[0][1] == "damaged"
        found = salvaged(queue)
        assert len(found) == COUNT - 10 - books["lost"] - books["dead"]
    (aside,) = tmp_path.glob("queue.db.damaged-*")
    assert (aside / "queue.db").read_bytes() == before
    with opened(tmp_path) as queue:
        sums(queue)
    assert len(list(tmp_path.glob("queue.db.damaged-*"))) == 1, "a salvaged queue is sound"


def test_dead_letters_and_attempts_are_saved_too(tmp_path: Path) -> None:
    header(filled(tmp_path))
    with opened(tmp_path) as queue:
        assert queue.read(lambda db: db.execute("SELECT key, reason FROM dead").fetchall()) == [("key-10", "poison")]
        first = queue.lease("db", lease_s=60, limit=1)[0]
        assert (first.letter.key, first.failures) == ("key-11", 1)
        assert queue.change(lambda db: moves.requeue(db, [11])) == 1
        sums(queue)


def test_changed_bytes_that_leave_the_file_sound_are_found_when_they_are_to_be_sent(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.put(letters(*range(300)))
    content(tmp_path / "queue.db")
    with opened(tmp_path) as queue:
        keys = {item.letter.key for item in queue.lease("db", lease_s=60)}
        assert keys == {letter(number).key for number in range(300)} - {"key-200"}
        assert sums(queue)["dead"] == 1


def test_spilled_items_survive_the_damage_of_the_queue_file(tmp_path: Path) -> None:
    limits = Limits(max_items=100, ballast_bytes=0)
    path = filled(tmp_path, limits)
    header(path)
    with opened(tmp_path, limits=limits) as queue:
        books = sums(queue)
        assert (books["put"], books["lost"]) == (COUNT, 0)
        assert len(salvaged(queue)) == COUNT - 10 - 1


def test_a_queue_file_cut_to_nothing_is_no_new_queue(tmp_path: Path) -> None:
    os.truncate(filled(tmp_path), 0)
    with opened(tmp_path) as queue:
        assert queue.read(lambda db: db.execute("SELECT count(*) FROM losses").fetchone()[0])


def test_a_log_whose_queue_file_is_gone_is_not_thrown_away(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.put(letters(*range(50)))
        log = (tmp_path / "queue.db-wal").read_bytes()
    for path in tmp_path.glob("queue.db*"):
        if path.suffix != ".lock":
            path.unlink()
    (tmp_path / "queue.db-wal").write_bytes(log)
    with opened(tmp_path) as queue:
        assert queue.read(lambda db: db.execute("SELECT count(*) FROM losses").fetchone()[0])
    (aside,) = tmp_path.glob("queue.db.damaged-*")
    assert (aside / "queue.db-wal").read_bytes() == log


def test_what_a_killed_process_left_in_the_log_is_no_damage(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.put(letters(*range(50)))
        copies = {path.name: path.read_bytes() for path in tmp_path.glob("queue.db*")}
    other = tmp_path / "other"
    other.mkdir()
    for name, body in copies.items():
        (other / name).write_bytes(body)
    with opened(other) as queue:
        assert sums(queue)["waiting"] == 50


def test_a_damaged_queue_is_not_moved_away_under_another_process(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.put(letters(*range(300)))
        queue.read(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
        header(tmp_path / "queue.db")
        with pytest.raises(LockedError, match="damaged"):
            opened(tmp_path, owner="other")
    assert not list(tmp_path.glob("queue.db.damaged-*"))


@pytest.mark.parametrize("left", ["building", "salvaged"])
def test_a_kill_in_the_middle_of_a_salvage_is_made_up_for(tmp_path: Path, left: str) -> None:
    path = filled(tmp_path)
    if left == "building":
        header(path)
        (tmp_path / "queue.db.building").write_bytes(b"half a file")
    else:
        path.rename(tmp_path / "queue.db.salvaged")
        path.write_bytes(os.urandom(10_000))
        (tmp_path / "queue.db-wal").write_bytes(os.urandom(10_000))
    with opened(tmp_path) as queue:
        assert len(salvaged(queue)) == COUNT - 10 - 1
