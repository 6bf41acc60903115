"""verify: are the files in the target? Every file is read and hashed, every row asked for; nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from recon_cli.core import words
from recon_cli.core.canonical import Json, Value
from recon_cli.core.errors import DataError, ExitCode, ReconError
from recon_cli.core.landing import Landing, Parcel, Shape, combined
from recon_cli.core.ports import Progress
from recon_cli.core.record import Record
from recon_cli.core.report import Problem, Report
from recon_cli.core.schema import ColumnType
from recon_cli.files.watched import look as looks
from recon_cli.files.watched.look import Look, Moved
from recon_cli.jobs.sync.ends import feed_of
from recon_cli.jobs.sync.intake import MAIN, registry_bytes
from recon_cli.jobs.sync.route import Route
from recon_cli.stores.sink.base import Cells, Sink
from recon_cli.systems import feed as feeds
from recon_cli.systems.feed import Feed, Spot, Unfit

_COMPARED = frozenset({ColumnType.TEXT, ColumnType.INTEGER})
_SHOWN = 50


@dataclass(slots=True)
class Expected:
    """A row that has to be there: what it says, and the path of a file that holds its document."""

    parcel: Parcel
    path: str


@dataclass(slots=True)
class Source:
    """What the files say. `wanted` is by table and key."""

    files: int = 0
    unfit: int = 0
    changing: int = 0
    wanted: dict[str, dict[str, Expected]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class Compared:
    """One table against its files."""

    table: str
    expected: int
    found: int = 0
    older: int = 0
    others: int = 0
    different: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    sums: dict[str, list[int]] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Whether every file has its row."""
        return not self.missing and not self.different


def verify(route: Route, sink: Sink, progress: Progress, *, content: bool = False) -> Report:
    """Compare. Rows whose file is not there any more are counted, and no fault.

    Args:
        route: which files, which target.
        sink: the target, open.
        progress: told how many files were read.
        content: compare the documents in the target with the files, too.

    Raises:
        UnreachableError: the source is offline, or the target does not answer.
    """
    feed = feed_of(route)
    shapes = {shape.table: shape for shape in feed.shapes(sink.catalog())}
    source = read_source(route, feed, shapes, progress)
    done = [
        _compared(route, sink, shapes.get(landing.table), landing, source, content=content)
        for landing in feed.landings()
    ]
    return _report(route, source, done)


def read_source(route: Route, feed: Feed, shapes: Mapping[str, Shape], progress: Progress) -> Source:
    """Every file, read and parsed as `sync` does it."""
    found = Source()
    sources = feed.sources(registry_bytes(route, feed), looks.names_in(route.root))
    found.problems += sources.problems
    done: set[str] = set()
    for folder in sources.folders:
        for one in looks.walk(route.root, folder, found.problems.append):
            owner = sources.owner(one.path) if feed.wants(one.path) else None
            if owner is None or one.path in done:
                continue
            done.add(one.path)
            found.files += 1
            progress.update(found.files, note=one.path)
            _take(found, feed, shapes, Spot(owner, feed.spelled(one.path)), _read(route, one, found))
    return found


def _read(route: Route, one: Look, found: Source) -> tuple[Look, bytes] | None:
    try:
        return one, looks.read(route.root, one, route.limit_bytes)
    except Moved:
        found.changing += 1
    except ReconError as exc:
        found.problems.append(Problem(one.path, exc.message, exc.cause or ""))
    return None


def _take(found: Source, feed: Feed, shapes: Mapping[str, Shape], spot: Spot, read: tuple[Look, bytes] | None) -> None:
    if read is None:
        return
    look, raw = read
    meta = {feeds.SYSTEM: feed.name, MAIN: feed.table, feeds.SOURCE: spot.source, feeds.PATH: spot.path}
    parcels = feed.parcels(feed.table, raw, meta)
    if isinstance(parcels, Unfit):
        found.unfit += 1
        return
    for parcel in parcels:
        table = parcel.record.table
        shape = shapes.get(table) or _whole(feed, table)
        _expect(found.wanted.setdefault(table, {}), shape, _without_documents(shape, parcel), look.path)


def _whole(feed: Feed, table: str) -> Shape:
    landing = next(one for one in feed.landings() if one.table == table)
    return Shape(landing, tuple(one.name for one in landing.schema.columns), landing.schema.key)


def _expect(wanted: dict[str, Expected], shape: Shape, parcel: Parcel, path: str) -> None:
    key = _key([parcel.record.values.get(name) for name in shape.key])
    if key in wanted:
        wanted[key].parcel = combined(shape, wanted[key].parcel, parcel)
    else:
        wanted[key] = Expected(parcel, path)


def _without_documents(shape: Shape, parcel: Parcel) -> Parcel:
    """Documents are not held: they are read again where they are compared."""
    kept = {name: value for name, value in parcel.record.values.items() if name not in shape.landing.documents}
    return Parcel(Record(parcel.record.table, kept), parcel.older)


def _compared(
    route: Route, sink: Sink, shape: Shape | None, landing: Landing, source: Source, *, content: bool
) -> Compared:
    wanted = source.wanted.get(landing.table, {})
    done = Compared(landing.table, len(wanted), sums={name: [0, 0] for name in landing.sums})
    for expected in wanted.values():
        _add(done, 0, expected.parcel.record.values)
    if shape is None:
        done.missing = list(wanted)
        return done
    columns, document = _columns(shape, content=content)
    older = {old: key for key, one in wanted.items() for old in one.parcel.older} if len(shape.key) == 1 else {}
    left = dict.fromkeys(wanted)
    for cells in _rows(sink, shape, columns):
        row: dict[str, Value] = dict(zip(columns, cells, strict=True))
        key = _key([row[name] for name in shape.key])
        key = key if key in wanted else older.get(key, key)
        if key not in left:
            done.others += 1
            continue
        del left[key]
        done.found += 1
        _add(done, 1, row)
        told = _difference(route, shape, wanted[key], row, document)
        if told:
            done.different.append((key, told))
    done.missing = list(left)
    return done


def _rows(sink: Sink, shape: Shape, columns: Sequence[str]) -> Iterator[Cells]:
    return sink.read(shape.table, columns)


def _columns(shape: Shape, *, content: bool) -> tuple[tuple[str, ...], str]:
    """What is asked for: the key first, what can be compared as it is, and the document where that is wanted."""
    schema = shape.landing.schema
    plain = [name for name in shape.columns if schema.column(name).type in _COMPARED]
    documents = sorted(shape.landing.documents & set(shape.columns) & {*_required(shape)}) if content else []
    found = tuple(dict.fromkeys((*shape.key, *plain, *documents)))
    return found, documents[0] if documents else ""


def _required(shape: Shape) -> Iterable[str]:
    return (one.name for one in shape.landing.schema.columns if not one.nullable)


def _difference(route: Route, shape: Shape, wanted: Expected, row: Mapping[str, Value], document: str) -> str:
    """What a row says that its file does not; empty where they agree."""
    if document and not _same_document(route, wanted.path, row[document]):
        return f"{document} is another document"
    ours = shape.mark is None or row.get(shape.mark.column) == shape.mark.word
    said = wanted.parcel.record.values
    asked = {*said} - {*shape.key} if ours else {*shape.landing.sums}
    for name in (one for one in row if one in asked and one != document):
        if _text(said[name]) != _text(row[name]):
            if name in shape.landing.private:
                return f"{name} is not what the file says"
            return f"{name} is {_text(row[name])!r}, the file says {_text(said[name])!r}"
    return ""


def _same_document(route: Route, path: str, value: Value) -> bool:
    one = looks.again(route.root, path)
    if one is None:
        return True  # gone since it was read; the hash was right then
    try:
        raw = looks.read(route.root, one, route.limit_bytes)
        text = raw.decode("utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
        return bool(_parsed(text) == _parsed(str(value)))
    except (Moved, ReconError, ValueError):
        return False


def _parsed(text: str) -> object:
    return json.loads(text, parse_float=Decimal)


def _text(value: Value) -> str:
    return "" if value is None else str(value)


def _key(values: Sequence[Value]) -> str:
    return " ".join(map(_text, values))


def _add(done: Compared, side: int, row: Mapping[str, Value]) -> None:
    for name, sums in done.sums.items():
        sums[side] += int(_text(row.get(name)) or 0)


def _report(route: Route, source: Source, done: Sequence[Compared]) -> Report:
    tables: list[Json] = []
    problems = list(source.problems)
    for one in done:
        body: dict[str, Json] = {
            "table": one.table,
            "expected": one.expected,
            "found": one.found,
            "missing": len(one.missing),
            "different": len(one.different),
            "others": one.others,
            "sums": {name: {"files": sums[0], "target": sums[1]} for name, sums in one.sums.items()},
        }
        tables.append(body)
        problems += [Problem(f"{one.table} {key}", "missing") for key in one.missing[:_SHOWN]]
        problems += [Problem(f"{one.table} {key}", "different", told) for key, told in one.different[:_SHOWN]]
    right = all(one.right for one in done)
    body = {
        "source": str(route.root),
        "target": route.target.label,
        "files": source.files,
        "unfit": source.unfit,
        "changing": source.changing,
        "agree": right,
        "tables": tables,
    }
    code = ExitCode.DONE if right and not source.problems else ExitCode.PARTIAL if right else ExitCode.DRIFT
    hints = (
        () if right else ("`recon queue status` tells what still waits; `recon sync --once --resend` sends all again",)
    )
    return Report("recon.sync-verify/1", _told(source, done, right=right), body, (), tuple(problems), code, hints=hints)


def _told(source: Source, done: Sequence[Compared], *, right: bool) -> str:
    if not done:
        raise DataError("nothing to compare")
    main = done[0]
    parts = [words.count(source.files, "file"), words.count(main.expected, "content")]
    parts += [f"{sums[0]} by {name}" for name, sums in main.sums.items()]
    missing, different = (
        sum(len(one) for one in some) for some in ([d.missing for d in done], [d.different for d in done])
    )
    verdict = "all in the target" if right else f"{missing} missing, {different} different"
    unfit = f"; {words.count(source.unfit, 'file')} unfit" if source.unfit else ""
    return f"{', '.join(parts)}: {verdict}{unfit}"
