"""Isolation: which items of a batch are the poison, in O(k log n) deliveries. Decides; delivers through a port."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from recon_cli.core.delivery import DeliveryError, Failure, Refusal
from recon_cli.outbox.item import Item

Deliver: TypeAlias = Callable[[Sequence[Item]], "Sequence[Refusal | None] | None"]
"""Deliver a batch of one table, all or nothing, or raise a DeliveryError.

None means that every item is in the target now; else one answer for each item, None for those that are. Items may have
been delivered before (an acknowledgement was lost, a process died): a target takes them by identity, so that twice is
once. Any other exception is a fault of the adapter and goes through.
"""

_ALONE = frozenset({Failure.POISON, Failure.TOO_BIG})
"""What is the item's own fault once it stands alone; for a batch it means: try smaller ones."""


@dataclass(slots=True)
class Split:
    """What became of a batch: delivered, poison with the refusal, and what was not judged because of `error`."""

    delivered: list[Item] = field(default_factory=list)
    poison: list[tuple[Item, Refusal]] = field(default_factory=list)
    left: list[Item] = field(default_factory=list)
    error: DeliveryError | None = None
    deliveries: int = 0
    fits: int | None = None
    """The largest size still tried after something was too big."""


def isolate(batch: Sequence[Item], deliver: Deliver) -> Iterator[Split]:
    """Deliver a batch, in halves where it is refused; after each delivery the news since the last one.

    So that what was delivered can be acknowledged at once, and not only when the last poison is found.
    """
    parts: list[Sequence[Item]] = [batch] if batch else []
    while parts:
        part = parts.pop()
        news = _try(part, deliver)
        if news.error and news.error.failure in _ALONE:
            middle = len(part) // 2
            parts += [part[middle:], part[:middle]]
            yield Split(deliveries=1, fits=middle if news.error.failure is Failure.TOO_BIG else None)
            continue
        if news.error:
            news.left += [item for rest in reversed(parts) for item in rest]
            parts = []
        yield news


def _try(part: Sequence[Item], deliver: Deliver) -> Split:
    try:
        answers = deliver(part)
    except DeliveryError as exc:
        if exc.failure in _ALONE and len(part) == 1:
            return Split(poison=[(part[0], Refusal(exc.failure, exc.detail, exc.code))], deliveries=1)
        return Split(left=list(part), error=exc, deliveries=1)
    return _judged(part, answers if answers is not None else [None] * len(part))


def _judged(part: Sequence[Item], answers: Sequence[Refusal | None]) -> Split:
    """Answers item by item: refusals that are not the item's own fault leave it waiting."""
    news = Split(deliveries=1)
    for item, refusal in zip(part, answers, strict=True):
        if refusal is None:
            news.delivered.append(item)
        elif refusal.failure in _ALONE:
            news.poison.append((item, refusal))
        else:
            news.left.append(item)
            news.error = DeliveryError(refusal.failure, refusal.detail)
    return news
