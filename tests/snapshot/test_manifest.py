"""The manifest: for people and git to read, and strict about every field when it comes from a stranger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon_cli.core.catalog import (
    Catalog,
    DeclaredCheck,
    DeclaredColumn,
    DeclaredForeignKey,
    DeclaredIndex,
    DeclaredObject,
    DeclaredTable,
    Generated,
    Kind,
    Numbered,
)
from recon_cli.core.errors import DataError, ReconError
from recon_cli.snapshot.cut import Cut, Scheme
from recon_cli.snapshot.manifest import Manifest, decode, encode
from recon_cli.snapshot.naming import folder_name
from tests.support.snapshots import ODD, snapshot, table


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return snapshot(
        tmp_path_factory.mktemp("one"),
        [(table(), ODD), (table("글", key=0), ODD), (table("c", key=2), ODD)],
        cut=Cut(Scheme.RANGE, 2),
    )


def signed(document: dict[str, Any]) -> bytes:
    """A manifest that a stranger made: any content, and the right SHA-256 of it."""
    document.pop("sha256", None)
    head = json.dumps(document, indent=1).removesuffix("\n}").encode()
    return head + b',\n "sha256": "%s"\n}\n' % hashlib.sha256(head).hexdigest().encode()


def test_it_is_stable_ends_in_a_newline_and_has_one_shard_a_line(manifest: Manifest) -> None:
    text = encode(manifest)
    assert text == encode(decode(text))
    assert text.endswith(b"}\n")
    lines = text.decode().splitlines()
    assert sum('"plain_bytes"' in line for line in lines) == sum(len(one.shards) for one in manifest.tables)
    assert any("글" in line for line in lines)
    assert json.loads(text)["format"] == "recon.snapshot/2"


def test_a_shard_more_changes_its_own_line_and_the_sums(manifest: Manifest) -> None:
    first = manifest.tables[0]
    less = replace(first, shards=first.shards[:-1], rows=first.rows - first.shards[-1].rows)
    before, after = (
        encode(one).splitlines() for one in (replace(manifest, tables=(less,)), replace(manifest, tables=(first,)))
    )
    assert len([line for line in after if line not in before]) <= 4


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
SQL = st.none() | st.text(max_size=20)
COLUMNS = st.builds(
    DeclaredColumn,
    NAMES,
    st.text(max_size=10),
    st.sampled_from(Kind),
    st.booleans(),
    SQL,
    st.sampled_from(Numbered),
    st.sampled_from(Generated),
    SQL,
    SQL,
    SQL,
)
TEXTS = st.lists(NAMES, max_size=3).map(tuple)
INDEXES = st.builds(DeclaredIndex, NAMES, TEXTS, st.booleans(), SQL, SQL, st.just(()), SQL, SQL)
TABLES = st.builds(
    DeclaredTable,
    NAMES,
    st.lists(COLUMNS, max_size=4, unique_by=lambda one: one.name).map(tuple),
    st.just(()),
    SQL,
    st.lists(INDEXES, max_size=2).map(tuple),
    st.lists(st.builds(DeclaredForeignKey, TEXTS, NAMES, TEXTS, SQL), max_size=2).map(tuple),
    st.lists(st.builds(DeclaredCheck, st.text(), SQL), max_size=2).map(tuple),
    st.dictionaries(NAMES, st.text(max_size=5), max_size=2),
    st.none() | st.integers(-(2**63), 2**63),
    SQL,
    SQL,
)
CATALOGS = st.builds(
    Catalog,
    NAMES,
    st.lists(TABLES, max_size=3, unique_by=lambda one: one.name).map(tuple),
    st.lists(st.builds(DeclaredObject, NAMES, NAMES, st.text(), SQL), max_size=2).map(tuple),
    st.dictionaries(NAMES, st.text(max_size=5) | st.integers(-5, 5), max_size=2),
    st.text(max_size=5),
)


@given(CATALOGS)
def test_any_catalog_comes_back_as_it_was(manifest: Manifest, catalog: Catalog) -> None:
    whole = replace(manifest, catalog=catalog, tables=())
    assert decode(encode(whole)) == whole


def test_names_that_are_not_utf8_in_the_database_come_back(manifest: Manifest) -> None:
    odd = DeclaredTable(b"a\xff".decode("utf-8", "surrogateescape"), (DeclaredColumn("id"),), sql="\udcff")
    whole = replace(manifest, catalog=Catalog("sqlite", (odd,)), tables=())
    assert decode(encode(whole)) == whole


Edit = Callable[[dict[str, Any]], object]


def first(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["tables"][0]
    return found


EDITS: list[Edit] = [
    lambda one: one.pop("tool"),
    lambda one: one.update(more=1),
    lambda one: one.update(format=1),
    lambda one: one.update(format="recon.plan/1"),
    lambda one: one.update(compression="xz"),
    lambda one: one.update(tables={}),
    lambda one: one.update(tables=[1]),
    lambda one: one["tables"].append(first(one)),
    lambda one: one["catalog"]["tables"].pop(0),
    lambda one: one["catalog"]["tables"].append(one["catalog"]["tables"][0]),
    lambda one: one["catalog"]["tables"][0].update(key=["nothing"]),
    lambda one: one["catalog"]["tables"][0].update(counter="1"),
    lambda one: one["catalog"]["tables"][0]["columns"][0].update(kind="odd"),
    lambda one: one["catalog"]["tables"][0]["columns"][0].update(nullable=1),
    lambda one: one["catalog"]["tables"][0]["columns"][0].update(name=""),
    lambda one: one["catalog"]["settings"].update(user_version=[]),
    lambda one: first(one).update(folder="../models"),
    lambda one: first(one).update(folder="/etc"),
    lambda one: first(one).update(folder="Models"),
    lambda one: first(one).update(name="글"),
    lambda one: first(one).update(rows=7),
    lambda one: first(one).update(rows=True),
    lambda one: first(one).update(rows=-1),
    lambda one: first(one).update(content="x"),
    lambda one: first(one).update(tagged=["nothing"]),
    lambda one: first(one).update(tagged=["id", "id"]),
    lambda one: first(one)["cut"].update(scheme="odd"),
    lambda one: first(one)["cut"].update(size=0),
    lambda one: first(one)["cut"].update(scheme="count"),
    lambda one: first(one)["shards"].pop(),
    lambda one: first(one)["shards"].reverse(),
    lambda one: first(one)["shards"][0].update(name="../../etc/passwd"),
    lambda one: first(one)["shards"][0].update(name="00000000000000000001"),
    lambda one: first(one)["shards"][0].update(name="0"),
    lambda one: first(one)["shards"][0].update(name="-0000000000000000000"),
    lambda one: first(one)["shards"][0].update(rows=0),
    lambda one: first(one)["shards"][0].update(bytes=1 << 60),
    lambda one: first(one)["shards"][0].update(bytes=1.5),
    lambda one: first(one)["shards"][0].update(plain_bytes=2),
    lambda one: first(one)["shards"][0].update(sha256="A" * 64),
    lambda one: one["tables"][2]["shards"][0].update(name="zz"),
    lambda one: one["tables"][1].update(cut={"scheme": "range", "size": 2}),
]


@pytest.mark.parametrize("edit", EDITS, ids=map(str, range(len(EDITS))))
def test_a_manifest_that_says_anything_the_format_does_not_is_refused(manifest: Manifest, edit: Edit) -> None:
    document = json.loads(encode(manifest))
    assert decode(signed(dict(document)))
    edit(document)
    with pytest.raises(DataError):
        decode(signed(document))


def test_a_newer_format_is_told_with_the_way_out(manifest: Manifest) -> None:
    document = json.loads(encode(manifest)) | {"format": "recon.snapshot/3", "new": {}}
    with pytest.raises(DataError, match="newer") as caught:
        decode(signed(document))
    assert "update recon" in str(caught.value.hint)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[" * 100_000, b'{"a": 1, "a": 2', b'{"format": NaN', b"\xff"])
def test_what_is_no_json_is_refused_also_when_it_is_signed(raw: bytes) -> None:
    with pytest.raises(DataError):
        decode(raw)
    with pytest.raises(DataError):
        decode(raw + b',\n "sha256": "%s"\n}\n' % hashlib.sha256(raw).hexdigest().encode())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_manifest_changed_anyhow_is_refused_or_whole(manifest: Manifest, data: st.DataObject) -> None:
    document = json.loads(encode(manifest))
    places = list(walk(document))
    for _ in range(data.draw(st.integers(1, 3))):
        inner, key = data.draw(st.sampled_from(places))
        values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
        inner[key] = data.draw(values | st.just([]) | st.just({}) | st.just([[]]))
    try:
        found = decode(signed(document))
    except ReconError:
        return
    assert all(".." not in path and path.startswith("data/") for path in found.paths())


def walk(document: Any) -> Any:
    for key, inner in list(document.items() if isinstance(document, dict) else enumerate(document)):
        yield document, key
        if isinstance(inner, dict | list):
            yield from walk(inner)


@given(st.lists(st.text(min_size=1), unique=True, max_size=8))
def test_folders_are_safe_everywhere_and_never_fall_together(names: list[str]) -> None:
    folders = [folder_name(name) for name in names]
    assert len({folder.casefold() for folder in folders}) == len(folders)
    for folder in folders:
        assert folder.isascii()
        assert len(folder) < 70
        assert not set('/\\. :*?"<>|\0') & set(folder)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("models", "models"),
        ("_marks-2", "_marks-2"),
        ("Models", "models~"),
        ("사용자", "table~"),
        ("../etc/passwd", "etc-passwd~"),
        ("con", "con~"),
        ("a" * 200, f"{'a' * 40}~"),
        (".", "table~"),
    ],
)
def test_a_plain_name_is_its_own_folder_and_any_other_gets_a_digest(name: str, folder: str) -> None:
    assert folder_name(name) == folder if "~" not in folder else folder_name(name).startswith(folder)


def test_a_table_named_like_another_tables_folder_gets_a_folder_of_its_own() -> None:
    assert folder_name(folder_name("Models")) != folder_name("Models")


def test_reading_a_manifest_leaves_no_file(tmp_path: Path, manifest: Manifest) -> None:
    decode(encode(manifest))
    assert list(tmp_path.iterdir()) == []
