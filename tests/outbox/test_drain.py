"""The drain loop: what is delivered, retried, buried, and who is left alone meanwhile."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from recon_cli.core.delivery import DeliveryError, Failure, Refusal, classify, retry_after_s
from recon_cli.outbox.drain import Drain, Pace
from recon_cli.outbox.item import Item
from recon_cli.outbox.queue import BATCH_ITEMS, Outbox
from tests.support.outboxes import FakeClock, Target, letter, letters, opened, sums


def drain(queue: Outbox, target: Target, *, jitter: float = 1.0, **pace: object) -> Drain:
    return Drain(queue, "db", target, Pace(**pace), lambda: jitter, lambda: False)  # type: ignore[arg-type]  # as named


def failing(times: int, failure: Failure, **more: float) -> Target:
    left = [times]

    def fail(_batch: Sequence[Item]) -> None:
        if left[0] > 0:
            left[0] -= 1
            raise DeliveryError(failure, "no", **more)  # type: ignore[arg-type]  # retry_after_s alone

    return Target(fail=fail)


def test_everything_arrives_and_is_forgotten(tmp_path: Path) -> None:
    target = Target()
    with opened(tmp_path) as queue:
        queue.put(letters(*range(1200)))
        done = drain(queue, target).run()
        assert (done.delivered, done.deliveries) == (1200, math.ceil(1200 / BATCH_ITEMS))
        assert target.rows == {letter(n).key: letter(n).payload for n in range(1200)}
        assert sums(queue) | {"put": 1200, "acked": 1200, "waiting": 0} == sums(queue)


@pytest.mark.parametrize("poison", [1, 5])
def test_poison_is_found_in_few_deliveries_and_buried_by_its_sixth_failure(tmp_path: Path, poison: int) -> None:
    rng = random.Random(poison)
    bad = {letter(n).key for n in rng.sample(range(500), poison)}
    target, clock = Target(poison=bad), FakeClock()
    with opened(tmp_path, clock) as queue:
        queue.put(letters(*range(500)))
        first = drain(queue, target).run()
        assert first.delivered == 500 - poison
        assert first.deliveries <= poison * 2 * math.ceil(math.log2(500)) + 1
        for failures in range(2, 6):
            clock.sleep(100)
            done = drain(queue, target).run()
            assert (done.retried, done.buried, done.deliveries) == (poison, 0, poison), failures
        clock.sleep(100)
        assert drain(queue, target).run().buried == poison
        rows = queue.read(lambda db: db.execute("SELECT key, failures, reason, detail FROM dead").fetchall())
        assert {row[0] for row in rows} == bad
        assert {row[1:] for row in rows} == {(6, "poison", "22P02 invalid input syntax")}
        assert not bad & set(target.rows)
        assert len(target.rows) == 500 - poison


def test_one_poisoned_item_is_sent_alone_from_then_on(tmp_path: Path) -> None:
    target, clock = Target(poison={letter(3).key}), FakeClock()
    with opened(tmp_path, clock) as queue:
        queue.put(letters(*range(8)))
        drain(queue, target).run()
        queue.put(letters(*range(8, 16)))
        clock.sleep(10)
        target.batches.clear()
        drain(queue, target).run()
        assert target.batches == [8, 1]


@pytest.mark.parametrize("failure", [Failure.TRANSIENT, Failure.THROTTLED, Failure.AUTH, Failure.DRIFT])
def test_what_is_not_the_items_fault_spends_no_attempt_however_long_it_lasts(tmp_path: Path, failure: Failure) -> None:
    target, clock = failing(50, failure), FakeClock()
    with opened(tmp_path, clock) as queue:
        queue.put(letters(*range(20)))
        done = drain(queue, target, patient=True).run()
        assert (done.delivered, done.retried, done.buried) == (20, 0, 0)
        assert set(target.batches[1:50]) == {1}, "an open circuit is tried with one item"
        assert sums(queue)["acked"] == 20


def test_who_ran_out_of_time_alone_is_put_off_and_the_next_probe_is_another(tmp_path: Path) -> None:
    def fail(batch: Sequence[Item]) -> None:
        if any(one.letter.key == letter(0).key for one in batch):
            raise DeliveryError(Failure.TOO_BIG, "canceling statement", code="57014")

    target, clock = Target(fail=fail), FakeClock()
    with opened(tmp_path, clock) as queue:
        queue.put(letters(0))
        assert drain(queue, target).run().stopped_by is not None
        queue.put(letters(*range(1, 9)))
        clock.sleep(1.5)
        done = drain(queue, target).run()
        assert (done.delivered, done.retried, done.buried) == (8, 0, 0)
        assert queue.waiting() == 1


def slow(*numbers: int, until: float = math.inf, clock: FakeClock | None = None) -> Target:
    """A target in which these run out of time, in whatever batch; all of them where none is named."""
    bad = {letter(number).key for number in numbers}

    def fail(batch: Sequence[Item]) -> None:
        now = clock.monotonic() if clock else 0.0
        if now < until and (not bad or bad & {one.letter.key for one in batch}):
            raise DeliveryError(Failure.TOO_BIG, "canceling statement", code="57014")

    return Target(fail=fail)


@pytest.mark.parametrize("waiting", [1, 2, 20])
def test_on_a_target_that_is_slow_for_everything_nobody_spends_an_attempt_however_long_it_lasts(
    tmp_path: Path, waiting: int
) -> None:
    clock = FakeClock()
    with opened(tmp_path, clock) as queue:
        queue.put(letters(*range(waiting)))
        began = clock.monotonic()
        target = slow(until=began + 3600, clock=clock)
        for _ in range(20):
            done = drain(queue, target).run()
            assert (done.delivered, done.retried, done.buried) == (0, 0, 0)
            assert [one.failure for one in queue.circuits("db")] == [Failure.TRANSIENT]
            clock.sleep(130)
        clock.sleep(3600)
        assert drain(queue, target, patient=True).run().delivered == waiting


@pytest.mark.parametrize("at", [0, 3, 7])
def test_who_runs_out_of_time_while_others_pass_spends_an_attempt_each_time(tmp_path: Path, at: int) -> None:
    clock, target = FakeClock(), slow(at)
    with opened(tmp_path, clock) as queue:
        queue.put(letters(*range(8)))
        done = drain(queue, target).run()
        assert (done.delivered, done.retried, done.stopped_by) == (7, 1, None)
        for number in range(100, 105):
            clock.sleep(100)
            queue.put(letters(number))
            done = drain(queue, target).run()
            assert (done.delivered, done.stopped_by) == (1, None)
        assert queue.read(lambda db: db.execute("SELECT key, failures FROM dead").fetchall()) == [(letter(at).key, 6)]
        sums(queue)


def test_a_stop_or_an_outage_leaves_who_ran_out_of_time_untried(tmp_path: Path) -> None:
    def fail(batch: Sequence[Item]) -> None:
        slow_one = any(one.letter.key == letter(0).key for one in batch)
        raise DeliveryError(Failure.TOO_BIG if slow_one else Failure.AUTH, "no", code="57014" if slow_one else "28P01")

    with opened(tmp_path) as queue:
        queue.put(letters(0, 1))
        done = drain(queue, Target(fail=fail)).run()
        assert done.stopped_by is not None
        assert done.stopped_by.failure is Failure.AUTH
        queue.change(lambda db: db.execute("DELETE FROM circuits"))
        assert [item.failures for item in queue.lease("db", lease_s=60)] == [0, 0]


def test_one_item_that_is_too_big_by_itself_makes_no_later_batch_smaller(tmp_path: Path) -> None:
    def fail(batch: Sequence[Item]) -> None:
        if any(one.letter.key == letter(3).key for one in batch):
            raise DeliveryError(Failure.TOO_BIG, "canceling statement", code="57014")

    target = Target(fail=fail)
    with opened(tmp_path) as queue:
        queue.put(letters(*range(64)))
        done = drain(queue, target, batch_items=16).run()
        assert (done.delivered, done.retried) == (63, 1)
        assert target.batches[-3:] == [16, 16, 16]


def test_an_impatient_drain_leaves_a_target_that_is_down_alone(tmp_path: Path) -> None:
    target, clock = failing(1000, Failure.TRANSIENT), FakeClock()
    with opened(tmp_path, clock) as queue:
        queue.put(letters(*range(20)))
        done = drain(queue, target).run()
        assert done.stopped_by is not None
        assert done.stopped_by.failure is Failure.TRANSIENT
        assert drain(queue, target).run().deliveries == 0
        assert sums(queue)["waiting"] == 20
        clock.sleep(2)
        assert drain(queue, target).run().deliveries == 1


def test_delays_grow_with_jitter_to_a_ceiling_and_never_undercut_retry_after(tmp_path: Path) -> None:
    clock = FakeClock()
    with opened(tmp_path, clock) as queue:
        queue.put(letters(1))
        opened_for = []
        for jitter in (1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0):
            drain(queue, failing(1, Failure.TRANSIENT), jitter=jitter).run()
            (circuit,) = queue.circuits("db")
            opened_for.append(circuit.until - clock.steady)
            clock.sleep(circuit.until - clock.steady)
        assert opened_for == [1, 1, 4, 8, 16, 32, 60, 60]
        drain(queue, failing(1, Failure.THROTTLED, retry_after_s=500.0), jitter=0.0).run()
        assert queue.circuits("db")[0].until - clock.steady == 500


def test_a_changed_table_is_paused_while_the_others_go_on(tmp_path: Path) -> None:
    def fail(batch: Sequence[Item]) -> None:
        if batch[0].letter.table == "changed":
            raise DeliveryError(Failure.DRIFT, "PGRST204")

    target = Target(fail=fail)
    with opened(tmp_path) as queue:
        queue.put([*letters(1, 2, table="changed"), *letters(3, 4)])
        done = drain(queue, target).run()
        assert done.delivered == 2
        assert [(one.table, one.failure) for one in queue.circuits("db")] == [("changed", Failure.DRIFT)]
        assert sums(queue)["waiting"] == 2


def test_what_is_too_big_is_halved_and_the_size_remembered(tmp_path: Path) -> None:
    def fail(batch: Sequence[Item]) -> None:
        if len(batch) > 30:
            raise DeliveryError(Failure.TOO_BIG, "413")

    target = Target(fail=fail)
    with opened(tmp_path) as queue:
        queue.put(letters(*range(600)))
        drain(queue, target, batch_items=100).run()
        assert target.batches.count(100) == 1
        assert target.batches.count(50) <= 2
        assert len(target.rows) == 600


def test_a_lost_acknowledgement_sends_twice_and_stores_once(tmp_path: Path) -> None:
    lost = [2]

    def after(_batch: Sequence[Item]) -> None:
        if lost[0]:
            lost[0] -= 1
            raise DeliveryError(Failure.TRANSIENT, "connection reset")

    target = Target(after=after)
    with opened(tmp_path) as queue:
        queue.put(letters(*range(10)))
        drain(queue, target, patient=True).run()
        assert len(target.rows) == 10
        assert target.writes > 10
        assert sums(queue) | {"acked": 10, "dead": 0} == sums(queue)


def test_answers_item_by_item_are_settled_item_by_item(tmp_path: Path) -> None:
    def deliver(batch: Sequence[Item]) -> list[Refusal | None]:
        return [Refusal(Failure.POISON, "too old") if item.id % 2 else None for item in batch]

    with opened(tmp_path) as queue:
        queue.put(letters(*range(10)))
        done = Drain(queue, "db", deliver, Pace(), lambda: 1.0, lambda: False).run()
        assert (done.delivered, done.retried, done.deliveries) == (5, 5, 1)


def test_an_outage_in_the_middle_of_isolation_keeps_what_was_delivered(tmp_path: Path) -> None:
    calls = [0]

    def fail(batch: Sequence[Item]) -> None:
        calls[0] += 1
        if calls[0] == 5:
            raise DeliveryError(Failure.TRANSIENT, "503")

    target = Target(poison={letter(90).key}, fail=fail)
    with opened(tmp_path) as queue:
        queue.put(letters(*range(100)))
        done = drain(queue, target).run()
        assert 0 < done.delivered < 100
        assert len(target.rows) == done.delivered == sums(queue)["acked"]
        assert queue.lease("db", lease_s=1) == []
        queue.close_circuit("db")
        assert len(queue.lease("db", lease_s=1)) == 100 - done.delivered, "and no item is left leased"


def test_the_rate_is_kept(tmp_path: Path) -> None:
    clock = FakeClock()
    with opened(tmp_path, clock) as queue:
        queue.put(letters(*range(100)))
        began = clock.steady
        drain(queue, Target(), rate=20.0, batch_items=10).run()
        assert clock.steady - began == pytest.approx(5.0)


def test_a_target_slower_than_a_lease_keeps_what_is_still_to_be_sent(tmp_path: Path) -> None:
    clock = FakeClock()
    with opened(tmp_path, clock) as queue, opened(tmp_path, clock, owner="other") as other:
        queue.put(letters(*range(64)))

        def fail(batch: Sequence[Item]) -> None:
            clock.sleep(5)
            assert other.lease("db", lease_s=1) == []
            if len(batch) > 4:
                raise DeliveryError(Failure.TOO_BIG, "413")

        assert drain(queue, Target(fail=fail), lease_s=18.0).run().delivered == 64


def test_a_fault_of_the_adapter_goes_through_and_leaves_nothing_leased(tmp_path: Path) -> None:
    def fail(_batch: Sequence[Item]) -> None:
        raise LookupError("a bug")

    with opened(tmp_path) as queue:
        queue.put(letters(1, 2))
        with pytest.raises(LookupError):
            drain(queue, Target(fail=fail)).run()
        assert len(queue.lease("db", lease_s=1)) == 2


@pytest.mark.parametrize(
    ("state", "status", "failure"),
    [
        ("40P01", 500, Failure.TRANSIENT),
        ("57014", 500, Failure.TOO_BIG),
        ("22P02", 400, Failure.POISON),
        ("23505", 409, Failure.POISON),
        ("PGRST204", 400, Failure.DRIFT),
        ("PGRST205", 404, Failure.DRIFT),
        ("42501", 403, Failure.AUTH),
        ("28P01", None, Failure.AUTH),
        ("57P01", 503, Failure.TRANSIENT),
        ("", 401, Failure.AUTH),
        ("", 413, Failure.TOO_BIG),
        ("", 429, Failure.THROTTLED),
        ("", 502, Failure.TRANSIENT),
        ("", 520, Failure.TRANSIENT),
        ("", 400, Failure.POISON),
        ("", None, Failure.TRANSIENT),
        ("XX000", None, Failure.TRANSIENT),
    ],
)
def test_the_sqlstate_decides_before_the_status(state: str, status: int | None, failure: Failure) -> None:
    assert classify(state, status) is failure


def test_retry_after_is_read_in_seconds_and_as_a_date() -> None:
    now = FakeClock().wall
    assert retry_after_s("120", now) == 120
    assert retry_after_s("Fri, 02 Jan 2026 03:05:05 GMT", now) == 60
    assert retry_after_s("Fri, 02 Jan 2020 03:05:05 GMT", now) == 0
    assert retry_after_s("soon", now) is None
    assert retry_after_s(None, now) is None
