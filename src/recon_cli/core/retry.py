"""Retry policy: when to try again, decided with data. The caller waits; nothing here reads a clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential delay with full jitter and a ceiling.

    `retries` is how often a failed attempt is repeated: with 5, the sixth failure is the last
    (the old sync service gave up after four when five were configured).
    """

    retries: int = 5
    base_s: float = 1.0
    factor: float = 2.0
    ceiling_s: float = 60.0

    def delay_s(self, failures: int, *, jitter: float = 1.0) -> float:
        """Seconds to wait after the `failures`-th failure (1-based); `jitter` in 0..1 scales it."""
        exponent = min(failures - 1, 64)
        return min(self.ceiling_s, self.base_s * self.factor**exponent) * jitter

    def next(
        self, failures: int, now: datetime, *, jitter: float = 1.0, retry_after_s: float | None = None
    ) -> datetime | None:
        """When to try again after `failures` failures, or None when they are used up.

        A server's `Retry-After` is a floor: asking sooner would only be refused again.
        """
        if failures > self.retries:
            return None
        return now + timedelta(seconds=max(self.delay_s(failures, jitter=jitter), retry_after_s or 0.0))
