"""Draining: lease a batch, deliver it, acknowledge, retry or bury; until nothing is ready, or a stop is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from recon_cli.core.delivery import TOO_SLOW, DeliveryError, Failure, Refusal
from recon_cli.core.retry import RetryPolicy
from recon_cli.ops import signals
from recon_cli.outbox.isolate import Deliver, Split, isolate
from recon_cli.outbox.item import Item
from recon_cli.outbox.queue import BATCH_BYTES, BATCH_ITEMS, Outbox

_NAP_S = 0.2


@dataclass(frozen=True, slots=True)
class Pace:
    """How to drain.

    `items` is about poison: with 5 retries the sixth failure buries. `outages` is for the whole target and never gives
    up; `mending` is for what only a person can mend (a refused key, a changed table), so it is asked about rarely.
    `rate` is items a second at most. `patient` waits behind open circuits and for postponed items; else the drain ends
    there and they stay.
    """

    batch_items: int = BATCH_ITEMS
    batch_bytes: int = BATCH_BYTES
    lease_s: float = 120.0
    rate: float | None = None
    patient: bool = False
    items: RetryPolicy = field(default_factory=RetryPolicy)
    outages: RetryPolicy = field(default_factory=RetryPolicy)
    mending: RetryPolicy = field(default_factory=lambda: RetryPolicy(base_s=60.0, ceiling_s=600.0))


@dataclass(slots=True)
class Drained:
    """What a drain did. `stopped_by` is the last failure that was not an item's own."""

    delivered: int = 0
    retried: int = 0
    buried: int = 0
    deliveries: int = 0
    stopped_by: DeliveryError | None = None

    def and_then(self, later: Drained) -> Drained:
        """Both together; the later one says what stopped it."""
        return Drained(
            self.delivered + later.delivered,
            self.retried + later.retried,
            self.buried + later.buried,
            self.deliveries + later.deliveries,
            later.stopped_by,
        )


class Drain:
    """One target's drain; keeps in mind which batch size was too big.

    Args:
        queue: where the items wait.
        target: whose items.
        deliver: the port to the target.
        pace: how fast and how patient.
        jitter: numbers from 0 to 1, which scale each delay, so that many agents do not come back at once.
        stop: asked between batches and while waiting.
    """

    def __init__(
        self,
        queue: Outbox,
        target: str,
        deliver: Deliver,
        pace: Pace,
        jitter: Callable[[], float],
        stop: Callable[[], bool] = signals.stop_requested,
    ) -> None:
        self.queue, self.target, self.deliver = queue, target, deliver
        self.pace, self.jitter, self.stop = pace, jitter, stop
        self.clock = queue.clock
        self.fits = self._fitted = pace.batch_items
        self.done = Drained()
        self._began = self._leased = self.clock.monotonic()
        self._suspect: tuple[Item, Refusal] | None = None
        self._took = False

    def run(self) -> Drained:
        """Drain until nothing is ready (and, if patient, nothing waits), or until stopped."""
        self._took = False
        try:
            while not self.stop():
                if not (self._batch() or self._nobody_told() or self._wait()):
                    break
        finally:
            self._acquit()
        self.queue.ballast.load()
        self._note_speed()
        return self.done

    def again(self) -> Drained:
        """Drain once more, counted anew, with the batch size that was learnt."""
        self.done = Drained()
        self._began = self.clock.monotonic()
        return self.run()

    def _note_speed(self) -> None:
        """For the estimate that `recon queue status` gives."""
        took_s = self.clock.monotonic() - self._began
        if self.done.delivered and took_s > 0:
            self.queue.note_speed(self.target, self.done.delivered / took_s)

    def _batch(self) -> bool:
        """One leased batch; whether there was one."""
        leased = self.queue.lease(
            self.target, lease_s=self.pace.lease_s, limit=self.fits, size_bytes=self.pace.batch_bytes
        )
        self._leased = self.clock.monotonic()
        self._fitted = self.fits
        open_items = {item.id: item for item in leased}
        try:
            # Who failed before goes alone: he would make the others' batch fail again.
            failed = [item for item in leased if item.failures]
            for part in ([item for item in leased if not item.failures], *([one] for one in failed)):
                if not self._part(part, open_items):
                    break
        finally:
            if open_items:
                self.queue.release(list(open_items.values()))
        return bool(leased)

    def _part(self, part: Sequence[Item], open_items: dict[int, Item]) -> bool:
        """Deliver one part and settle each piece of news at once; False ends the batch."""
        for news in isolate(part, self.deliver):
            with signals.postponed():
                slow = self._settle(news)
            for item in [*news.delivered, *(one for one, _why in news.poison)]:
                del open_items[item.id]
            if slow:
                self._leave_alone(slow)
                return False
            if news.error:
                self._acquit()
                self._trip(news.error, news.left or part)
                return False
            self._keep_rate()
            if self.stop():
                return False
            self._renew(open_items)
        return True

    def _renew(self, open_items: dict[int, Item]) -> None:
        """Isolation may take long; whoever else looks meanwhile is not to take the same items."""
        now = self.clock.monotonic()
        if open_items and now - self._leased > self.pace.lease_s / 3:
            self.queue.renew(list(open_items.values()), lease_s=self.pace.lease_s)
            self._leased = now

    def _settle(self, news: Split) -> list[tuple[Item, Refusal]]:
        """Book the news; which items ran out of time alone one after the other, where that says: it is the target."""
        self.done.deliveries += news.deliveries
        if news.fits:
            self.fits = max(1, min(self.fits, news.fits))
        judged = [*news.delivered, *(item for item, refusal in news.poison if refusal.code != TOO_SLOW)]
        if judged:
            self._answered(judged[0])
        if news.delivered:
            self.done.delivered += self.queue.ack(news.delivered)
            self._convict()
        if any(refusal.failure is Failure.TOO_BIG for _item, refusal in news.poison):
            self.fits = self._fitted  # it was this item, and not how many there were
        busy: list[tuple[Item, Refusal]] = []
        for item, refusal in news.poison:
            if refusal.code == TOO_SLOW and not self._took:
                busy += [self._suspect, (item, refusal)] if self._suspect else []
                self._suspect = None if busy else (item, refusal)
            else:
                self._took = self._took and refusal.code != TOO_SLOW
                self._poison(item, refusal.failure, refusal.detail)
        return busy

    def _convict(self) -> None:
        """The target takes others: who ran out of time alone just before has itself to blame."""
        self._took, suspect, self._suspect = self._suspect is None, self._suspect, None
        if suspect is not None:
            self._poison(suspect[0], suspect[1].failure, suspect[1].detail)

    def _acquit(self) -> None:
        """Nobody can tell any more whether it was the item: it is given back untried."""
        suspect, self._suspect = self._suspect, None
        if suspect is not None:
            self.queue.release([suspect[0]])

    def _nobody_told(self) -> bool:
        """Whether one ran out of time alone, and there is nothing else to try: then the target is left alone."""
        suspect, self._suspect = self._suspect, None
        if suspect is not None:
            self._leave_alone([suspect])
        return suspect is not None

    def _leave_alone(self, slow: Sequence[tuple[Item, Refusal]]) -> None:
        """These ran out of time, each alone, and the target has taken nothing else: it is busy, for all we know.

        None has spent an attempt. They are put off, so that the next to be tried is another: that one will tell.
        """
        delay_s = self._trip(DeliveryError(Failure.TRANSIENT, slow[-1][1].detail, code=TOO_SLOW), [slow[-1][0]])
        for item, _refusal in slow:
            self.queue.postpone(item, delay_s=2 * delay_s)

    def _answered(self, item: Item) -> None:
        if self.queue.circuits(self.target):
            self.queue.close_circuit(self.target, item.letter.table)

    def _poison(self, item: Item, failure: Failure, detail: str) -> None:
        failures = item.failures + 1
        if failures > self.pace.items.retries:
            self.queue.bury(item, failure.value, detail)
            self.done.buried += 1
        else:
            delay_s = self.pace.items.delay_s(failures, jitter=self.jitter())
            self.queue.retry(item, detail, delay_s=delay_s)
            self.done.retried += 1

    def _trip(self, error: DeliveryError, left: Sequence[Item]) -> float:
        """Leave the target alone, or the table where that is what changed, for how long; no item has spent anything."""
        table = left[0].letter.table if error.failure is Failure.DRIFT else ""
        before = next((one.failures for one in self.queue.circuits(self.target) if one.table == table), 0)
        policy = self.pace.mending if error.failure in (Failure.AUTH, Failure.DRIFT) else self.pace.outages
        delay_s = max(policy.delay_s(before + 1, jitter=self.jitter()), error.retry_after_s or 0.0)
        self.queue.trip(self.target, table, error.failure, error.detail, delay_s=delay_s)
        self.done.stopped_by = error
        return delay_s

    def _wait(self) -> bool:
        """Until something may be ready; False when there is nothing to wait for, or no patience."""
        if not self.pace.patient or not self.queue.has_waiting(self.target):
            return False
        until = self._next()
        while (left_s := until - self.clock.monotonic()) > 0 and not self.stop():
            self.clock.sleep(min(left_s, _NAP_S))
        return True

    def _next(self) -> float:
        now = self.clock.monotonic()
        moments = [*(one.until for one in self.queue.circuits(self.target)), self.queue.next_due(self.target)]
        return min((at for at in moments if at is not None and at > now), default=now + _NAP_S)

    def _keep_rate(self) -> None:
        if self.pace.rate:
            until = self._began + self.done.delivered / self.pace.rate
            while (left_s := until - self.clock.monotonic()) > 0 and not self.stop():
                self.clock.sleep(min(left_s, _NAP_S))
