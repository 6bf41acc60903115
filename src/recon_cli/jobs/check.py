"""check: do files and records agree? Writes nothing but its own history."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.entry import Entry
from recon_cli.core.errors import ExitCode, GuardError, ReconError, UnreachableError
from recon_cli.core.report import Problem, Report, Table
from recon_cli.files.base import FileStore
from recon_cli.files.state import ScanState
from recon_cli.jobs import marks
from recon_cli.jobs.history import Count, History
from recon_cli.jobs.scan import ScanRequest, fill, incomplete
from recon_cli.ops.clock import Clock
from recon_cli.stores.base import RecordStore
from recon_cli.systems.base import Item, System


class Drift(StrEnum):
    """How an item and its row can disagree."""

    ORPHAN = "orphan"
    """Files without a row."""
    MISSING = "missing"
    """A row without its folder, or pointing at a file that is not there or cannot be read."""
    CHANGED = "changed"
    """A file that is not what it was when it was accepted."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement: which row, which path, and why."""

    drift: Drift
    key: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """How to check. `max_drop` is the share (0..1) by which counts may fall since the last check; None for no alarm.

    `hashes` reads every file whole; `accept` takes the files and counts of today for what they should be; `remember`
    False leaves the history as it is. `ends` names files and records in the summary, where they have names.
    """

    scan: ScanRequest = field(default_factory=ScanRequest)
    hashes: bool = False
    max_drop: float | None = None
    accept: bool = False
    remember: bool = True
    ends: tuple[str, str] = ("", "")


@dataclass(slots=True)
class _Rows:
    """The main table as far as check needs it: row key → paths it points at, and which keys carry a missing mark."""

    paths: dict[str, tuple[str, ...]]
    marked: frozenset[str]


def check(
    system: System,
    files: FileStore,
    store: RecordStore,
    state: ScanState,
    history: History,
    request: CheckRequest,
    clock: Clock,
) -> Report:
    """Compare the files with the records, both ways.

    Raises:
        GuardError: the store lists nothing although there are rows: it is offline, and nothing can be said.
    """
    began = clock.monotonic()
    fill(files, state, request.scan)
    rows = _rows(system, store, state)
    items = tuple(system.items(state))
    unproven = incomplete(state)
    _refuse_empty(items, rows, history)
    found = [*_orphans(items, rows), *_missing(items, rows, complete=not unproven)]
    found += _changed(files, items, history, request)
    at = clock.now().isoformat(timespec="milliseconds")
    count = _count(at, items, rows, found, len(unproven))
    alarm = "" if request.accept else _alarm(history.reference(), count, request.max_drop)
    if request.remember:
        history.add(replace(count, alarm=1 if alarm else 0))
    ends = (request.ends[0] or files.url, request.ends[1] or store.url)
    return _report(files.url, store.url, ends, count, found, unproven, alarm, clock.monotonic() - began)


def _rows(system: System, store: RecordStore, state: ScanState) -> _Rows:
    shape = system.shape_for(store.columns())
    if shape is None:
        return _Rows({}, frozenset())
    main = system.schemas(shape)[0]
    paths = {marks.row_key(main.key_of(row)): system.paths(row, state) for row in store.read(main.table)}
    return _Rows(paths, frozenset(marks.marked(store.read(marks.MARKS.table), main.table)))


def _refuse_empty(items: tuple[Item, ...], rows: _Rows, history: History) -> None:
    last = history.reference()
    expected = max(len(rows.paths) - len(rows.marked), last.items if last else 0)
    if not items and expected > 0:
        raise GuardError(
            "the store looks offline, nothing can be compared",
            cause=f"it lists no item, {words.count(expected, 'item was', 'items were')} expected",
            hint="see what `recon scan` lists; check the path in the URL",
        )


def _orphans(items: tuple[Item, ...], rows: _Rows) -> Iterator[Difference]:
    for item in items:
        key = marks.row_key(item.key)
        if key not in rows.paths:
            yield Difference(Drift.ORPHAN, key, item.folder, "no row")


def _missing(items: tuple[Item, ...], rows: _Rows, *, complete: bool) -> Iterator[Difference]:
    """Rows without files; not claimed of anything that was not listed completely."""
    there = {marks.row_key(item.key): item for item in items}
    for key, paths in rows.paths.items():
        item = there.get(key)
        if item is None:
            if complete and key not in rows.marked:
                yield Difference(Drift.MISSING, key, "", "no folder")
        elif item.complete:
            names = {entry.path for entry in item.files}
            yield from (Difference(Drift.MISSING, key, path, "no such file") for path in paths if path not in names)


def _changed(files: FileStore, items: tuple[Item, ...], history: History, request: CheckRequest) -> list[Difference]:
    found: list[Difference] = []
    seen: list[tuple[Entry, str | None]] = []
    for item in items:
        for entry in item.files:
            sha256, unreadable = _hashed(files, entry) if request.hashes else (None, "")
            reason = "" if request.accept or unreadable else _difference(history, entry, sha256)
            if unreadable or reason:
                drift = Drift.MISSING if unreadable else Drift.CHANGED
                found.append(Difference(drift, marks.row_key(item.key), entry.path, unreadable or reason))
            else:
                seen.append((entry, sha256))
        request.scan.options.progress.update(len(seen), note=item.folder)
    if request.remember:
        history.accept(seen)
    return found


def _hashed(files: FileStore, entry: Entry) -> tuple[str | None, str]:
    """The file's SHA-256, or why this one file cannot be read; a store that is gone altogether is an error."""
    try:
        return _sha256(files, entry), ""
    except UnreachableError:
        raise
    except ReconError as exc:
        return None, f"cannot be read: {exc.message}"


def _sha256(files: FileStore, entry: Entry) -> str:
    whole = hashlib.sha256()
    for chunk in files.read(entry.ref):
        whole.update(chunk)
    return whole.hexdigest()


def _difference(history: History, entry: Entry, sha256: str | None) -> str:
    old = history.accepted(entry.path)
    if old is None:
        return ""
    if None not in (old.size_bytes, entry.size_bytes) and old.size_bytes != entry.size_bytes:
        return f"size {old.size_bytes} → {entry.size_bytes} bytes"
    if sha256 and old.sha256 and old.sha256 != sha256:
        return f"sha256 {old.sha256[:12]} → {sha256[:12]}"
    return ""


def _count(at: str, items: tuple[Item, ...], rows: _Rows, found: list[Difference], unproven: int) -> Count:
    by_kind = {kind: sum(1 for one in found if one.drift is kind) for kind in Drift}
    return Count(
        at,
        len(items),
        len(rows.paths),
        by_kind[Drift.ORPHAN],
        by_kind[Drift.MISSING],
        by_kind[Drift.CHANGED],
        len(rows.marked),
        unproven,
    )


def _alarm(last: Count | None, now: Count, max_drop: float | None) -> str:
    """What fell too far since the last check, or the empty string."""
    if last is None or max_drop is None:
        return ""
    pairs = (("items", last.items, now.items), ("rows", last.rows, now.rows))
    fallen = [f"{name} {was} → {is_now}" for name, was, is_now in pairs if is_now < was * (1 - max_drop)]
    return f"{', '.join(fallen)} since {last.at}" if fallen else ""


def _report(
    source: str,
    target: str,
    ends: tuple[str, str],
    count: Count,
    found: list[Difference],
    unproven: tuple[Problem, ...],
    alarm: str,
    took_s: float,
) -> Report:
    drift = count.orphans + count.missing + count.changed
    summary = f"{_agreement(count, drift)} ({ends[0]} ↔ {ends[1]}) in {words.seconds(took_s)}"
    alarms = (Problem("counts", "dropped too far", alarm),) if alarm else ()
    rows: list[tuple[Json, ...]] = [(one.drift.value, one.key, one.path, one.reason) for one in found]
    body: dict[str, Json] = {
        "source": source,
        "target": target,
        "items": count.items,
        "rows": count.rows,
        "orphans": count.orphans,
        "missing": count.missing,
        "changed": count.changed,
        "marked_missing": count.marked,
        "complete": not unproven,
        "alarm": alarm or None,
        "differences": [dict(zip(_COLUMNS, row, strict=True)) for row in rows],
    }
    hints = ("`recon check … --repair` plans the rows",) if count.orphans else ()
    table, exit_code = Table(_COLUMNS, rows), _verdict(drift, alarm, unproven)
    return Report("recon.check/1", summary, body, (table,), (*alarms, *unproven), exit_code, hints=hints)


_COLUMNS = ("drift", "key", "path", "reason")


def _agreement(count: Count, drift: int) -> str:
    """`2 differences: 50 items, 48 rows, 1 marked missing`."""
    verdict = words.count(drift, "difference") if drift else "agree"
    marked = f", {count.marked} marked missing" if count.marked else ""
    return f"{verdict}: {words.count(count.items, 'item')}, {words.count(count.rows, 'row')}{marked}"


def _verdict(drift: int, alarm: str, unproven: tuple[Problem, ...]) -> ExitCode:
    if alarm:
        return ExitCode.GUARD
    if drift:
        return ExitCode.DRIFT
    return ExitCode.PARTIAL if unproven else ExitCode.DONE


_BAR = 24


def drawn(history: History) -> Report:
    """The counts of the last checks, drawn as bars."""
    counts = history.latest()
    top = max((max(one.items, one.rows) for one in counts), default=0) or 1
    columns = ("at", "items", "rows", "orphans", "missing", "changed", "alarm", "items drawn")
    rows = [
        (*(getattr(one, name) for name in columns[:-2]), "!" if one.alarm else "", _bar(one.items, top))
        for one in counts
    ]
    body: dict[str, Json] = {"checks": [{name: getattr(one, name) for name in Count.__slots__} for one in counts]}
    return Report("recon.check-history/1", words.count(len(counts), "check"), body, (Table(columns, rows),))


def _bar(number: int, top: int) -> str:
    return "█" * max(1 if number else 0, round(number / top * _BAR))
