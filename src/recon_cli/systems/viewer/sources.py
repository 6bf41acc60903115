"""Database copies, JSON backups and sidecars as sources: the surest first, each speaking for the rows it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from recon_cli.core.canonical import Value
from recon_cli.core.evidence import Evidence
from recon_cli.core.report import Problem
from recon_cli.core.schema import is_empty
from recon_cli.systems import moments
from recon_cli.systems.base import Copy
from recon_cli.systems.viewer import layout, paths, shapes
from recon_cli.systems.viewer.confidence import CONFIDENCE

TIMES = frozenset({"created_at", "last_accessed"})
_METHODS = ("database-copy", "database-backup", "local-database", "local-backup", "json-backup")


@dataclass(frozen=True, slots=True)
class Source:
    """One copy: its rows of `models` by id, the layout they were written in, and the zone of its naive times."""

    name: str
    method: str
    shape: str
    zone: tzinfo
    zone_note: str
    rows: Mapping[str, Mapping[str, Value]]
    tables: Mapping[str, Sequence[Mapping[str, Value]]] = field(default_factory=dict)

    @property
    def confidence(self) -> float:
        """How sure this kind of source is."""
        return CONFIDENCE[self.method]

    def tokens(self) -> Iterator[tuple[str, str]]:
        """Share tokens and the ids they belong to, as far as this source knows."""
        for name, row in self.rows.items():
            if not is_empty(row.get("share_token")):
                yield str(row["share_token"]), name

    def claims(self, name: str, shape: str) -> dict[str, Evidence]:
        """What this source says about one model, as columns of `shape`; a column it does not have is left out."""
        row = self.rows.get(name)
        if row is None:
            return {}
        values = {**_plain(row, shape), **self._paths(row, shape)}
        made_up = _made_up(name, row)
        found = {column: self._evidence(column, value, made_up=made_up) for column, value in values.items()}
        return {column: one for column, one in found.items() if one is not None}

    def moment(self, value: Value) -> Evidence | None:
        """A time of this source in UTC, with the zone it was in; None when it is not readable as a time."""
        if is_empty(value):
            return Evidence(None, f"{self.name}#models", self.method, self.confidence)
        moment = moments.to_utc(value, self.zone)
        if moment is None:
            return None
        note = "" if moments.is_aware(value) else self.zone_note
        return Evidence(moment, f"{self.name}#models", self.method, self.confidence, note)

    def _paths(self, row: Mapping[str, Value], shape: str) -> dict[str, Value]:
        found = paths.parse(row)
        if found is None:
            return {}
        verbatim = {
            name: row[name] for name in paths.columns(shape) if name in row and isinstance(row[name], str | None)
        }
        return {**paths.render(found, shape), **(verbatim if self.shape == shape else {})}

    def _evidence(self, column: str, value: Value, *, made_up: bool) -> Evidence | None:
        if column in TIMES:
            return self.moment(value)
        method, confidence, note = self.method, self.confidence, ""
        if method == "sidecar-outdated" and column not in {"real_height", "file_paths", *shapes.SPLIT_PATHS}:
            method, confidence = "sidecar", CONFIDENCE["sidecar"]
        if made_up and column in {"name", "author"}:
            confidence, note = CONFIDENCE["placeholder"], "made up by an earlier recovery tool"
        elif made_up and column == "share_token":
            confidence, note = min(confidence, CONFIDENCE["rebuilt-row"]), "made by an earlier recovery tool"
        return Evidence(value, f"{self.name}#models", method, confidence, note)


def ranked(copies: Sequence[Copy]) -> tuple[tuple[Source, ...], tuple[Problem, ...]]:
    """The copies in order of trust: on the store, given by the operator, JSON; newest first among equals."""
    found: list[tuple[tuple[int, int], Source]] = []
    problems: list[Problem] = []
    newest = sorted(copies, key=lambda one: (layout.stamp(one.source), one.source), reverse=True)
    for copy in newest:
        source, noted = _source(copy)
        problems += noted
        if source is not None:
            found.append(((0 if copy.origin == "store" else 1, _METHODS.index(source.method)), source))
    return tuple(source for _, source in sorted(found, key=lambda one: one[0])), tuple(problems)


def of_sidecar(name: str, model: str, row: Mapping[str, Value], *, outdated: bool) -> Source:
    """The sidecar of one model as a source of its one row."""
    shape = shapes.written_as([row]) or shapes.LOCAL
    method = "sidecar-outdated" if outdated else "sidecar"
    return Source(name, method, shape, UTC, "naive in the sidecar, taken as UTC", {model: row})


def _source(copy: Copy) -> tuple[Source | None, list[Problem]]:
    rows = copy.tables.get("models", ())
    shape = shapes.written_as(rows) if rows else _by_tables(copy)
    if shape is None:
        return None, [
            Problem(copy.source, "not a database of the viewer", f"tables: {', '.join(copy.tables) or 'none'}")
        ]
    zone, note = _zone(copy, shape)
    by_id, problems = _by_id(copy.source, rows)
    problems += _unknown_columns(copy.source, rows)
    problems += _unreadable(copy.source, by_id.values(), zone)
    return Source(copy.source, _method(copy), shape, zone, note, by_id, copy.tables), problems


def _by_tables(copy: Copy) -> str | None:
    """A copy without models may still hold what customers wrote."""
    if not {"models", "annotations", "feedbacks"} & set(copy.tables):
        return None
    return shapes.WEB if "feedbacks" in copy.tables or layout.DATABASE in copy.source else shapes.LOCAL


def _zone(copy: Copy, shape: str) -> tuple[tzinfo, str]:
    if copy.zone:
        return moments.zone_named(copy.zone), f"naive, in {copy.zone} as the operator said"
    if shape == shapes.WEB:
        return UTC, "naive, written in UTC by the web application"
    return moments.KST, "naive, written in Asia/Seoul by the local application"


def _method(copy: Copy) -> str:
    name = copy.source.replace("\\", "/").rpartition("/")[2].lower()
    if name.endswith((".json", ".json.gz", ".jsonl")):
        return "json-backup"
    backup = "backup" in name or name.endswith((".bak", ".old"))
    if copy.origin == "store":
        return "database-backup" if backup else "database-copy"
    return "local-backup" if backup else "local-database"


def _by_id(source: str, rows: Iterable[Mapping[str, Value]]) -> tuple[dict[str, Mapping[str, Value]], list[Problem]]:
    by_id: dict[str, Mapping[str, Value]] = {}
    problems: list[Problem] = []
    for row in rows:
        name = "" if is_empty(row.get("id")) else str(row["id"])
        if not name:
            problems.append(Problem(f"{source}#models", "a row without an id", str(row.get("name") or "")))
        elif name in by_id:
            problems.append(Problem(f"{source}#models", "two rows with one id, the first is taken", name))
        else:
            by_id[name] = row
            problems += _bad_paths(source, name, row)
    return by_id, problems


def _bad_paths(source: str, name: str, row: Mapping[str, Value]) -> Iterator[Problem]:
    told = any(not paths.is_blank(row.get(column)) for column in ("file_paths", *shapes.SPLIT_PATHS[:2]))
    if told and paths.parse(row) is None:
        yield Problem(f"{source}#models", "unreadable file paths", name)


def _unknown_columns(source: str, rows: Sequence[Mapping[str, Value]]) -> Iterator[Problem]:
    known = {column for shape in (shapes.LOCAL, shapes.WEB) for column in shapes.schemas(shape)[0].by_name}
    unknown = dict.fromkeys(name for row in rows for name in row if name not in known and row[name] is not None)
    return (
        Problem(f"{source}#models", "a column the viewer does not know stays in the copy", name) for name in unknown
    )


def _unreadable(source: str, rows: Iterable[Mapping[str, Value]], zone: tzinfo) -> Iterator[Problem]:
    for row in rows:
        for column in sorted(TIMES):
            value = row.get(column)
            if not is_empty(value) and moments.to_utc(value, zone) is None:
                yield Problem(f"{source}#models", f"`{column}` is not a time", f"{row.get('id')!s}: {value!r}")


def _plain(row: Mapping[str, Value], shape: str) -> dict[str, Value]:
    path_columns = {"file_paths", *shapes.SPLIT_PATHS}
    main = shapes.schemas(shape)[0]
    return {name: row[name] for name in main.by_name if name in row and name not in path_columns}


def _made_up(name: str, row: Mapping[str, Value]) -> bool:
    """Whether the recovery tool used so far wrote the row: it names models by the first eight of the id."""
    return row.get("author") == "Unknown" and row.get("name") == f"모델_{name[:8]}"
