"""The reconstruction server: `jobs` and `error_logs` from its job folders, both generations."""

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
from recon_cli.systems.reconstruction import jobs, layout, shapes


class Reconstruction:
    """The rules of the reconstruction server; see `systems.base.System` for what each method promises."""

    name = "reconstruction"
    shapes: tuple[str, ...] = (shapes.COUNTS, shapes.STEPS, shapes.FULL)

    def schemas(self, shape: str) -> tuple[Schema, ...]:
        """Jobs, then error logs."""
        return shapes.schemas(shape)

    def shape_for(self, columns: Mapping[str, Sequence[str]]) -> str | None:
        """The shape a target already has, by column names."""
        return shapes.shape_for(columns)

    def copies(self, tree: Tree) -> tuple[Entry, ...]:
        """Databases beside the job folders or above them."""
        return layout.copies(tree)

    def items(self, tree: Tree) -> Iterator[Item]:
        """The job folders, by id."""
        return layout.items(tree)

    def derive(self, tree: Tree, read: Reader, copies: Sequence[Copy], *, shape: str) -> Derived:
        """Merge what the copies and the folders say about each job."""
        sources, unusable = jobs.sources(copies)
        findings, problems = jobs.rebuild(tree, read, sources, shape)
        return Derived(findings, (*unusable, *problems))

    def paths(self, record: Record, tree: Tree | None = None) -> tuple[str, ...]:  # noqa: ARG002  the protocol's
        """No path stands in a job's row: its folder is found by its id."""
        return ()

    def sidecar(self, finding: Finding, item: Item) -> tuple[str, Mapping[str, Json]] | None:
        """`_recon.json` in the job's folder."""
        return sidecar.body(finding, item, system=self.name)


SYSTEM: System = Reconstruction()
