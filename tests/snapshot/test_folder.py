"""A snapshot in a folder: what was written comes back, and whatever is changed is found and named."""

from __future__ import annotations

import os
import random
import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon_cli.core.catalog import DeclaredTable
from recon_cli.core.errors import DataError, NotFoundError, ReconError
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.check import verify, verify_path
from recon_cli.snapshot.cut import Cut, Cutter, Row, Scheme, width
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import Compression, decode, encode
from recon_cli.snapshot.write import TableWriter, merge, table_files
from tests.support.snapshots import ODD, same, snapshot, table

MANY: list[Row] = [(number, f"모델 {number}", number / 7, None, bytes([number % 256])) for number in range(-25, 100, 2)]
EVERY = pytest.mark.parametrize("compression", Compression, ids=["none", "zstd", "gzip"])


def content(found: FolderSnapshot, name: str) -> list[Row]:
    return [row for rows in found.rows(name) for row in rows]


@EVERY
@pytest.mark.parametrize("key", [0, 1, 2])
def test_every_odd_value_comes_back_from_every_kind_of_file(tmp_path: Path, compression: Compression, key: int) -> None:
    snapshot(
        tmp_path,
        [(table(key=key), [*ODD, *MANY[20:]])],
        compression=compression,
    )
    found = FolderSnapshot(tmp_path)
    assert same(content(found, "models"), [*ODD, *MANY[20:]])
    assert list(verify(found)) == []


@pytest.mark.parametrize("key", [0, 1, 2])
def test_one_worker_or_three_and_any_chunks_give_the_same_bytes(tmp_path: Path, key: int) -> None:
    declared = table(key=key)
    cut = Cut((Scheme.COUNT, Scheme.RANGE, Scheme.HASH)[key], 10)
    whole = write(tmp_path / "one", declared, cut, [MANY], 63)
    for chunk_rows in (1, 5, 64):
        spans = [MANY] if not key else split(MANY, cut, declared)
        assert write(tmp_path / f"by{chunk_rows}", declared, cut, spans, chunk_rows) == whole
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "by5") == bytes_of(tmp_path / "by1")


def split(rows: list[Row], cut: Cut, declared: DeclaredTable) -> list[list[Row]]:
    begins = [piece.rows for piece in Cutter(cut, declared.key_positions).pieces(rows)]
    return [[*begins[0], *begins[1]], *map(list, begins[2:])]


def write(folder: Path, declared: DeclaredTable, cut: Cut, spans: list[list[Row]], chunk_rows: int) -> object:
    parts = []
    for span in spans:
        with TableWriter(folder, declared, cut, Compression.ZSTD) as writer:
            for start in range(0, len(span), chunk_rows):
                writer.add(span[start : start + chunk_rows])
            parts.append(writer.finish())
    assert merge(parts).rows == len(MANY)
    return table_files(declared, cut, parts)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_span_that_begins_inside_a_shard_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did not come together"):
        write(tmp_path, table(), Cut(Scheme.RANGE, 10), [MANY[:4], MANY[4:]], 5)


@EVERY
def test_one_flipped_bit_anywhere_is_found_and_named(tmp_path: Path, compression: Compression) -> None:
    snapshot(tmp_path, [(table(), MANY)], compression=compression)
    draw = random.Random(3)
    for path in sorted(one for one in tmp_path.rglob("*") if one.is_file()):
        good = path.read_bytes()
        for _ in range(12):
            bad = bytearray(good)
            bad[draw.randrange(len(bad))] ^= 1 << draw.randrange(8)
            path.write_bytes(bad)
            (fault,) = verify_path(tmp_path)
            assert fault.path == str(path.relative_to(tmp_path))
            assert (fault.table == "models" and fault.last >= fault.first > 0) or path.name == "manifest.json"
        path.write_bytes(good)
    assert list(verify_path(tmp_path)) == []


def test_no_row_of_a_damaged_shard_is_given_out_but_all_before_it(tmp_path: Path) -> None:
    manifest = snapshot(tmp_path, [(table(), MANY)])
    third = manifest.path(manifest.tables[0], manifest.tables[0].shards[2])
    raw = bytearray((tmp_path / third).read_bytes())
    raw[-5] ^= 1
    (tmp_path / third).write_bytes(raw)
    seen: list[Row] = []
    chunks = FolderSnapshot(tmp_path).rows("models")
    with pytest.raises(DataError, match=r"rows 9 to 13 of table models") as caught:
        seen.extend(row for rows in chunks for row in rows)
    assert third in caught.value.message
    assert same(seen, MANY[:8])


def test_a_missing_shard_an_extra_file_and_a_link_are_named(tmp_path: Path) -> None:
    manifest = snapshot(tmp_path, [(table(), MANY)])
    first, second, *_ = manifest.paths()
    (tmp_path / first).unlink()
    (tmp_path / second).rename(tmp_path / "data/models/other")
    (tmp_path / second).symlink_to("other")
    found = {fault.path: fault.reason for fault in verify_path(tmp_path)}
    assert "missing" in found[first]
    assert second in found
    assert "does not name it" in found["data/models/other"]


def test_a_pipe_in_place_of_a_shard_does_not_hang(tmp_path: Path) -> None:
    manifest = snapshot(tmp_path, [(table(), MANY)])
    first = next(iter(manifest.paths()))
    (tmp_path / first).unlink()
    os.mkfifo(tmp_path / first)
    assert [fault.path for fault in verify_path(tmp_path)] == [first]


def test_rows_that_were_swapped_between_two_tables_do_not_pass(tmp_path: Path) -> None:
    manifest = snapshot(tmp_path, [(table("a"), MANY), (table("b"), MANY)])
    one, other = manifest.tables
    forged = encode(
        type(manifest)(**{**{name: getattr(manifest, name) for name in manifest.__slots__}, "tables": (one, type(other)(
            other.declared, other.folder, other.cut, other.rows, "0" * 32, other.tagged, other.shards))})
    )  # fmt: skip
    (tmp_path / "manifest.json").write_bytes(forged)
    (fault,) = verify_path(tmp_path)
    assert (fault.table, fault.path) == ("b", "manifest.json")


def test_a_table_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    snapshot(tmp_path, [(table(), MANY)])
    with pytest.raises(NotFoundError, match="no table nothing") as caught:
        content(FolderSnapshot(tmp_path), "nothing")
    assert "models" in str(caught.value.hint)
    with pytest.raises(NotFoundError):
        FolderSnapshot(tmp_path / "data")


def test_a_disk_that_takes_no_more_is_told_and_there_is_no_snapshot(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # the kernel refuses what is longer
    try:
        with pytest.raises(ReconError, match="cannot write") as caught:
            snapshot(tmp_path, [(table(), [(1, "x" * 2000, None, None, None)])])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.cause == "File too large"
    assert not (tmp_path / "manifest.json").exists()


def test_rows_too_large_to_be_copied_about_come_back(tmp_path: Path) -> None:
    huge: list[Row] = [
        (1, "글" * 900_000, None, "q" * 3_000_001, None),
        (2, "a", None, None, bytes(range(256)) * 12_000),
    ]
    snapshot(tmp_path, [(table(), [*huge, (3, "b", None, None, None)])], compression=Compression.ZSTD)
    found = FolderSnapshot(tmp_path)
    assert content(found, "models")[:2] == huge
    assert found.manifest.tables[0].tagged == ("raw",)
    assert list(verify(found)) == []


def test_a_row_longer_than_a_line_may_be_is_refused_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 5000)
    for size in (6000, 2_000_000):
        with pytest.raises(DataError, match="too large") as caught:
            snapshot(tmp_path / str(size), [(table(), [(1, "x" * size, None, None, None)])])
        assert "--exclude models" in str(caught.value.hint)


ROWS = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.text(max_size=20), st.floats(), st.none(), st.binary(max_size=20)),
    unique_by=lambda row: row[0],
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.sampled_from(Compression), st.integers(1, 2**40), st.integers(1, 9))
def test_any_rows_in_key_order_round_trip_and_verify(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], compression: Compression, size: int, chunk_rows: int
) -> None:
    rows.sort(key=lambda row: row[0])  # type: ignore[arg-type,return-value]
    folder = tmp_path_factory.mktemp("any")
    manifest = snapshot(
        folder, [(table(), rows)], cut=Cut(Scheme.RANGE, size), compression=compression, chunk_rows=chunk_rows
    )
    found = FolderSnapshot(folder)
    assert found.manifest == manifest == decode(encode(manifest))
    assert same(content(found, "models"), rows)
    assert list(verify(found)) == []


@pytest.mark.parametrize("keys", [(-(2**63), 2**63 - 1), (1, 638961224831992165), (0, 2**64 - 1)])
def test_keys_that_lie_far_apart_are_cut_so_that_a_reader_takes_it(tmp_path: Path, keys: tuple[int, int]) -> None:
    rows: list[Row] = [(key, "", 0.0, None, None) for key in keys]
    snapshot(tmp_path, [(table(), rows)], cut=Cut(Scheme.RANGE, width(*keys, len(keys), 1000)))
    assert same(content(FolderSnapshot(tmp_path), "models"), rows)
