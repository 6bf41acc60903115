"""queue: what an operator does with the outbox, each as a Report."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError, ExitCode, NotFoundError, UsageError
from recon_cli.core.report import Problem, Report, Table
from recon_cli.ops import atomic, metrics
from recon_cli.ops.clock import Clock
from recon_cli.outbox import adopt as older
from recon_cli.outbox import moves, rows, verify
from recon_cli.outbox.item import DeadLetter, Item, Placed
from recon_cli.outbox.opening import look
from recon_cli.outbox.queue import BATCH_ITEMS, Outbox
from recon_cli.outbox.status import Status, dead_letters, everything, oldest
from recon_cli.outbox.status import status as counted

_SHOWN_CHARS = 60


def require(path: Path) -> None:
    """Refuse to look into a queue that is not there.

    Raises:
        NotFoundError: it is not.
    """
    if not path.exists():
        hint = "it begins with the first `recon queue import` or `adopt`; `[queue] path` names another"
        raise NotFoundError(f"no queue at {path}", hint=hint)


def status(path: Path, clock: Clock, textfile: Path | None = None) -> Report:
    """How much waits, since when, and what is wrong; leaves gauges for Prometheus where asked."""
    require(path)
    with look(path) as db:
        found = counted(db, path, clock.monotonic())
    age_s = None if found.oldest_at is None else max(0.0, clock.now().timestamp() - found.oldest_at)
    if textfile:
        metrics.update(textfile, gauges(found, age_s, str(path)))
    body = _body(path, found, age_s)
    shown = [(name, _cell(value)) for name, value in body.items() if name not in {"circuits", "waiting_by_table"}]
    shown += [(f"paused: {one.target} {one.table}".rstrip(), f"{one.failure}: {one.detail}") for one in found.circuits]
    lost = tuple([Problem(str(path), "losses", "`recon queue verify` names them")] if found.losses else ())
    return Report("recon.queue/1", _told(found, age_s), body, (Table(("what", "how much"), shown),), lost)


def numbers(path: Path, clock: Clock) -> list[metrics.Gauge]:
    """The same for Prometheus. Raises as `status`."""
    require(path)
    with look(path) as db:
        found = counted(db, path, clock.monotonic())
    age_s = None if found.oldest_at is None else max(0.0, clock.now().timestamp() - found.oldest_at)
    return list(gauges(found, age_s, path.name))


def _body(path: Path, found: Status, age_s: float | None) -> dict[str, Json]:
    return {
        "path": str(path),
        "depth": found.accounts["waiting"],
        "oldest_age_s": None if age_s is None else round(age_s, 3),
        "in_flight": found.in_flight,
        "spilled": found.accounts["spilled"],
        "dead": found.accounts["dead"],
        "put": found.accounts["put"],
        "acked": found.accounts["acked"],
        "dropped": found.accounts["dropped"],
        "lost": found.accounts["lost"],
        "by_failures": {str(failures): items for failures, items in found.failures.items()},
        "dead_by_reason": dict(found.dead),
        "waiting_by_table": [{"target": a, "table": b, "items": n} for (a, b), n in found.by_lane.items()],
        "circuits": [
            {"target": one.target, "table": one.table, "failure": one.failure.value, "detail": one.detail}
            for one in found.circuits
        ],
        "size_bytes": found.size_bytes,
        "spilled_bytes": found.spilled_bytes,
        "estimated_s": None if found.estimated_s is None else round(found.estimated_s, 1),
    }


def _told(found: Status, age_s: float | None) -> str:
    parts = [f"{words.count(found.accounts['waiting'], 'item')} waiting"]
    parts += [f"{found.accounts['spilled']} spilled"] if found.accounts["spilled"] else []
    parts += [words.count(found.accounts["dead"], "dead letter")]
    parts += [f"the oldest is {words.seconds(age_s)} old"] if age_s is not None else []
    return ", ".join(parts)


def _cell(value: Json) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {number}" for name, number in value.items())
    return "" if value is None else str(value)


def gauges(found: Status, age_s: float | None, path: str) -> Iterator[metrics.Gauge]:
    """The numbers for Prometheus."""
    where = {"queue": path}
    helped = "Items of the outbox, by where they are."
    for account, items in found.accounts.items():
        yield metrics.Gauge("recon_queue_items", items, {**where, "account": account}, helped)
    yield metrics.Gauge("recon_queue_in_flight", found.in_flight, where, "Items leased right now.")
    yield metrics.Gauge("recon_queue_oldest_age_seconds", age_s or 0.0, where, "Age of the oldest item, 0 if none.")
    yield metrics.Gauge("recon_queue_bytes", found.size_bytes + found.spilled_bytes, where, "Size on disk.")
    yield metrics.Gauge("recon_queue_circuits_open", len(found.circuits), where, "Targets and tables left alone.")


def peek(path: Path, clock: Clock, limit: int) -> Report:
    """The oldest items, without leasing them."""
    require(path)
    now, steady = clock.now().timestamp(), clock.monotonic()
    with look(path) as db:
        found = [
            {**_head(item, now), "leased_by": owner if until > steady else ""}
            for item, owner, until in oldest(db, limit)
        ]
    columns = ("id", "target", "table", "key", "age_s", "size_bytes", "failures", "leased_by", "detail")
    table = Table(columns, [[one[name] for name in columns] for one in found])
    return Report("recon.queue-peek/1", words.count(len(found), "item"), {"items": list(found)}, (table,))


def _head(item: Item, now: float) -> dict[str, Json]:
    one = item.letter
    return {
        "id": item.id,
        "target": one.target,
        "table": one.table,
        "key": one.key,
        "age_s": round(max(0.0, now - item.put_at), 1),
        "size_bytes": len(one.payload),
        "failures": item.failures,
        "detail": item.detail,
        "meta": dict(one.meta),
    }


def dead_list(path: Path, reason: str | None) -> Report:
    """All dead letters, without their contents."""
    require(path)
    with look(path) as db:
        found = [
            {**_head(one.item, one.buried_at), "reason": one.reason, "detail": one.detail, "buried_at": _iso(one)}
            for one in dead_letters(db, reason)
        ]
    columns = ("id", "table", "key", "reason", "failures", "buried_at", "detail")
    table = Table(columns, [[one[name] for name in columns] for one in found])
    hints = ("`recon queue dead show ID` shows one whole, `dead requeue ID` tries it again",) if found else ()
    summary = words.count(len(found), "dead letter")
    return Report("recon.queue-dead/1", summary, {"dead": list(found)}, (table,), hints=hints)


def _iso(one: DeadLetter) -> str:
    return datetime.fromtimestamp(one.buried_at, UTC).isoformat(timespec="seconds")


def dead_show(path: Path, number: int) -> Report:
    """One dead letter, whole."""
    require(path)
    with look(path) as db:
        found = next((one for one in dead_letters(db) if one.item.id == number), None)
    if found is None:
        raise NotFoundError(f"no dead letter {number}", hint="`recon queue dead list` lists them")
    body: dict[str, Json] = rows.to_document(found)
    table = Table(("field", "value"), [(name, _cell(value)) for name, value in body.items()])
    return Report("recon.queue-dead-letter/1", f"dead letter {number}: {found.reason}", body, (table,))


def chosen(path: Path, ids: Sequence[int], reason: str | None, *, every: bool) -> list[int]:
    """The numbers of the dead letters that were asked for.

    Raises:
        UsageError: nothing was asked for.
        NotFoundError: a number is no dead letter.
    """
    require(path)
    if not ids and not every and reason is None:
        hint = "give numbers, `--reason` or `--all`"
        raise UsageError("no dead letter is named", hint=hint)
    with look(path) as db:
        there = [one.item.id for one in dead_letters(db, reason)]
    missing = sorted(set(ids) - set(there))
    if missing:
        raise NotFoundError(f"no dead letter {missing[0]}", hint="`recon queue dead list` lists them")
    return list(ids) or there


def requeue(queue: Outbox, ids: Sequence[int]) -> Report:
    """Let dead letters wait again, with all attempts before them."""
    done = queue.change(lambda db: moves.requeue(db, ids))
    return Report("recon.queue-requeue/1", f"{words.count(done, 'dead letter')} wait again", {"requeued": done})


def drop(queue: Outbox, ids: Sequence[int]) -> Report:
    """Throw dead letters away; the ledger remembers how many."""
    done = queue.change(lambda db: moves.drop(db, ids))
    return Report("recon.queue-drop/1", f"{words.count(done, 'dead letter')} dropped", {"dropped": done})


def would(what: str, ids: Sequence[int]) -> Report:
    """What `--dry-run` says."""
    summary = f"{words.count(len(ids), 'dead letter')} would be {what}; nothing was changed"
    return Report(f"recon.queue-{what}/1", summary, {"ids": list(ids)})


def export(path: Path, to: Path, *, dead_only: bool, reason: str | None = None) -> Report:
    """Everything that waits, is spilled or dead (or the dead letters alone) as JSON lines, exact."""
    require(path)
    written: Counter[str] = Counter()

    def lines(db: sqlite3.Connection) -> Iterator[bytes]:
        found: Iterable[Item | DeadLetter] = dead_letters(db, reason) if dead_only else everything(db, path)
        for one in found:
            written["dead" if isinstance(one, DeadLetter) else "waiting"] += 1
            yield rows.to_line(one)

    with look(path) as db:
        booked = counted(db, path, 0.0).accounts
        size_bytes = atomic.write_file(to, lines(db), mode=0o600)
    total = sum(written.values())
    short = 0 if dead_only else booked["waiting"] + booked["spilled"] + booked["dead"] - total
    problems = (
        (Problem(str(path), "incomplete", f"{short} spilled items moved meanwhile; export again"),) if short else ()
    )
    body: dict[str, Json] = {"to": str(to), "items": total, **written, "size_bytes": size_bytes}
    code = ExitCode.PARTIAL if short else ExitCode.DONE
    summary = f"{words.count(total, 'item')} exported to {to} ({words.size(size_bytes)})"
    return Report("recon.queue-export/1", summary, body, problems=problems, exit_code=code)


def import_lines(queue: Outbox, source: Path) -> Report:
    """Take an export in: items wait, dead letters are dead letters; what is known already stays as it is.

    Raises:
        NotFoundError: there is no such file.
    """
    if not source.is_file():
        raise NotFoundError(f"no file {source}", hint="name a file of `recon queue export`")
    placed: Counter[str] = Counter()
    problems: list[Problem] = []
    with source.open("rb") as file:
        found = _read(file, source, problems)
        while batch := list(islice(found, BATCH_ITEMS)):
            placed += _take_in(queue, batch)
    return _taken_in("recon.queue-import/1", f"from {source}", placed, tuple(problems))


def _read(lines: Iterable[bytes], source: Path, problems: list[Problem]) -> Iterator[Item | DeadLetter]:
    for number, line in enumerate(lines, 1):
        try:
            yield rows.from_line(line)
        except DataError as exc:
            problems.append(Problem(f"{source}:{number}", exc.message, exc.cause or ""))


def _take_in(queue: Outbox, batch: Sequence[Item | DeadLetter]) -> Counter[str]:
    dead = [one for one in batch if isinstance(one, DeadLetter)]
    placed = Counter(place.value for place in queue.put([one.letter for one in batch if isinstance(one, Item)]))
    if dead:
        answers = queue.change(lambda db: moves.add_dead(db, dead))
        placed += Counter(f"dead {place.value}" for place in answers)
    return placed


def _taken_in(schema: str, where: str, placed: Counter[str], problems: tuple[Problem, ...] = ()) -> Report:
    new, new_dead = placed[Placed.NEW.value], placed[f"dead {Placed.NEW.value}"]
    known = sum(placed.values()) - new - new_dead
    summary = f"{words.count(new, 'item')} and {words.count(new_dead, 'dead letter')} taken in {where}; {known} known"
    body: dict[str, Json] = {"new": new, "new_dead": new_dead, "known": known}
    code = ExitCode.PARTIAL if problems else ExitCode.DONE
    return Report(schema, summary, body, problems=problems, exit_code=code)


def adopt(
    queue: Outbox, source: Path, target: str, table: str, meta: Mapping[str, str] = MappingProxyType({})
) -> Report:
    """Take over an older service's queue; its file is not changed. `meta` goes along with every item."""
    placed: Counter[str] = Counter()
    with older.opened(source) as db:
        placed += Counter(place.value for place in queue.put_all(older.waiting(db, source, target, table, meta)))
        given = older.dead(db, source, target, table, queue.clock.now(), meta)
        while batch := list(islice(given, BATCH_ITEMS)):
            answers = queue.change(lambda own, batch=batch: moves.add_dead(own, batch))  # type: ignore[misc]  # bound now
            placed += Counter(f"dead {place.value}" for place in answers)
    return _taken_in("recon.queue-adopt/1", f"from {source}", placed)


def check(path: Path) -> Report:
    """Integrity and accounting: every item that was put is acknowledged, waiting, spilled, dead, dropped, or named."""
    require(path)
    with look(path) as db:
        found = verify.verify(db, path)
    problems = [Problem(item, "wrong", why) for item, why in found.wrong]
    problems += [Problem(item, "lost", why) for item, why in found.losses]
    code = ExitCode.DATA if found.wrong else ExitCode.PARTIAL if found.losses else ExitCode.DONE
    accounts = {account.value: one.items for account, one in found.accounts.items()}
    body: dict[str, Json] = {"path": str(path), "right": found.right, "accounts": accounts}
    parts = ", ".join(f"{items} {name}" for name, items in accounts.items() if items or name == "put")
    summary = f"the queue is {'sound' if found.right else 'NOT sound'}: {parts}"
    table = Table(("account", "items"), list(accounts.items()))
    return Report("recon.queue-verify/1", summary, body, (table,), tuple(problems), code)


def accept_losses(queue: Outbox) -> None:
    """Take the losses named so far as known; the ledger keeps their number."""
    queue.change(lambda db: db.execute("DELETE FROM losses"))
