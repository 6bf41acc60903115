"""verify: are the files in the target? Every file is read and hashed, every row asked for; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal

from recon_cli.core import words
from recon_cli.core.canonical import Json, Value
from recon_cli.core.errors import DataError, ExitCode, ReconError
from recon_cli.core.json_text import loads
from recon_cli.core.landing import Landing, Parcel, Shape
from recon_cli.core.ports import Progress
from recon_cli.core.record import Record
from recon_cli.core.report import Problem, Report
from recon_cli.core.schema import ColumnType
from recon_cli.files.watched import look as looks
from recon_cli.files.watched.look import Look, Moved
from recon_cli.jobs.sync.ends import feed_of
from recon_cli.jobs.sync.expected import Expectations, Expected, key_of
from recon_cli.jobs.sync.intake import MAIN, nested, registry_bytes
from recon_cli.jobs.sync.route import Route
from recon_cli.stores.sink.base import Cells, Sink
from recon_cli.systems import feed as feeds
from recon_cli.systems.feed import Feed, Spot, Unfit

_COMPARED = frozenset({ColumnType.TEXT, ColumnType.INTEGER})
_SHOWN = 50


@dataclass(slots=True)
class Source:
    """What the files say."""

    wanted: Expectations
    files: int = 0
    unfit: int = 0
    changing: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class Compared:
    """One table against its files. Of what is missing or different the first are named."""

    table: str
    expected: int = 0
    found: int = 0
    others: int = 0
    different: int = 0
    missing: int = 0
    named: list[Problem] = field(default_factory=list)
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
    with closing(Expectations()) as wanted:
        source = read_source(route, feed, shapes, progress, wanted)
        done = [
            _compared(route, sink, shapes.get(landing.table), landing, wanted, content=content)
            for landing in feed.landings()
        ]
    return _report(route, source, done)


def read_source(
    route: Route, feed: Feed, shapes: Mapping[str, Shape], progress: Progress, wanted: Expectations
) -> Source:
    """Every file, read and parsed as `sync` does it."""
    found = Source(wanted)
    sources = feed.sources(registry_bytes(route, feed), looks.names_in(route.root))
    found.problems += sources.problems
    done: set[str] = set()
    inside = nested(sources.folders)
    for folder in sources.folders:
        for one in looks.walk(route.root, folder, found.problems.append):
            owner = sources.owner(one.path) if feed.wants(one.path) else None
            if owner is None or one.path in done:
                continue
            if inside:
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
        found.wanted.add(shape, _without_documents(shape, parcel), look.path)


def _whole(feed: Feed, table: str) -> Shape:
    landing = next(one for one in feed.landings() if one.table == table)
    return Shape(landing, tuple(one.name for one in landing.schema.columns), landing.schema.key)


def _without_documents(shape: Shape, parcel: Parcel) -> Parcel:
    """Documents are not held: they are read again where they are compared."""
    kept = {name: value for name, value in parcel.record.values.items() if name not in shape.landing.documents}
    return Parcel(Record(parcel.record.table, kept), parcel.older)


def _compared(
    route: Route, sink: Sink, shape: Shape | None, landing: Landing, wanted: Expectations, *, content: bool
) -> Compared:
    done = Compared(landing.table, sums={name: [0, 0] for name in landing.sums})
    for values in wanted.rows(landing.table):
        done.expected += 1
        _add(done, 0, values)
    if shape is not None:
        columns, document = _columns(shape, content=content)
        for cells in _rows(sink, shape, columns):
            _met(done, route, shape, wanted, dict(zip(columns, cells, strict=True)), document)
    done.missing, first = wanted.missing(landing.table, _SHOWN)
    done.named += [Problem(f"{landing.table} {key}", "missing") for key in first]
    return done


def _met(
    done: Compared, route: Route, shape: Shape, wanted: Expectations, row: Mapping[str, Value], document: str
) -> None:
    """One row of the target."""
    expected = wanted.meet(shape.table, key_of([row[name] for name in shape.key]))
    if expected is None:
        done.others += 1
        return
    done.found += 1
    _add(done, 1, row)
    told = _difference(route, shape, expected, row, document)
    if told:
        done.different += 1
        if done.different <= _SHOWN:
            done.named.append(Problem(f"{shape.table} {expected.key}", "different", told))


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
    return loads(text, parse_float=Decimal)


def _text(value: Value) -> str:
    return "" if value is None else str(value)


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
            "missing": one.missing,
            "different": one.different,
            "others": one.others,
            "sums": {name: {"files": sums[0], "target": sums[1]} for name, sums in one.sums.items()},
        }
        tables.append(body)
        problems += one.named
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
    missing, different = sum(one.missing for one in done), sum(one.different for one in done)
    verdict = "all in the target" if right else f"{missing} missing, {different} different"
    unfit = f"; {words.count(source.unfit, 'file')} unfit" if source.unfit else ""
    return f"{', '.join(parts)}: {verdict}{unfit}"
