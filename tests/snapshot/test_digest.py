"""Shards that are not written: rows of a database have the sums that the manifest of the same rows has."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon_cli.snapshot.content import Summing
from recon_cli.snapshot.cut import Row
from recon_cli.snapshot.digest import by_shard, row_by_row
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import Compression
from tests.support.snapshots import ODD, snapshot, table

LARGE: Row = (2000, "가" * 700_000, 0.5, None, bytes(3_000_000))
ROWS: list[Row] = [*ODD, *[(number, f"모델 {number}", number / 7, None, b"x") for number in range(1000, 1200)], LARGE]


@pytest.mark.parametrize("key", [0, 1, 2])
@pytest.mark.parametrize("chunk_rows", [1, 7, 1000])
def test_rows_that_are_only_summed_give_the_shards_of_the_manifest(tmp_path: Path, key: int, chunk_rows: int) -> None:
    snapshot(tmp_path, [(table(key=key), ROWS)])
    [files] = FolderSnapshot(tmp_path).manifest.tables
    chunks = [ROWS[start : start + chunk_rows] for start in range(0, len(ROWS), chunk_rows)]
    found = by_shard(files.declared, files.cut, chunks)
    assert (found.shards, found.rows) == (files.shards, files.rows)
    summed = row_by_row(files.declared, chunks, Summing.XXH3)
    assert (Summing.XXH3.word(summed.content), summed.rows) == (files.content, files.rows)


def test_one_changed_cell_changes_the_sum_of_one_shard(tmp_path: Path) -> None:
    snapshot(tmp_path, [(table(key=1), ROWS)], compression=Compression.NONE)
    [files] = FolderSnapshot(tmp_path).manifest.tables
    changed = [(*row[:2], 0.25, *row[3:]) if row[0] == 1100 else row for row in ROWS]
    found = by_shard(files.declared, files.cut, [changed])
    assert sum(one != other for one, other in zip(found.shards, files.shards, strict=True)) == 1
    assert Summing.XXH3.word(row_by_row(files.declared, [changed], Summing.XXH3).content) != files.content
