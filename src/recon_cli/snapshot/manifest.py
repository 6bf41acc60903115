"""Manifest: what a snapshot holds, and how to know that it is whole. docs/design/snapshot-format.md specifies it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from recon_cli.core.canonical import Json
from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.core.errors import DataError
from recon_cli.snapshot import catalog_json
from recon_cli.snapshot.content import Summing, summing
from recon_cli.snapshot.cut import Cut, Scheme
from recon_cli.snapshot.naming import folder_name, shards_fault
from recon_cli.snapshot.strict import Fields, damaged

FORMAT = "recon.snapshot/2"
OLDER = "recon.snapshot/1"
"""The same but for its content sums, see `content.Summing`."""
NAME = "manifest.json"
LARGEST_BYTES = 64 << 20
"""A manifest has one line a shard: room for some 400 000 of them."""

_HEX = re.compile(r"[0-9a-f]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TAIL = b',\n "sha256": "%s"\n}\n'
_TAIL_BYTES = len(_TAIL) - 2 + 64
_LARGEST_FILE = 1 << 50


class NewerFormatError(DataError):
    """A whole snapshot that this recon is too old to read. `format` names its version."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"this snapshot is of the format {name}, which is newer than this recon",
            cause=f"this recon reads {FORMAT}",
            hint="update recon: `pip install --upgrade recon-cli`",
        )
        self.format = name


class Compression(StrEnum):
    """How each data file is compressed; the value is what its name ends in after `.jsonl`."""

    NONE = ""
    ZSTD = ".zst"
    GZIP = ".gz"


_WORDS = {Compression.NONE: "none", Compression.ZSTD: "zstd", Compression.GZIP: "gzip"}


@dataclass(frozen=True, slots=True)
class Shard:
    """One data file. `size_bytes` and `sha256` (hex) are of the file as stored, `plain_bytes` before compression."""

    name: str
    rows: int
    size_bytes: int
    sha256: str
    plain_bytes: int


@dataclass(frozen=True, slots=True)
class TableFiles:
    """One table's part. `content` is the sum over its lines (hex), see `content.Summing`: independent of order.

    `folder` is a safe folder name for the table; `tagged` names the columns in which a cell may be an object.
    """

    declared: DeclaredTable
    folder: str
    cut: Cut
    rows: int
    content: str
    tagged: tuple[str, ...]
    shards: tuple[Shard, ...]

    def same_rows(self, other: TableFiles) -> bool:
        """Whether the rows are known to be equal. Sums made in two ways say nothing: then the files have the word."""
        return self.content == other.content or (
            summing(self.content) is not summing(other.content) and self.shards == other.shards
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """A snapshot's table of contents. It holds no time: an unchanged database gives the same bytes.

    `catalog` declares everything, `source` is the URL without secrets, `tool` who wrote it (`recon 0.1.0`),
    `consistency` what the source promised while it was read. `tables` are those whose rows are there; each is declared
    by the catalog.
    """

    catalog: Catalog
    source: str
    tool: str
    consistency: str
    compression: Compression
    tables: tuple[TableFiles, ...]
    format: str = FORMAT

    def table(self, name: str) -> TableFiles | None:
        """The part of the table of that name."""
        return next((table for table in self.tables if table.declared.name == name), None)

    def path(self, table: TableFiles, shard: Shard) -> str:
        """Where a data file lies in the snapshot."""
        return f"data/{table.folder}/{shard.name}.jsonl{self.compression.value}"

    def paths(self) -> Mapping[str, Shard]:
        """Every data file by its path in the snapshot."""
        return {self.path(table, shard): shard for table in self.tables for shard in table.shards}


def encode(manifest: Manifest) -> bytes:
    """The manifest as it stands in `manifest.json`: a shard and a column a line, its own SHA-256 on the last."""
    document: dict[str, Json] = {
        "format": manifest.format,
        "tool": manifest.tool,
        "source": manifest.source,
        "consistency": manifest.consistency,
        "compression": _WORDS[manifest.compression],
        "catalog": catalog_json.dump(manifest.catalog),
        "tables": [_dump_table(table) for table in manifest.tables],
    }
    head = b"{" + b",".join(f"\n {_laid(name)}: ".encode() + _spread(value, 1) for name, value in document.items())
    return head + _TAIL % hashlib.sha256(head).hexdigest().encode()


def _dump_table(table: TableFiles) -> dict[str, Json]:
    return {
        "name": table.declared.name,
        "folder": table.folder,
        "cut": {"scheme": table.cut.scheme.value, "size": table.cut.size},
        "rows": table.rows,
        "content": table.content,
        "tagged": list(table.tagged),
        "shards": [
            {
                "name": shard.name,
                "rows": shard.rows,
                "bytes": shard.size_bytes,
                "plain_bytes": shard.plain_bytes,
                "sha256": shard.sha256,
            }
            for shard in table.shards
        ],
    }


def _spread(value: Json, depth: int) -> bytes:
    """JSON on several lines, but an object or list that holds no other object on one."""
    if not isinstance(value, dict | list) or not any(map(_branches, _inside(value))):
        return _laid(value).encode()
    lead = b"\n" + b" " * (depth + 1)
    if isinstance(value, dict):
        inner = [lead + f"{_laid(key)}: ".encode() + _spread(one, depth + 1) for key, one in value.items()]
        return b"{" + b",".join(inner) + lead[:-1] + b"}"
    return b"[" + b",".join(lead + _spread(one, depth + 1) for one in value) + lead[:-1] + b"]"


def _inside(value: dict[str, Json] | list[Json]) -> list[Json]:
    return list(value.values()) if isinstance(value, dict) else value


def _branches(value: Json) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict | list) for one in value))


def _laid(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # names and statements that are not UTF-8 in the database
        return json.dumps(value, allow_nan=False)
    return text


def decode(raw: bytes) -> Manifest:
    """A manifest from its file's bytes. Everything in it is checked; nothing is believed.

    Raises:
        DataError: it is damaged, or not a manifest.
        NewerFormatError: it is whole, and of another version of the format.
    """
    if len(raw) > LARGEST_BYTES:
        raise damaged(NAME, f"it is larger than {LARGEST_BYTES} bytes")
    head = raw[:-_TAIL_BYTES]
    if raw[len(head) :] != _TAIL % hashlib.sha256(head).hexdigest().encode():
        raise DataError(
            f"{NAME} is damaged",
            cause="its last line is not the SHA-256 of what stands before",
            hint="take another snapshot; this one was changed or cut short after it was written",
        )
    found = Fields(_document(raw), NAME)
    known = _known(found.text("format", longest=100))
    return _checked(_load(found, known))


def _document(raw: bytes) -> object:
    try:
        return json.loads(raw, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise damaged(NAME, f"not JSON: {exc}") from exc


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _no_constant(word: str) -> object:
    raise ValueError(f"{word} is not JSON")


def _known(name: str) -> str:
    if name in (FORMAT, OLDER):
        return name
    if re.fullmatch(r"recon\.snapshot/[0-9]+", name):
        raise NewerFormatError(name)
    raise damaged(NAME, f"its format is {name!r}, not {FORMAT!r}")


def _load(found: Fields, known: str) -> Manifest:
    tool, source, consistency = found.text("tool"), found.text("source"), found.text("consistency")
    word = found.text("compression", longest=10)
    compression = next((one for one, name in _WORDS.items() if name == word), None)
    if compression is None:
        raise damaged(NAME, f"unknown compression {word!r}")
    inner = found.inner("catalog")
    catalog = catalog_json.load(inner)
    inner.end()
    declared = {table.name: table for table in catalog.tables}
    tables = found.objects("tables", lambda one: _load_table(one, declared, known))
    found.text("sha256", longest=64)
    found.end()
    return Manifest(catalog, source, tool, consistency, compression, tables, known)


def _load_table(found: Fields, declared: Mapping[str, DeclaredTable], known: str) -> TableFiles:
    name = found.text("name")
    if name not in declared:
        raise damaged(found.where, f"the catalog has no table {name!r}")
    inner = found.inner("cut")
    cut = Cut(inner.word("scheme", Scheme), inner.number("size", least=1, greatest=1 << 64))
    inner.end()
    return TableFiles(
        declared[name],
        found.text("folder", longest=100),
        cut,
        found.number("rows"),
        _content(found, Summing.XXH3 if known == FORMAT else Summing.SHA256),
        found.texts("tagged"),
        found.objects("shards", _load_shard),
    )


def _load_shard(found: Fields) -> Shard:
    return Shard(
        found.text("name", longest=30),
        found.number("rows", least=1),
        found.number("bytes", least=1, greatest=_LARGEST_FILE),
        _sha256(found, "sha256"),
        found.number("plain_bytes", least=1, greatest=_LARGEST_FILE),
    )


def _sha256(found: Fields, name: str) -> str:
    text = found.text(name, longest=64)
    if not _SHA256.fullmatch(text):
        raise damaged(found.where, f"{name} is not a SHA-256")
    return text


def _content(found: Fields, way: Summing) -> str:
    text = found.text("content", longest=64)
    if not _HEX.fullmatch(text) or summing(text) is not way or len(text) * 4 != way.bits:
        raise damaged(found.where, "content is not a sum over rows")
    return text


def _checked(manifest: Manifest) -> Manifest:
    """The manifest, if its parts agree with each other and its names are those that we give ourselves."""
    names = [table.declared.name for table in manifest.tables]
    folders = [table.folder for table in manifest.tables]
    if len(set(names)) != len(names) or len(set(folders)) != len(folders):
        raise damaged(NAME, "a table is there twice")
    for table in manifest.tables:
        if fault := _fault(table, manifest.compression):
            raise damaged(f"{NAME}, table {table.declared.name}", fault)
    return manifest


def _fault(table: TableFiles, compression: Compression) -> str:
    columns = [column.name for column in table.declared.stored]
    if table.folder != folder_name(table.declared.name):
        return f"its folder is {table.folder!r}"
    if not set(table.tagged) <= set(columns) or len(set(table.tagged)) != len(table.tagged):
        return "a tagged column is not one of its columns"
    if table.rows != sum(shard.rows for shard in table.shards):
        return "its rows are not the sum of its shards' rows"
    if any(shard.plain_bytes < 3 * shard.rows for shard in table.shards):
        return "a shard has more rows than bytes for them"
    if compression is Compression.NONE and any(shard.plain_bytes != shard.size_bytes for shard in table.shards):
        return "a shard has two sizes"
    if table.cut.scheme is Scheme.RANGE and len(table.declared.key_positions) != 1:
        return "it is cut by ranges of a key that is not one column"
    if table.cut.scheme is not Scheme.HASH and any(shard.rows > table.cut.size for shard in table.shards):
        return "a shard has more rows than its cut allows"
    if table.cut.scheme is Scheme.COUNT and any(shard.rows != table.cut.size for shard in table.shards[:-1]):
        return "a shard before the last has fewer rows than its cut says"
    return shards_fault(table.cut, [shard.name for shard in table.shards])
