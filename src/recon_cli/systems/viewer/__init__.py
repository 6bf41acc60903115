"""The 3D model viewer: `models` from `files/<id>/`, with every copy of its two databases as evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from recon_cli.core.canonical import Json
from recon_cli.core.entry import Entry
from recon_cli.core.evidence import Finding
from recon_cli.core.ports import Reader, Tree
from recon_cli.core.record import Record
from recon_cli.core.schema import Schema
from recon_cli.systems import sidecar
from recon_cli.systems.base import Copy, Derived, Item, System
from recon_cli.systems.viewer import layout, models, paths, remarks, shapes, sources


class Viewer:
    """The rules of the viewer; see `systems.base.System` for what each method promises."""

    name = "viewer"
    shapes: tuple[str, ...] = (shapes.LOCAL, shapes.WEB, shapes.FLAT)

    def schemas(self, shape: str) -> tuple[Schema, ...]:
        """Models, then annotations and feedbacks."""
        return shapes.schemas(shape)

    def shape_for(self, columns: Mapping[str, Sequence[str]]) -> str | None:
        """The shape a target already has, by column names."""
        return shapes.shape_for(columns)

    def copies(self, tree: Tree) -> tuple[Entry, ...]:
        """`streamlit_3d.db`, then its backups, newest first."""
        return layout.copies(tree)

    def items(self, tree: Tree) -> Iterator[Item]:
        """The folders `files/<id>`, by id."""
        return layout.items(tree)

    def derive(self, tree: Tree, read: Reader, copies: Sequence[Copy], *, shape: str) -> Derived:
        """Merge what the copies and the files say about each model; remarks come along."""
        ranked, unusable = sources.ranked(copies)
        rebuilt = models.rebuild(tree, read, ranked, shape)
        owners = remarks.Owners.of(ranked, rebuilt.findings)
        findings = {"models": tuple(rebuilt.findings.values())}
        problems = [*unusable, *rebuilt.problems]
        for schema in shapes.schemas(shape)[1:]:
            findings[schema.table], noted = remarks.rebuild(schema, ranked, owners)
            problems += noted
        return Derived(findings, tuple(problems))

    def paths(self, record: Record, tree: Tree | None = None) -> tuple[str, ...]:
        """The files of a model below `files/`, or below wherever `tree` holds the model folders."""
        found = paths.parse(record.values)
        under = layout.base(tree) if tree is not None else "files"
        return tuple(layout.folder_of(under, path) for path in found.all()) if found else ()

    def sidecar(self, finding: Finding, item: Item) -> tuple[str, Mapping[str, Json]] | None:
        """`_recon.json` in the model's folder."""
        return sidecar.body(finding, item, system=self.name)


SYSTEM: System = Viewer()
