"""The restore drill: a snapshot is restored into a scratch database, and what is there is read and compared."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from recon_cli.core.canonical import Json, pretty
from recon_cli.core.errors import UsageError
from recon_cli.core.json_text import loads
from recon_cli.core.place import Place
from recon_cli.core.ports import Progress
from recon_cli.jobs.backup import readback, same
from recon_cli.jobs.backup.crew import SMALL_ROWS, Crew, crew, uncollected
from recon_cli.jobs.backup.readback import Pair
from recon_cli.ops import atomic, paths
from recon_cli.snapshot import compare
from recon_cli.snapshot.reader import Snapshot
from recon_cli.stores.bulk.base import BulkStore, Incoming, Loading
from recon_cli.stores.bulk.registry import open_bulk
from recon_cli.stores.bulk.scratch import scratch

_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill found: where it was, and every way in which the restored database is another."""

    where: str
    differences: tuple[tuple[str, str], ...]


def drill(snapshot: Snapshot, server: Place | None, progress: Progress, *, trusted: bool) -> Drilled:
    """Restore everything and compare it. `server` None: a temporary SQLite file.

    Raises:
        UsageError: the snapshot's engine needs a server, and none is named.
        GuardError: the snapshot carries SQL that is not trusted.
    """
    with _place(snapshot, server) as place, closing(open_bulk(place)) as store:
        loading = _everything(snapshot, progress, trusted=trusted)
        large = any(one.count > SMALL_ROWS for one in loading.tables)
        with crew(_WORKERS) if large else nullcontext() as children, uncollected():
            done = store.load(loading)
            if store.engine == snapshot.manifest.catalog.engine:
                return Drilled(store.engine, tuple(_differences(snapshot, store, place, children)))
        same.proven(snapshot, store, loading, done)
        return Drilled(f"{store.engine}, translated", ())


@contextmanager
def _place(snapshot: Snapshot, server: Place | None) -> Iterator[Place]:
    name = f"recon_drill_{secrets.token_hex(6)}"
    if server is not None:
        with scratch(server, name) as place:
            yield place
        return
    if snapshot.manifest.catalog.engine != "sqlite":
        raise UsageError(
            f"a drill of a {snapshot.manifest.catalog.engine} snapshot needs a server",
            hint="name one with `--drill-in` or `drill_in`: a scratch database is made there and dropped",
        )
    with (
        tempfile.TemporaryDirectory(prefix="recon-drill-") as folder,
        scratch(Place(f"sqlite:///{folder}/anchor"), name) as place,
    ):
        yield place


def _everything(snapshot: Snapshot, progress: Progress, *, trusted: bool) -> Loading:
    parts = snapshot.manifest.tables
    tables = [Incoming(part.declared, partial(snapshot.rows, part.declared.name), part.rows) for part in parts]
    rows, total = 0, sum(part.rows for part in parts)

    def told(more: int) -> None:
        nonlocal rows
        rows += more
        progress.update(rows, total, "drill")

    return Loading(snapshot.manifest.catalog, tables, trusted=trusted, passing=True, progress=told)


def _differences(
    snapshot: Snapshot, store: BulkStore, place: Place, children: Crew | None
) -> Iterator[tuple[str, str]]:
    """Table and what is different about it, by content and by declaration."""
    with readback.reading(store, snapshot.manifest.compression, place, children) as reader:
        restored = reader.view.catalog()
        there = {table.name: table for table in restored.tables}
        parts = {part.declared.name: part for part in snapshot.manifest.tables if part.declared.name in there}
        for name, _ in reader.differences([Pair(there[name], part, new=True) for name, part in parts.items()]):
            yield name, f"its rows differ: {reader.view.count(name)} restored, {parts[name].rows} in the snapshot"
        for found in compare.schema(snapshot.manifest.catalog, restored):
            yield found.table, " ".join(filter(None, (found.part, found.name, found.change.value)))


@dataclass(frozen=True, slots=True)
class Diary:
    """When the snapshots of a destination last passed a drill; in the state folder."""

    file: Path

    @staticmethod
    def of(state_dir: Path, url: str) -> Diary:
        """The diary of the destination at `url`."""
        return Diary(paths.private_dir(state_dir / "drills") / f"{paths.name_of(url)}.json")

    def write(self, snapshot: str, now: datetime) -> None:
        """Remember that this snapshot passed."""
        document: Mapping[str, Json] = {"snapshot": snapshot, "at": now.isoformat(timespec="seconds")}
        atomic.write_file(self.file, pretty(document))

    def last(self) -> datetime | None:
        """When the last drill passed; None if there was none."""
        try:
            return datetime.fromisoformat(str(loads(self.file.read_bytes())["at"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
