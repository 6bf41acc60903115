"""put → lease → ack | retry | bury: who gets what, once."""

from __future__ import annotations

import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from recon_cli.core.delivery import Failure
from recon_cli.core.errors import DataError, ReconError
from recon_cli.outbox import moves
from recon_cli.outbox.item import Letter, Limits, Overflow, Placed
from recon_cli.outbox.queue import BATCH_ITEMS
from tests.support.outboxes import FakeClock, letter, letters, opened, sums

LEASE = 60.0


def test_a_letter_comes_out_byte_for_byte_as_it_went_in(tmp_path: Path) -> None:
    raw = b'\xef\xbb\xbf{"ID": 638961224831992165, "x": 1.0, "t": "2026-01-01T00:00:00.1234567Z"}\x00\xff'
    sent = Letter("https://x?y=1", "gfx_sessions", "묶음/1", raw, {"pc": "PC01", "이름": "값\udcff"})
    with opened(tmp_path) as queue:
        assert queue.put([sent]) == [Placed.NEW]
    with opened(tmp_path) as queue:
        (item,) = queue.lease("https://x?y=1", lease_s=LEASE)
        assert item.letter == sent


def test_an_identity_that_is_no_text_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        with pytest.raises(DataError, match="no text"):
            queue.put([letter(1), Letter("db", "t", "\udcff", b"")])
        assert sums(queue)["put"] == 0


def test_one_identity_is_one_item_waiting_leased_or_acknowledged_lately(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        assert queue.put(letters(1, 1, 2)) == [Placed.NEW, Placed.WAITING, Placed.NEW]
        leased = queue.lease("db", lease_s=LEASE)
        assert queue.put(letters(1)) == [Placed.WAITING]
        queue.ack(leased)
        assert queue.put(letters(1, 2, 3)) == [Placed.ACKED, Placed.ACKED, Placed.NEW]
        assert sums(queue)["put"] == 3


def test_the_same_key_in_another_table_or_for_another_target_is_another_item(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        sent = [letter(1), letter(1, table="other"), letter(1, target="db2"), Letter("d", "bt", "key-1", b"")]
        assert queue.put(sent) == [Placed.NEW] * 4


def test_the_memory_of_the_acknowledged_is_short(tmp_path: Path) -> None:
    with opened(tmp_path, limits=Limits(remembered=2, ballast_bytes=0)) as queue:
        queue.put(letters(1, 2, 3))
        queue.ack(queue.lease("db", lease_s=LEASE))
        assert queue.put(letters(1, 2, 3)) == [Placed.NEW, Placed.ACKED, Placed.ACKED]


def test_a_leased_item_is_nobody_elses_until_its_lease_ends(tmp_path: Path) -> None:
    clock = FakeClock()
    with opened(tmp_path, clock) as mine, opened(tmp_path, clock, owner="other") as other:
        mine.put(letters(*range(10)))
        first = mine.lease("db", lease_s=LEASE, limit=6)
        second = other.lease("db", lease_s=LEASE)
        assert [item.id for item in first] + [item.id for item in second] == list(range(1, 11))
        assert mine.lease("db", lease_s=LEASE) == []
        clock.sleep(LEASE + 1)
        assert len(other.lease("db", lease_s=LEASE)) == 10


def test_a_renewed_lease_lasts_longer_and_a_released_one_ends_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    with opened(tmp_path, clock) as queue:
        queue.put(letters(1, 2))
        one, two = queue.lease("db", lease_s=LEASE)
        queue.renew([one], lease_s=10 * LEASE)
        queue.release([two])
        clock.sleep(2 * LEASE)
        assert queue.lease("db", lease_s=LEASE) == [two]


def test_what_a_late_owner_delivered_is_acknowledged_but_he_can_no_longer_bury(tmp_path: Path) -> None:
    clock = FakeClock()
    with opened(tmp_path, clock) as late, opened(tmp_path, clock, owner="other") as other:
        late.put(letters(1, 2))
        one, two = late.lease("db", lease_s=LEASE)
        clock.sleep(LEASE + 1)
        other.lease("db", lease_s=LEASE)
        late.bury(two, "poison", "")
        late.retry(two, "", delay_s=0)
        assert late.ack([one]) == 1
        assert other.ack([one, two]) == 1
        assert sums(late) | {"put": 2, "acked": 2} == sums(late)


def test_neither_a_clock_set_forward_nor_one_set_back_touches_leases_and_delays(tmp_path: Path) -> None:
    clock = FakeClock()
    with opened(tmp_path, clock) as queue:
        queue.put(letters(1, 2))
        one, _two = queue.lease("db", lease_s=LEASE)
        queue.retry(one, "refused", delay_s=30)
        for days in (400, -4000):
            clock.jump(timedelta(days=days))
            assert queue.lease("db", lease_s=LEASE) == []
        clock.sleep(31)
        assert [item.failures for item in queue.lease("db", lease_s=LEASE)] == [1]


def test_after_a_restart_of_the_machine_leases_and_delays_of_the_old_clock_are_over(tmp_path: Path) -> None:
    with opened(tmp_path, FakeClock(steady=1e6)) as queue:
        queue.put(letters(1, 2))
        one, _two = queue.lease("db", lease_s=LEASE)
        queue.retry(one, "", delay_s=1e5)
        queue.trip("db", "", Failure.TRANSIENT, "", delay_s=1e5)
    with opened(tmp_path, FakeClock(steady=5.0), boot="boot") as queue:
        assert queue.lease("db", lease_s=LEASE) == []
    with opened(tmp_path, FakeClock(steady=5.0), boot="another boot") as queue:
        queue.close_circuit("db")
        assert len(queue.lease("db", lease_s=LEASE)) == 2


def test_a_batch_is_of_one_table_and_the_oldest_goes_first(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.put([letter(1, table="b"), letter(2, table="a"), letter(3, table="b")])
        assert [item.id for item in queue.lease("db", lease_s=LEASE)] == [1, 3]
        assert [item.id for item in queue.lease("db", lease_s=LEASE)] == [2]


def test_a_batch_is_no_bigger_than_asked_but_one_item_always_goes(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.put([letter(number, size_bytes=1000) for number in range(10)])
        assert len(queue.lease("db", lease_s=LEASE, size_bytes=3500)) == 3
        assert len(queue.lease("db", lease_s=LEASE, size_bytes=10)) == 1


def test_an_open_circuit_holds_its_table_only_and_then_lets_one_item_try(tmp_path: Path) -> None:
    clock = FakeClock()
    with opened(tmp_path, clock) as queue:
        queue.put([letter(1, table="a"), letter(2, table="a"), letter(3, table="b")])
        queue.trip("db", "a", Failure.DRIFT, "no such column", delay_s=100)
        assert [item.id for item in queue.lease("db", lease_s=LEASE)] == [3]
        assert queue.lease("db", lease_s=LEASE) == []
        clock.sleep(101)
        (probe,) = queue.lease("db", lease_s=LEASE)
        assert probe.id == 1
        queue.close_circuit("db", "a")
        assert [item.id for item in queue.lease("db", lease_s=LEASE)] == [2]


def test_a_dead_letter_keeps_its_bytes_and_the_targets_words_and_can_wait_again(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.put(letters(1, 2))
        one, two = queue.lease("db", lease_s=LEASE)
        queue.bury(one, "poison", "22P02: invalid input syntax")
        queue.release([two])
        assert sums(queue) | {"dead": 1, "waiting": 1} == sums(queue)
        assert queue.put(letters(1)) == [Placed.DEAD]
        assert queue.change(lambda db: moves.requeue(db, [one.id])) == 1
        again, _two = queue.lease("db", lease_s=LEASE)
        assert again.letter == one.letter
        assert again.failures == 0


def test_over_its_limit_the_queue_spills_the_oldest_and_takes_them_back_in_the_end(tmp_path: Path) -> None:
    with opened(tmp_path, limits=Limits(max_items=20, ballast_bytes=0)) as queue:
        placed = list(queue.put_all(letters(*range(100))))
        assert placed == [Placed.NEW] * 100
        assert sums(queue) | {"waiting": 20, "spilled": 80} == sums(queue)
        assert queue.put(letters(0)) == [Placed.SPILLED]
        seen: list[str] = []
        while leased := queue.lease("db", lease_s=LEASE, limit=7):
            seen += [item.letter.key for item in leased]
            queue.ack(leased)
            sums(queue)
        assert sorted(seen) == sorted(letter(number).key for number in range(100))
        assert not list((tmp_path / "queue.db.spill").iterdir())


def test_spilled_items_outlive_the_process_and_keep_their_attempts(tmp_path: Path) -> None:
    limits = Limits(max_items=10, ballast_bytes=0)
    with opened(tmp_path, limits=limits) as queue:
        queue.put(letters(1))
        (one,) = queue.lease("db", lease_s=LEASE)
        queue.retry(one, "refused", delay_s=0)
        queue.put(letters(*range(2, 13)))
    with opened(tmp_path, limits=limits) as queue:
        assert sums(queue)["spilled"] == 2
        queue.ack(queue.lease("db", lease_s=LEASE))
        assert sorted((item.id, item.failures) for item in queue.lease("db", lease_s=LEASE)) == [(1, 1), (2, 0)]


def test_leased_items_are_not_spilled(tmp_path: Path) -> None:
    with opened(tmp_path, limits=Limits(max_items=10, ballast_bytes=0)) as queue:
        queue.put(letters(*range(10)))
        leased = queue.lease("db", lease_s=LEASE, limit=10)
        queue.put(letters(10, 11))
        assert queue.ack(leased) == 10


def test_a_damaged_segment_loses_only_the_lines_it_lost_and_says_which(tmp_path: Path) -> None:
    with opened(tmp_path, limits=Limits(max_items=20, ballast_bytes=0)) as queue:
        queue.put(letters(*range(22)))
        (segment,) = (tmp_path / "queue.db.spill").glob("*.jsonl")
        lines = segment.read_bytes().splitlines(keepends=True)
        segment.write_bytes(lines[0] + lines[1].replace(b"PC01", b"\x00\x00"))
        assert queue.read(lambda db: len(list(db.execute("SELECT * FROM losses")))) == 0
        queue.ack(queue.lease("db", lease_s=LEASE))
        assert [item.id for item in queue.lease("db", lease_s=LEASE)] == [1]
        assert sums(queue) | {"lost": 1} == sums(queue)
        assert segment.with_suffix(".damaged").exists()


def test_a_full_queue_that_blocks_takes_nothing_until_something_leaves(tmp_path: Path) -> None:
    limits = Limits(max_items=5, overflow=Overflow.BLOCK, block_s=3, ballast_bytes=0)
    clock = FakeClock()
    with opened(tmp_path, clock, limits) as queue:
        queue.put(letters(*range(5)))
        with pytest.raises(ReconError, match="is full"):
            queue.put(letters(5))
        assert sum(clock.slept) >= 3
        queue.ack(queue.lease("db", lease_s=LEASE, limit=1))
        assert queue.put(letters(5)) == [Placed.NEW]


def test_threads_that_put_together_share_commits_and_lose_nothing(tmp_path: Path) -> None:
    begun: list[str] = []
    with opened(tmp_path, step=begun.append) as queue:
        answers: list[list[Placed]] = []

        def work(first: int) -> None:
            answers.extend(queue.put([letter(number)]) for number in range(first, first + 25))

        threads = [threading.Thread(target=work, args=(1000 * at,)) for at in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [[Placed.NEW]] * 200
        assert sums(queue)["waiting"] == 200
        assert begun.count("put: commit") < 200


def test_bytes_that_changed_on_disk_are_never_sent(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.put(letters(1, 2))
        queue.change(lambda db: db.execute("UPDATE items SET payload = x'00' WHERE id = 1"))
    with opened(tmp_path) as queue:
        assert [item.id for item in queue.lease("db", lease_s=LEASE)] == [2]
        assert queue.read(lambda db: db.execute("SELECT id, reason FROM dead").fetchall()) == [(1, "damaged")]
        sums(queue)


def test_what_was_put_a_moment_ago_is_sent_as_it_came_in_whatever_became_of_it_on_disk(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.put(letters(1, 2))
        queue.change(lambda db: db.execute("UPDATE items SET payload = x'00' WHERE id = 1"))
        assert [item.letter for item in queue.lease("db", lease_s=LEASE)] == letters(1, 2)


def test_of_a_batch_partly_at_hand_and_partly_not_each_item_comes_once_and_in_order(tmp_path: Path) -> None:
    many = 2 * BATCH_ITEMS
    with opened(tmp_path) as queue:
        queue.put(letters(*range(10)))
    with opened(tmp_path) as queue:
        queue.put(letters(*range(10, 20)))
        with opened(tmp_path, owner="other") as other:
            other.put(letters(*range(20, 30)))
        queue.put(letters(*range(30, 40)))
        leased = [queue.lease("db", lease_s=LEASE, limit=15) for _ in range(3)]
        assert [item.letter for some in leased for item in some] == letters(*range(40))
        queue.put(letters(*range(100, 150 + many)))
        assert [item.letter for item in queue.lease("db", lease_s=LEASE, limit=10)] == letters(*range(100, 110))


def test_attempts_and_the_last_refusal_come_with_an_item_that_is_at_hand(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.put(letters(0))
        (item,) = queue.lease("db", lease_s=LEASE)
        queue.retry(item, "not like this", delay_s=0)
        (again,) = queue.lease("db", lease_s=LEASE)
        assert (again.failures, again.detail, again.letter) == (1, "not like this", item.letter)


def test_a_put_that_was_taken_back_leaves_nothing_at_hand(tmp_path: Path) -> None:
    def broken(name: str) -> None:
        if name == "put: commit" and begun:
            begun.clear()
            raise sqlite3.DatabaseError("no")

    begun = [1]
    with opened(tmp_path, step=broken) as queue:
        with pytest.raises(DataError):
            queue.put(letters(0))
        queue.put(letters(1))
        assert [item.letter for item in queue.lease("db", lease_s=LEASE)] == letters(1)


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "queue.db").write_bytes(b"a shopping list" * 100)
    with pytest.raises(DataError, match="not a queue of recon"):
        opened(tmp_path)
    assert (tmp_path / "queue.db").read_bytes() == b"a shopping list" * 100
