"""Snapshots and records from a stranger: manifests, lines of rows, tagged cells, archives, plans and journals."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from contextlib import closing
from pathlib import Path

from recon_cli.core import canonical, codec
from recon_cli.jobs import planfile, runs
from recon_cli.migration import planfile as migration_plan
from recon_cli.snapshot import archive, check, manifest, rows
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import Compression
from tests.fuzz.harness import target
from tests.support import snapshots

_TABLE = snapshots.table()


def _files(compression: Compression) -> tuple[bytes, bytes]:
    """A manifest, and the archive of its snapshot."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "snapshot")
        snapshots.snapshot(folder, [(_TABLE, snapshots.ODD[:2])], compression=compression)
        kept = io.BytesIO()
        archive.write(folder, kept, compression)
        return (folder / "manifest.json").read_bytes(), kept.getvalue()


MANIFEST, TAR = _files(Compression.NONE)
_, ZSTD = _files(Compression.ZSTD)
_, GZIP = _files(Compression.GZIP)
LINES = rows.encode(list(snapshots.ODD), rows.floats(_TABLE))
_TAIL = b',\n "sha256": "'


def _sealed(data: bytes) -> bytes:
    """With the sum that these bytes should end in, so that what is said before it is read."""
    head = data.partition(_TAIL)[0]
    return head + _TAIL + hashlib.sha256(head).hexdigest().encode() + b'"\n}\n'


@target(MANIFEST, MANIFEST.partition(_TAIL)[0])
def snapshot_manifest(data: bytes, folder: Path) -> None:
    for raw in (data, _sealed(data)):
        try:
            found = manifest.decode(raw)
        except manifest.DataError:
            continue
        for path in found.paths():
            assert (folder / path).resolve().is_relative_to(folder.resolve())
        assert manifest.decode(manifest.encode(found)) == found


@target(LINES, LINES[:-3], b'[1,{"$b":"AA=="},{"$f":"nan"}]\n')
def snapshot_rows(data: bytes, _folder: Path) -> None:
    """Rows that are read come out as the bytes that they were."""
    width = 5
    for found in rows.read([data[:9], data[9:]], columns=width, tagged=range(width)):
        assert all(len(row) == width for row in found)


@target(
    b'{"$b":"AA=="}',
    b'{"$f":"inf"}',
    b'{"$dec":"1.50"}',
    b'{"a":[1,{"$t":"2026-02-28T00:00:00Z"}]}',
    refuses=(ValueError,),
)
def tagged_cell(data: bytes, _folder: Path) -> None:
    """A cell that is none is a ValueError, for which every reader of files answers."""
    cell = json.loads(data) if len(data) < 1000 else None
    canonical.dumps(canonical.encode(canonical.decode(cell)))


@target(TAR, ZSTD, GZIP, ZSTD[:-40], b"age-encryption.org/v1\n-> X25519 abc\n")
def snapshot_archive(data: bytes, folder: Path) -> None:
    with closing(archive.unpack(io.BytesIO(data), "here", scratch=folder)) as found:
        list(check.verify(found))


@target(LINES, b"")
def snapshot_folder(data: bytes, folder: Path) -> None:
    """The manifest is whole, its data file is not what it says."""
    snapshots.snapshot(folder / "one", [(_TABLE, snapshots.ODD[:2])])
    shard = next((folder / "one").rglob("*.jsonl"))
    shard.write_bytes(data)
    with closing(FolderSnapshot(folder / "one")) as found:
        assert list(check.verify(found)) or data == shard.read_bytes()
        for _ in found.rows(_TABLE.name):
            pass


PLAN = json.dumps(
    {"schema": planfile.SCHEMA, "system": "viewer", "shape": "local", "source": "a", "target": "b", "made_at": "2026-02-28T00:00:00Z",
     "base": {"models": {"rows": 1, "digest": "0"}}, "changes": [{"kind": "create", "table": "models", "key": ["a"], "values": {"id": "a"}}],
     "conflicts": [], "unchanged": 0, "problems": [], "source_name": "", "target_name": ""}
).encode()  # fmt: skip


@target(PLAN)
def recover_plan(data: bytes, folder: Path) -> None:
    path = folder / "plan.json"
    path.write_bytes(data)
    planfile.read(path)


@target(b'{"schema":"recon.undo/1","changes":[],"created_tables":[],"counters":{},"base":{},"result":{}}')
def undo_journal(data: bytes, folder: Path) -> None:
    (folder / "undo.json").write_bytes(data)
    (folder / "status.json").write_bytes(data)
    run = runs.Run(folder)
    assert run.undo() is not None
    assert run.state is not None


MIGRATION = json.dumps(
    {"schema": migration_plan.SCHEMA, "source": "a.db", "tables": [], "objects": [], "left_out": [{"what": "a", "why": "b"}], "notes": [],
     "unreadable": [], "policies": {}, "system": "", "state": "s", "renamed": {}, "quick": False}
).encode()  # fmt: skip


@target(MIGRATION)
def migrate_plan(data: bytes, folder: Path) -> None:
    path = folder / "plan.json"
    path.write_bytes(data)
    assert migration_plan.digest(migration_plan.read(path))


@target(
    b'{"kind":"create","table":"t","key":[1],"values":{"a":{"$dt":"x"}}}',
    refuses=(ValueError, KeyError, TypeError, AttributeError),
)
def change(data: bytes, _folder: Path) -> None:
    """`planfile` and `runs` answer for what a change may raise."""
    document = json.loads(data) if len(data) < 1000 else None
    codec.dump_change(codec.load_change(document))
