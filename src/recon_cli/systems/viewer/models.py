"""The rows of `models`: merged by id from every source, the files filling what no copy knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from recon_cli.core.canonical import Value
from recon_cli.core.evidence import Evidence, Finding, choose
from recon_cli.core.ports import Reader, Tree
from recon_cli.core.record import Record
from recon_cli.core.report import Problem
from recon_cli.core.schema import Schema, is_empty
from recon_cli.systems import folders, invented, sidecar
from recon_cli.systems.base import Item
from recon_cli.systems.viewer import folder, layout, paths, shapes
from recon_cli.systems.viewer.confidence import CONFIDENCE
from recon_cli.systems.viewer.sources import Source, of_sidecar

_FROM_FILES = ("name", "real_height", "created_at")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The findings of `models` by id, and what could not be taken."""

    findings: Mapping[str, Finding]
    problems: tuple[Problem, ...]


def rebuild(tree: Tree, reader: Reader, sources: Sequence[Source], shape: str) -> Rebuilt:
    """One finding for every model that a copy or a folder knows."""
    under = layout.base(tree)
    known = {name for source in sources for name in source.rows}
    there = {one.name for one in layout.directories(tree)}
    problems = [
        Problem(layout.folder_of(under, name), "not a model's folder", "its name is not a model id")
        for name in sorted(there - known)
        if not layout.is_id(name)
    ]
    found: dict[str, dict[str, tuple[Evidence, ...]]] = {}
    missing: dict[str, str] = {}
    for name in sorted(known | {name for name in there if layout.is_id(name)}):
        place = layout.folder_of(under, name)
        item = folders.item_at(tree, place)
        missing[name] = folders.missing(tree, place)
        evidence, noted = _candidates(tree, reader, item, sources, shape)
        problems += noted
        if evidence:
            found[name] = evidence
    tokens, noted = _tokens(found)
    return Rebuilt(
        {
            name: _finding(shape, {**evidence, "share_token": tokens[name]}, missing[name])
            for name, evidence in found.items()
        },
        (*problems, *noted),
    )


def _candidates(
    tree: Tree, reader: Reader, item: Item, sources: Sequence[Source], shape: str
) -> tuple[dict[str, tuple[Evidence, ...]], list[Problem]]:
    """Candidates by column for one model; none when nothing proves that it is one."""
    name = str(item.key[0])
    problems: list[Problem] = []
    beside, noted = _beside(tree, reader, item)
    problems += noted
    claims = [source.claims(name, shape) for source in (*sources, *beside)]
    schema = shapes.schemas(shape)[0]
    known = _merged(claims, schema)
    if _suffices(known, shape):
        problems += _absent(item, known, shape)
        return _complete(known, item, shape), problems
    if not known and not item.files and not item.complete:
        return {}, [*problems, Problem(item.folder, "not listed", "nothing is known about what is in it")]
    by_name = _height_of_name(known)
    told = (
        folder.tell(item, reader, shape, known_height=bool(known.get("real_height") or by_name)) if item.files else None
    )
    if told is None or not (told.evidence or known):
        return _complete(known, item, shape), [*problems, *(told.problems if told else _empty(item, known))]
    heard = {column: one for column, one in told.evidence.items() if not _sure(known.get(column, ()))}
    both = {
        column: _distinct(
            choose(*known.get(column, ()), *by_name.get(column, ()), *heard.get(column, ())), column, schema
        )
        for column in {**known, **by_name, **heard}
    }
    return _complete(both, item, shape), [*problems, *told.problems]


def _beside(tree: Tree, reader: Reader, item: Item) -> tuple[tuple[Source, ...], list[Problem]]:
    entry = folders.sidecar_of(tree, item.folder)
    if entry is None:
        return (), []
    found = sidecar.read(entry, item, reader, system="viewer", key="id")
    if isinstance(found, Problem):
        return (), [found]
    return (of_sidecar(entry.path, str(item.key[0]), found.row, outdated=found.outdated),), []


def _merged(claims: Iterable[Mapping[str, Evidence]], schema: Schema) -> dict[str, tuple[Evidence, ...]]:
    """The claims of all sources by column, surest first; a required column is not filled with nothing."""
    by_column: dict[str, list[Evidence]] = {}
    for claim in claims:
        for column, one in claim.items():
            if schema.column(column).nullable or not is_empty(one.value):
                by_column.setdefault(column, []).append(one)
    return {column: _distinct(choose(*found), column, schema) for column, found in by_column.items()}


def _distinct(candidates: tuple[Evidence, ...], column: str, schema: Schema) -> tuple[Evidence, ...]:
    """One candidate for each different value: the chosen one, then those that say something else."""
    declared = schema.column(column)
    kept: list[Evidence] = []
    for one in candidates:
        if not any(declared.same(one.value, other.value) for other in kept):
            kept.append(one)
    return tuple(kept)


def _suffices(known: Mapping[str, tuple[Evidence, ...]], shape: str) -> bool:
    """Whether the copies answer everything that files could answer."""
    wanted = (*_FROM_FILES, *paths.columns(shape)[:1])
    return all(_sure(known.get(name, ())) for name in wanted)


def _sure(candidates: tuple[Evidence, ...]) -> bool:
    """Whether a copy has the word on a column, so that files need not dispute it."""
    return bool(candidates) and candidates[0].confidence >= CONFIDENCE["sidecar"]


def _height_of_name(known: Mapping[str, tuple[Evidence, ...]]) -> dict[str, tuple[Evidence, ...]]:
    if "real_height" in known or "name" not in known:
        return {}
    found = folder.height_in(known["name"][0])
    return {"real_height": (found,)} if found else {}


def _empty(item: Item, known: Mapping[str, tuple[Evidence, ...]]) -> Iterator[Problem]:
    if not known:
        yield Problem(item.folder, "no files", "an empty folder is not a model")


def _absent(item: Item, known: Mapping[str, tuple[Evidence, ...]], shape: str) -> Iterator[Problem]:
    """Files that a copied row names and a complete listing does not show; a folder that is gone is told elsewhere."""
    if not item.complete or not item.files:
        return
    found = paths.parse({name: known[name][0].value for name in ("id", *paths.columns(shape)) if name in known})
    above = item.folder.rpartition("/")[0]
    there = {one.path for one in item.files}
    for path in found.all() if found else ():
        if layout.folder_of(above, path) not in there:
            yield Problem(item.folder, "the row names a file that is not there", path)


def _complete(known: Mapping[str, tuple[Evidence, ...]], item: Item, shape: str) -> dict[str, tuple[Evidence, ...]]:
    """Evidence for every column of the shape: where nothing speaks, that nothing does."""
    if not known:
        return {}
    silent = Evidence(None, item.folder, "not-in-files", CONFIDENCE["not-in-files"], "no source speaks of it")
    return {column: known.get(column) or (silent,) for column in folder.table_columns(shape)}


def _tokens(
    found: Mapping[str, Mapping[str, tuple[Evidence, ...]]],
) -> tuple[dict[str, tuple[Evidence, ...]], list[Problem]]:
    """The token of each model: a known one wherever there is one, and none twice."""
    chosen: dict[str, tuple[Evidence, ...]] = {}
    problems: list[Problem] = []
    owner: dict[Value, str] = {}
    for name in sorted(found, key=lambda one: (-found[one]["share_token"][0].confidence, one)):
        known = tuple(one for one in found[name]["share_token"] if not is_empty(one.value))
        free = [one for one in known if one.value not in owner]
        if known and known[0].value in owner:
            problems.append(Problem(name, "its share token belongs to another model", f"to {owner[known[0].value]}"))
        elif len(known) > 1:
            detail = "links with a token other than the first stop working"
            problems.append(Problem(name, f"{len(known)} share tokens are known", detail))
        first = free[0] if free else _new_token(name)
        owner[first.value] = name
        chosen[name] = (first, *(one for one in known if one is not first))
    return chosen, problems


def _new_token(name: str) -> Evidence:
    note = "no copy holds the token: links already sent out are lost"
    return Evidence(invented.token("viewer", name), name, "new-token", CONFIDENCE["new-token"], note)


def _finding(shape: str, evidence: Mapping[str, tuple[Evidence, ...]], missing: str) -> Finding:
    schema = shapes.schemas(shape)[0]
    ordered = {column: evidence[column] for column in schema.by_name}
    values = {column: found[0].value for column, found in ordered.items()}
    return Finding(Record(schema.table, values), ordered, missing)
