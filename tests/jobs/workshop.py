"""A bench for jobs: a viewer's files and rows in memory, a clock that stands still, a state folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from recon_cli.core.entry import EntryType
from recon_cli.files.memory import MemoryStore as Files
from recon_cli.files.memory import Node
from recon_cli.files.state import ScanState
from recon_cli.jobs import apply as applying
from recon_cli.jobs.planfile import PlanFile
from recon_cli.jobs.recover import RecoverRequest, recover
from recon_cli.jobs.runs import Run
from recon_cli.stores.memory import MemoryStore as Rows
from recon_cli.systems import registry

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
IDS = tuple(f"{number:032x}" for number in range(1, 7))


@dataclass
class StillClock:
    """A clock that moves only when it is told to."""

    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("no job waits here")


@dataclass
class Workshop:
    """Files, rows and rules; `plan()` and `apply()` are the two halves of `recon recover --apply`."""

    folder: Path
    files: Files = field(default_factory=Files)
    rows: Rows = field(default_factory=Rows)
    clock: StillClock = field(default_factory=StillClock)
    viewer = registry.get("viewer")

    def plant(self, *ids: str, name: str = "250812_Nuri_chair_1.5m") -> None:
        """Put models on the host."""
        for one in ids:
            self.files.plant(
                f"files/{one}/model.obj", Node(EntryType.FILE, f"mtllib {name}.mtl\nv 0 0 0\n".encode(), NOW)
            )
            self.write(f"files/{one}/model.mtl", "newmtl a\n")

    def write(self, path: str, text: str) -> None:
        """One file on the host."""
        self.files.plant(path, Node(EntryType.FILE, text.encode(), NOW))

    def uproot(self, *ids: str) -> None:
        """Take models off the host."""
        for one in ids:
            for name in ("model.obj", "model.mtl", ""):
                self.files._nodes.pop(f"files/{one}/{name}".rstrip("/").encode(), None)

    def deny(self, path: str) -> None:
        """Let a folder show nothing."""
        self.files.plant(path, Node(EntryType.DIR, denied=True))

    @contextmanager
    def state(self) -> Iterator[ScanState]:
        with ScanState(self.folder / "scan.db", fresh=False) as opened:
            yield opened

    def plan(self, request: RecoverRequest | None = None) -> PlanFile:
        with self.state() as state:
            plan, _found = recover(self.viewer, self.files, self.rows, state, request or RecoverRequest(), self.clock)
            return plan

    def apply(self, plan: PlanFile, mark: str = "aaaaaa") -> Run | None:
        _report, run = applying.apply(plan, self.viewer, self.rows, self.folder, self.clock, token=mark)
        return run

    def ids(self) -> set[str]:
        return {str(row.values["id"]) for row in self.rows.read("models")}

    def marked(self) -> set[str]:
        return {str(row.values["row_key"]) for row in self.rows.read("recon_marks")}
