"""What the files of one model say about its row: each field with its evidence, each quirk as a problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time

from recon_cli.core.entry import Entry, Precision
from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.core.evidence import Evidence, choose
from recon_cli.core.ports import Reader
from recon_cli.core.report import Problem
from recon_cli.systems import moments, mtl, naming, obj, text
from recon_cli.systems.base import Item
from recon_cli.systems.viewer import links, paths, shapes
from recon_cli.systems.viewer.confidence import CONFIDENCE
from recon_cli.systems.viewer.names import Heard, rank

_HEAD = 4096
_LONG_HEAD = 1 << 16
_MTL_MOST = 1 << 20
_CENTIMETRES = 100.0


@dataclass(frozen=True, slots=True)
class Told:
    """What a folder tells: candidates by column, the surest first, and what could not be taken."""

    evidence: Mapping[str, tuple[Evidence, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Parts:
    """The files of a folder by role."""

    obj: Entry
    mtl: Entry | None
    others: tuple[str, ...]


@dataclass(slots=True)
class _Reading:
    """One folder being read: its reader, and the problems so far."""

    item: Item
    reader: Reader
    problems: list[Problem]

    def head(self, entry: Entry, size_bytes: int) -> bytes:
        """The first bytes; a file that cannot be read is a problem, a store that cannot be reached an error."""
        try:
            return self.reader.head(entry, size_bytes)
        except (NotFoundError, DataError) as exc:
            self.problems.append(Problem(entry.path, "unreadable", exc.cause or exc.message))
            return b""

    def say(self, reason: str, detail: str = "") -> None:
        """Note a problem of the folder."""
        self.problems.append(Problem(self.item.folder, reason, detail))


def obj_of(item: Item) -> Entry | None:
    """The model file of a folder: `model.obj`, else the largest `.obj`."""
    found = [one for one in item.files if one.name.lower().endswith(".obj")]
    return min(found, key=lambda one: (one.name != "model.obj", -(one.size_bytes or 0), one.path), default=None)


def tell(item: Item, reader: Reader, shape: str, *, known_height: bool = False) -> Told:
    """Read the folder of one model: heads, the MTL whole, the OBJ whole only for a height that no name gives."""
    model = obj_of(item)
    reading = _Reading(item, reader, [])
    if model is None:
        reading.say("no .obj file" if item.files else "no files")
        return Told({}, tuple(reading.problems))
    if not item.complete:
        reading.say("not listed completely", "what its files say may not be all")
    head = _head(reading, model)
    parts = _parts(reading, model, head)
    maps = mtl.parse(reading.head(parts.mtl, _MTL_MOST)) if parts.mtl else ()
    names = rank(_heard(parts, head, maps), str(item.key[0]), item.folder)
    evidence = {
        "id": (Evidence(item.key[0], item.folder, "directory-name", CONFIDENCE["directory-name"]),),
        "name": names,
        **_linked(reading, parts, maps, shape),
        "real_height": () if known_height else _height(reading, parts, names),
        "created_at": _created(item, names),
        **_fixed(item.folder),
    }
    return Told({name: found for name, found in evidence.items() if found}, tuple(reading.problems))


def _head(reading: _Reading, model: Entry) -> obj.Head:
    raw = reading.head(model, _HEAD)
    head = obj.parse_head(raw, whole=len(raw) < _HEAD)
    if head.vertices or len(raw) < _HEAD:
        return head
    raw = reading.head(model, _LONG_HEAD)
    return obj.parse_head(raw, whole=len(raw) < _LONG_HEAD)


def _parts(reading: _Reading, model: Entry, head: obj.Head) -> _Parts:
    files = [one for one in reading.item.files if one.path.rpartition("/")[0] == model.parent]
    models = [one.name for one in files if one.name.lower().endswith(".obj")]
    if len(models) > 1:
        reading.say("several .obj files", f"{model.name} is taken of {', '.join(models)}")
    libraries = [one for one in files if one.name.lower().endswith(".mtl")]
    meant = {naming.sanitised(name).lower() for name in obj.library_names(head.mtllib)} - {".mtl", ""}
    named = [one for one in libraries if one.name == "model.mtl"] or [
        one for one in libraries if one.name.lower() in meant
    ]
    library = named[0] if named else libraries[0] if len(libraries) == 1 else None
    if len(libraries) > 1 and library is None:
        reading.say("several .mtl files, none is taken", ", ".join(one.name for one in libraries))
    return _Parts(model, library, tuple(one.name for one in files if one not in (model, library)))


def _heard(parts: _Parts, head: obj.Head, maps: tuple[mtl.Map, ...]) -> Iterator[Heard]:
    for name in obj.library_names(head.mtllib):
        yield Heard(name[:-4] if name.lower().endswith(".mtl") else name, f"{parts.obj.path}#mtllib", "mtllib")
    if head.object_name:
        yield Heard(head.object_name, f"{parts.obj.path}#o", "object-line")
    source = parts.mtl.path if parts.mtl else parts.obj.path
    for one in maps:
        yield Heard(text.split_suffix(one.name)[0], f"{source}#{one.statement}", "texture-stem")


def _linked(reading: _Reading, parts: _Parts, maps: tuple[mtl.Map, ...], shape: str) -> dict[str, tuple[Evidence, ...]]:
    links_ = links.link(maps, parts.others)
    _report(reading, links_)
    model = str(reading.item.key[0])
    within = parts.obj.parent.removeprefix(reading.item.folder).strip("/")
    prefix = f"{model}/{within}/" if within else f"{model}/"
    found = paths.Paths(
        prefix + parts.obj.name,
        prefix + parts.mtl.name if parts.mtl else "",
        tuple(prefix + one for one in links_.files),
    )
    sure = {"obj_path": CONFIDENCE["exact"], "mtl_path": CONFIDENCE["exact"]}
    rule, textures = _weakest(links_)
    sure.setdefault("file_paths", textures)
    note = "; ".join(f"{one.wanted} → {one.file} ({one.rule})" for one in links_.linked)
    return {
        column: (
            Evidence(
                value,
                reading.item.folder,
                "listing" if column in {"obj_path", "mtl_path"} else f"texture-{rule}",
                sure.get(column, textures),
                "" if column in {"obj_path", "mtl_path"} else note,
            ),
        )
        for column, value in paths.render(found, shape).items()
    }


def _weakest(found: links.Links) -> tuple[str, float]:
    """The least sure of the rules that were needed."""
    rules = [one.rule for one in found.linked] + ["unnamed-texture"] * bool(found.spare) or ["exact"]
    rule = min(rules, key=lambda one: CONFIDENCE[one])
    return rule, CONFIDENCE[rule]


def _report(reading: _Reading, found: links.Links) -> None:
    for file, names in found.shared().items():
        reading.say("one texture file for several names", f"{file}: {', '.join(names)}")
    for one in found.linked:
        if one.file.startswith("."):
            reading.say("a texture is a dotfile, which web hosts hide", f"{one.wanted} → {one.file}")
    for name, fits in found.unlinked.items():
        meant = naming.sanitised(name)
        hidden = f"the uploader stored it as {meant}, which listings hide" if meant.startswith(".") else ""
        reading.say("a texture is not in the folder", f"{name}: could be {', '.join(fits)}" if fits else hidden or name)


def _height(reading: _Reading, parts: _Parts, names: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    written = choose(*(height_in(one) for one in names))
    return written or tuple(_measured(reading, parts.obj))


def height_in(name: Evidence) -> Evidence | None:
    """The height a name gives, if it gives one."""
    parsed = naming.parse(str(name.value))
    if parsed.height_m is None:
        return None
    method = "height-in-name" if parsed.height_last else "height-inside-name"
    return Evidence(parsed.height_m, name.source, method, CONFIDENCE[method], str(name.value))


def _measured(reading: _Reading, model: Entry) -> Iterator[Evidence]:
    try:
        extent = obj.y_extent(reading.reader.stream(model))
    except (NotFoundError, DataError) as exc:
        reading.problems.append(Problem(model.path, "unreadable", exc.cause or exc.message))
        return
    if extent is None:
        reading.say("no height: no vertices at different heights", model.name)
        return
    note = f"Y extent {extent:.6g} / 100, taking the file's unit for centimetres"
    yield Evidence(round(extent / _CENTIMETRES, 4), model.path, "bounding-box", CONFIDENCE["bounding-box"], note)


def _created(item: Item, names: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The earliest change of a file is the upload; a date in the name stands in where no file has a time."""
    return choose(_first_change(item), next(filter(None, map(_day, names)), None))


def _first_change(item: Item) -> Evidence | None:
    timed = [(one.mtime, one) for one in item.files if one.mtime is not None]
    if not timed:
        return None
    moment, entry = min(timed, key=lambda pair: (pair[0], pair[1].path))
    exact = entry.precision is Precision.EXACT
    method = "file-mtime" if exact else "file-mtime-listed"
    note = "UTC" if exact else f"to the {entry.precision.value}, zone as the listing was calibrated"
    return Evidence(moment.astimezone(UTC), entry.path, "file-mtime", CONFIDENCE[method], note)


def _day(name: Evidence) -> Evidence | None:
    day = naming.parse(str(name.value)).day
    if day is None:
        return None
    moment = datetime.combine(day, time(), moments.KST).astimezone(UTC)
    return Evidence(moment, name.source, "date-in-name", CONFIDENCE["date-in-name"], f"{day}, midnight in Asia/Seoul")


def _fixed(folder: str) -> dict[str, tuple[Evidence, ...]]:
    """Columns that files cannot fill: the reason stands in place of a guess."""
    silent = {
        "author": "files do not name an author",
        "description": "files hold no description",
        "backup_paths": "local copies are gone with the disk",
        "last_accessed": "files do not tell when a model was looked at",
        "access_count": "files do not count visits",
    }
    found = {
        name: (Evidence(None, folder, "not-in-files", CONFIDENCE["not-in-files"], note),)
        for name, note in silent.items()
    }
    storage = Evidence(
        "web", folder, "storage-of-files", CONFIDENCE["storage-of-files"], "the files lie on the web host"
    )
    return {**found, "storage_type": (storage,)}


def table_columns(shape: str) -> tuple[str, ...]:
    """The columns a finding of this shape speaks about."""
    return tuple(shapes.schemas(shape)[0].by_name)
