"""Snapshots made of rows in memory, for tests that need one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from recon_cli.core.catalog import Catalog, DeclaredColumn, DeclaredTable, Kind
from recon_cli.snapshot.cut import Cut, Row, Scheme
from recon_cli.snapshot.manifest import Compression, Manifest
from recon_cli.snapshot.write import TableWriter, finish, table_files

TENS = Cut(Scheme.RANGE, 10)
ODD: tuple[Row, ...] = (
    (1, "평범한 글", 1.5, None, b"\x00\xff"),
    (2, 'a\0b\n"quoted" {"$b": 1} [x] ,\n,', -0.0, "null", b""),
    (3, b"\xff\xfe".decode("utf-8", "surrogateescape"), 5e-324, 2**62, "text in a column of bytes"),
    (4, "\u2028 😀", float("inf"), -(2**63), None),
    (5, "", float("-inf"), float("nan"), b"x" * 1000),
    (6, "1", 1.7976931348623157e308, True, b"null"),
)  # fmt: skip


def table(
    name: str = "models", columns: Sequence[str] = ("id", "name", "size", "any", "raw"), key: int = 1
) -> DeclaredTable:
    """A table whose first `key` columns are its key."""
    kinds = (Kind.INTEGER, Kind.TEXT, Kind.REAL, Kind.ANY, Kind.ANY)
    declared = tuple(DeclaredColumn(one, kind=kinds[place % 5]) for place, one in enumerate(columns))
    return DeclaredTable(name, declared, tuple(columns[:key]))


def snapshot(
    folder: Path,
    rows: Mapping[DeclaredTable, Iterable[Row]] | Sequence[tuple[DeclaredTable, Iterable[Row]]],
    *,
    cut: Cut = TENS,
    compression: Compression = Compression.NONE,
    chunk_rows: int = 7,
) -> Manifest:
    """A complete snapshot of these rows in a folder that may be missing."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = list(rows.items()) if isinstance(rows, Mapping) else list(rows)
    written = []
    for declared, content in pairs:
        mine = cut if len(declared.key) == 1 else Cut(Scheme.HASH if declared.key else Scheme.COUNT, cut.size)
        listed = list(content)
        with TableWriter(folder, declared, mine, compression) as writer:
            for start in range(0, len(listed), chunk_rows):
                writer.add(listed[start : start + chunk_rows])
            written.append(table_files(declared, mine, [writer.finish()]))
    catalog = Catalog("sqlite", tuple(declared for declared, _ in pairs), settings={"user_version": 3})
    manifest = Manifest(catalog, "sqlite:///models.db", "recon 0", "one transaction", compression, tuple(written))
    finish(folder, manifest)
    return manifest


def same(one: Iterable[Row], other: Iterable[Row]) -> bool:
    """Equal by value and type: NaN is NaN, -0.0 is not 0.0, True is not 1."""
    return [[*map(_exact, row)] for row in one] == [[*map(_exact, row)] for row in other]


def _exact(cell: object) -> tuple[type, str]:
    return type(cell), repr(cell)
