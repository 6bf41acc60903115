"""Snapshots of the format's first version, which summed up rows by SHA-256: read, verified, imported, compared."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from recon_cli.core.catalog import Cell
from recon_cli.core.errors import DataError
from recon_cli.core.place import Place
from recon_cli.jobs.backup.restore import RestoreRequest, restore
from recon_cli.ops.clock import SystemClock
from recon_cli.snapshot import compare
from recon_cli.snapshot.check import verify_path
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import NAME, OLDER, Compression, Manifest, encode
from recon_cli.stores.bulk.registry import open_bulk
from tests.jobs.backup.made import fill, rows


def older(folder: Path, content: list[tuple[Cell, ...]], compression: Compression = Compression.NONE) -> Manifest:
    """A snapshot as the first version wrote it: every line's SHA-256, added up modulo 2**256."""
    manifest = fill(folder, content, Compression.NONE)
    [files] = manifest.tables
    lines = [line for path in sorted(folder.glob("data/*/*")) for line in path.read_bytes().splitlines()]
    total = sum(int.from_bytes(hashlib.sha256(line).digest()) for line in lines) % (1 << 256)
    if compression is not Compression.NONE:
        for path in folder.glob("data/*/*"):
            path.unlink()
        manifest = fill(folder, content, compression)
        [files] = manifest.tables
    before = replace(manifest, tables=(replace(files, content=f"{total:064x}"),), format=OLDER)
    (folder / NAME).write_bytes(encode(before))
    return before


@pytest.mark.parametrize("compression", [Compression.NONE, Compression.ZSTD])
def test_it_is_verified_imported_and_read_back(tmp_path: Path, compression: Compression) -> None:
    before = older(tmp_path / "kept", rows(300), compression)
    assert list(verify_path(tmp_path / "kept")) == []
    snapshot = FolderSnapshot(tmp_path / "kept")
    assert snapshot.manifest == before
    place = Place(f"sqlite:///{tmp_path}/new.db")
    with closing(open_bulk(place)) as store:
        report = restore(snapshot, store, tmp_path / "state", RestoreRequest(place=place), SystemClock())
    assert report.body["proof"] == "1 table read back, equal by content"


def test_a_sum_that_is_not_that_of_its_rows_is_found(tmp_path: Path) -> None:
    before = older(tmp_path, rows(300))
    [files] = before.tables
    (tmp_path / NAME).write_bytes(encode(replace(before, tables=(replace(files, content="0" * 64),))))
    assert [fault.table for fault in verify_path(tmp_path)] == ["items"]


def test_a_sum_of_the_other_version_is_refused(tmp_path: Path) -> None:
    before = older(tmp_path, rows(300))
    for wrong in (
        replace(before, format="recon.snapshot/2"),
        replace(before, tables=fill(tmp_path / "2", rows(3)).tables),
    ):
        (tmp_path / NAME).write_bytes(encode(wrong))
        with pytest.raises(DataError, match="not as the format says"):
            FolderSnapshot(tmp_path)


def test_against_a_snapshot_of_today_only_rows_count(tmp_path: Path) -> None:
    older(tmp_path / "before", rows(300))
    fill(tmp_path / "same", rows(300))
    fill(tmp_path / "other", rows(301))
    before, same, other = (FolderSnapshot(tmp_path / name) for name in ("before", "same", "other"))
    assert before.manifest.tables[0].same_rows(same.manifest.tables[0])
    assert not before.manifest.tables[0].same_rows(other.manifest.tables[0])
    found = [list(compare.rows(compare.side(before, "items"), compare.side(one, "items"))) for one in (same, other)]
    assert [len(one) for one in found] == [0, 1]
