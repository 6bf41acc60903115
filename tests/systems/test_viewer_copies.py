"""Copies of every known shape, disagreeing, damaged, rebuilt by earlier tools: what is known is never lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recon_cli.core.errors import DataError, UsageError
from recon_cli.core.evidence import Finding
from recon_cli.core.plan import diff
from recon_cli.core.record import Record
from recon_cli.core.report import Problem
from recon_cli.systems import registry
from recon_cli.systems.base import Copy, Derived
from tests.support.trees import scanned

VIEWER = registry.get("viewer")
ONE, TWO = "0" * 31 + "1", "0" * 31 + "2"
TOKEN, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
PATHS = {"obj_path": f"{ONE}/model.obj", "mtl_path": f"{ONE}/model.mtl", "texture_paths": [f"{ONE}/t.png"]}
SPLIT = {**PATHS, "texture_paths": json.dumps(PATHS["texture_paths"])}
LOCAL = {
    "id": ONE,
    "name": "250812_한빛_로봇_2.3m",
    "author": "김하늘",
    "description": "",
    "file_paths": json.dumps(PATHS),
    "backup_paths": None,
    "storage_type": "web",
    "share_token": TOKEN,
    "created_at": "2025-08-12 10:00:00",
    "last_accessed": None,
    "access_count": 3,
    "real_height": 2.3,
}
WEB = {
    **{name: LOCAL[name] for name in ("id", "name", "author", "description", "share_token", "storage_type")},
    "obj_path": f"files/{ONE}/model.obj",
    "mtl_path": f"files/{ONE}/model.mtl",
    "texture_paths": json.dumps([f"files/{ONE}/t.png"]),
    "access_count": 3,
    "created_at": "2025-08-12 01:00:00",
}
CREATED = datetime(2025, 8, 12, 1, tzinfo=UTC)
OLD_A = {**{k: v for k, v in LOCAL.items() if k != "file_paths"}, **SPLIT}
OLD_B = {k: v for k, v in LOCAL.items() if k != "author"}
OLD_C = {k: v for k, v in LOCAL.items() if k != "real_height"}
OLD_D = {**OLD_B, "storage_type": "local"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "files" / ONE
    folder.mkdir(parents=True)
    (folder / "model.obj").write_text("mtllib 250812_한빛_로봇.mtl\nv 0 0 0\nv 0 231 0\n", "utf-8")
    (folder / "model.mtl").write_text("map_Kd t.png\n", "utf-8")
    (folder / "t.png").write_bytes(b"x")
    return tmp_path


def copy(*rows: Mapping[str, Any], source: str = "streamlit_3d.db", origin: str = "store", **more: Any) -> Copy:
    return Copy(source, origin, {"models": rows, **more.pop("tables", {})}, **more)


def derived(root: Path, *copies: Copy, shape: str = "local") -> Derived:
    tree, reader = scanned(root)
    return VIEWER.derive(tree, reader, copies, shape=shape)


def row(found: Derived, name: str = ONE) -> Finding:
    return next(one for one in found.findings["models"] if one.record.values["id"] == name)


def backwards(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(reversed(values.items()))


@pytest.mark.parametrize("source", [LOCAL, WEB, OLD_A, OLD_B, OLD_C, OLD_D], ids=["local", "web", "a", "b", "c", "d"])
@pytest.mark.parametrize("order", [dict, backwards])
@pytest.mark.parametrize("shape", ["local", "web", "local-flat"])
def test_every_known_shape_is_read_by_name_into_every_shape(root: Path, source: Any, order: Any, shape: str) -> None:
    found = derived(root, copy(order(source)), shape=shape)
    values = row(found).record.values
    assert found.problems == ()
    assert (values["share_token"], values["name"], values["created_at"]) == (TOKEN, LOCAL["name"], CREATED)
    assert values["real_height"] == 2.3
    assert VIEWER.paths(row(found).record) == tuple(f"files/{ONE}/{one}" for one in ("model.obj", "model.mtl", "t.png"))


def test_a_copied_path_cell_of_the_same_shape_stays_as_it_was_written(root: Path) -> None:
    spaced = {**LOCAL, "file_paths": json.dumps(PATHS, indent=1)}
    assert row(derived(root, copy(spaced))).record.values["file_paths"] == spaced["file_paths"]


def test_a_column_the_copy_never_had_is_filled_from_its_name_or_the_files(root: Path) -> None:
    from_name = row(derived(root, copy(OLD_C))).evidence["real_height"][0]
    assert (from_name.value, from_name.method) == (2.3, "height-in-name")
    nameless = {**OLD_C, "name": "로봇"}
    measured = row(derived(root, copy(nameless))).evidence["real_height"][0]
    assert (measured.value, measured.method) == (2.31, "bounding-box")


@pytest.mark.parametrize(
    ("values", "zone", "note"),
    [
        (LOCAL, "", "Asia/Seoul"),
        ({**WEB, "created_at": "2025-08-12 01:00:00"}, "", "UTC"),
        ({**WEB, "created_at": "2025-08-11 21:00:00"}, "America/New_York", "America/New_York"),
        ({**LOCAL, "created_at": "2025-08-12T10:00:00+09:00"}, "", ""),
    ],
)
def test_one_moment_from_every_zone_it_was_written_in(root: Path, values: Any, zone: str, note: str) -> None:
    found = row(derived(root, copy(values, zone=zone))).evidence["created_at"][0]
    assert found.value == CREATED
    assert note in found.note
    assert bool(found.note) == bool(note)


def test_a_zone_that_does_not_exist_is_a_usage_error(root: Path) -> None:
    with pytest.raises(UsageError, match="Korea/Nowhere"):
        derived(root, copy(LOCAL, zone="Korea/Nowhere"))


def test_a_time_that_is_none_is_a_problem_and_the_files_answer(root: Path) -> None:
    found = derived(root, copy({**LOCAL, "created_at": "어제"}))
    assert [one.reason for one in found.problems] == ["`created_at` is not a time"]
    assert row(found).evidence["created_at"][0].method == "file-mtime"


def test_copies_are_believed_in_order_and_every_disagreement_is_shown(root: Path) -> None:
    copies = [
        copy({**LOCAL, "name": "json"}, source="backup.json", origin="also"),
        copy({**LOCAL, "name": "old local"}, source="/old/models.db.backup_20250801_000000", origin="also"),
        copy({**WEB, "name": "older"}, source="backup_20250801_000000_streamlit_3d.db"),
        copy({**LOCAL, "name": "local"}, source="/app/models.db", origin="also"),
        copy({**WEB, "name": "newer"}, source="backup_20250901_000000_streamlit_3d.db"),
        copy({**WEB, "name": "current"}),
    ]
    names = [str(one.value) for one in row(derived(root, *copies)).evidence["name"]]
    assert names == ["current", "newer", "older", "local", "old local", "json"]
    assert names == [str(one.value) for one in row(derived(root, *reversed(copies))).evidence["name"]]


def test_the_surest_token_stands_and_the_other_is_told(root: Path) -> None:
    found = derived(root, copy(WEB), copy({**LOCAL, "share_token": OTHER}, source="models.db", origin="also"))
    assert [one.value for one in row(found).evidence["share_token"]] == [TOKEN, OTHER]
    assert any("2 share tokens" in one.reason for one in found.problems)


def test_a_remark_follows_its_model_to_the_token_that_stands(root: Path) -> None:
    remark = {"id": 1, "model_token": OTHER, "position_x": 0.0, "text": "더 둥글게", "completed": 0}
    local = copy({**LOCAL, "share_token": OTHER}, source="models.db", origin="also", tables={"annotations": [remark]})
    (found,) = derived(root, copy(WEB), local).findings["annotations"]
    assert found.record.values["model_token"] == TOKEN
    assert [one.value for one in found.evidence["model_token"]] == [TOKEN, OTHER]


def test_a_row_rebuilt_by_the_tool_of_today_does_not_replace_what_was_known(root: Path) -> None:
    rebuilt = {**WEB, "name": f"모델_{ONE[:8]}", "author": "Unknown", "share_token": OTHER}
    older = copy({**WEB, "author": "이도윤"}, source="backup_20250801_000000_streamlit_3d.db")
    values = row(derived(root, copy(rebuilt), older)).record.values
    assert (values["name"], values["author"], values["share_token"]) == (LOCAL["name"], "이도윤", TOKEN)
    alone = row(derived(root, copy(rebuilt))).record.values
    assert (alone["name"], alone["share_token"]) == ("250812_한빛_로봇", OTHER), "a token in use is still a known token"


def test_no_token_is_given_to_two_models(root: Path) -> None:
    second = {**LOCAL, "id": TWO}
    found = derived(root, copy(WEB), copy(second, source="models.db", origin="also"))
    tokens = [one.record.values["share_token"] for one in found.findings["models"]]
    assert len(set(tokens)) == 2
    assert row(found).record.values["share_token"] == TOKEN
    assert any(one.reason == "its share token belongs to another model" for one in found.problems)


def test_a_damaged_copy_gives_what_it_still_holds(root: Path) -> None:
    damaged = copy(
        {"name": "no id"}, WEB, {**WEB, "name": "twice"}, problems=(Problem("streamlit_3d.db", "corrupt page"),)
    )  # fmt: skip
    found = derived(root, damaged)
    assert row(found).record.values["share_token"] == TOKEN
    reasons = [one.reason for one in found.problems]
    assert reasons == ["a row without an id", "two rows with one id, the first is taken"], "the copy's own are its own"


def test_a_copy_that_is_no_viewer_database_is_reported_and_the_files_answer(root: Path) -> None:
    found = derived(root, Copy("streamlit_3d.db", "store", {}), copy({"a": 1}, source="other.db", origin="also"))
    assert [one.reason for one in found.problems] == ["not a database of the viewer"] * 2
    assert row(found).record.values["name"] == "250812_한빛_로봇"


def test_broken_file_paths_in_a_copy_are_told_and_rebuilt_from_the_folder(root: Path) -> None:
    found = derived(root, copy({**LOCAL, "file_paths": "{'obj_path': broken"}))
    assert [one.reason for one in found.problems] == ["unreadable file paths"]
    values = row(found).record.values
    assert json.loads(str(values["file_paths"])) == PATHS
    assert values["share_token"] == TOKEN


def test_a_column_nobody_knows_is_told_not_dropped_in_silence(root: Path) -> None:
    found = derived(root, copy({**LOCAL, "tags": "a,b"}))
    assert [(one.item, one.detail) for one in found.problems] == [("streamlit_3d.db#models", "tags")]


def test_a_file_the_row_names_and_the_folder_lacks_is_told(root: Path) -> None:
    (root / "files" / ONE / "t.png").unlink()
    found = derived(root, copy(LOCAL))
    assert [(one.reason, one.detail) for one in found.problems] == [
        ("the row names a file that is not there", f"{ONE}/t.png")
    ]


def test_an_empty_cell_of_the_surest_copy_stays_empty_and_the_older_text_is_offered(root: Path) -> None:
    older = copy({**WEB, "description": "시안"}, source="backup_20250801_000000_streamlit_3d.db")
    found = row(derived(root, copy(WEB), older)).evidence["description"]
    assert [one.value for one in found] == ["", "시안"]


ANNOTATION = {
    "id": 1,
    "model_token": TOKEN,
    "position_x": 1.0,
    "position_y": 0.0,
    "position_z": 0.0,
    "text": "a",
    "completed": 0,
}


def test_two_remarks_with_one_id_in_two_copies_are_both_kept(root: Path) -> None:
    other = {**ANNOTATION, "text": "b"}
    copies = (
        copy(WEB, tables={"annotations": [ANNOTATION]}),
        copy(LOCAL, source="models.db", origin="also", tables={"annotations": [other]}),
    )
    found = {one.record.values["text"]: one for one in derived(root, *copies).findings["annotations"]}
    assert found["a"].record.values["id"] == 1
    assert found["b"].evidence["id"][0].method == "new-id"
    assert found["b"].record.values["id"] not in {1, None}


def test_one_remark_in_two_copies_is_one_and_its_states_are_both_shown(root: Path) -> None:
    later = {**ANNOTATION, "id": 9, "completed": 1}
    copies = (
        copy(WEB, tables={"annotations": [later]}),
        copy(LOCAL, source="models.db", origin="also", tables={"annotations": [ANNOTATION]}),
    )
    (found,) = derived(root, *copies).findings["annotations"]
    assert found.record.values["id"] == 9
    assert [one.value for one in found.evidence["completed"]] == [1, 0]


def test_the_same_words_said_twice_in_one_copy_are_two_remarks(root: Path) -> None:
    twice = [ANNOTATION, {**ANNOTATION, "id": 2}]
    assert len(derived(root, copy(WEB, tables={"annotations": twice})).findings["annotations"]) == 2


def test_an_orphaned_remark_is_told_and_still_kept(root: Path) -> None:
    found = derived(root, copy(WEB, tables={"annotations": [{**ANNOTATION, "model_token": OTHER}]}))
    assert len(found.findings["annotations"]) == 1
    assert [(one.item, one.reason) for one in found.problems] == [("annotations 1", "no model has its token")]


def test_both_shapes_of_feedback_keep_the_columns_they_have(root: Path) -> None:
    by_id = {"id": 1, "model_id": ONE, "x": 1.0, "y": 2.0, "z": 3.0, "comment": "a", "status": "pending"}
    by_token = {"id": 1, "model_token": TOKEN, "position_x": 1.0, "text": "b", "created_at": "2025-08-12 10:00:00"}
    copies = (
        copy(WEB, tables={"feedbacks": [by_id]}),
        copy(LOCAL, source="models.db", origin="also", tables={"feedbacks": [by_token]}),
    )
    first, second = derived(root, *copies).findings["feedbacks"]
    assert dict(first.record.values) == by_id
    assert (second.record.values["text"], second.record.values["created_at"]) == ("b", CREATED)
    schema = next(one for one in VIEWER.schemas("web") if one.table == "feedbacks")
    assert {*first.record.values, *second.record.values} <= set(schema.by_name)


def test_applying_what_was_found_and_deriving_again_changes_nothing(root: Path) -> None:
    schema = VIEWER.schemas("local")[0]
    found = derived(root)
    rows = [one.record for one in found.findings["models"]]
    again = diff(schema, rows, derived(root).findings["models"])
    assert (again.changes, again.conflicts, again.unchanged) == ((), (), 1)


@pytest.mark.parametrize(
    ("columns", "shape"),
    [
        (LOCAL, "local"),
        (WEB, "web"),
        (OLD_A, "local-flat"),
        (OLD_B, "local"),
        (OLD_C, "local"),
        (OLD_D, "local"),
        ({**WEB, "real_height": 1}, "web"),
    ],
)
def test_a_target_is_recognised_and_its_schema_fits_its_columns(columns: Mapping[str, Any], shape: str) -> None:
    assert VIEWER.shape_for({"models": [*columns]}) == VIEWER.shape_for({"models": [*reversed(columns)]}) == shape
    limited = VIEWER.schemas(shape)[0].limited_to(columns)
    assert set(limited.by_name) == set(columns)


def test_a_target_without_the_table_has_no_shape_and_a_strangers_table_is_refused() -> None:
    assert VIEWER.shape_for({"users": ["id"]}) is None
    with pytest.raises(DataError, match="not the viewer's"):
        VIEWER.shape_for({"models": ["id", "weights"]})


def test_the_sidecar_makes_the_next_recovery_exact(root: Path) -> None:
    first = row(derived(root, copy({**LOCAL, "description": "시안"})))
    tree, _ = scanned(root)
    (item,) = VIEWER.items(tree)
    side = VIEWER.sidecar(first, item)
    assert side is not None
    (root / side[0]).write_text(json.dumps(side[1], sort_keys=True), "utf-8")
    found = derived(root)
    again = row(found)
    assert found.problems == ()
    assert again.record.values == first.record.values
    assert again.evidence["share_token"][0].method == "sidecar"
    tree, _ = scanned(root)
    assert next(VIEWER.items(tree)).files == item.files, "the sidecar is no file of the model"
    above = row(derived(root, copy({**WEB, "name": "db"}))).evidence["name"]
    assert [one.value for one in above] == ["db", LOCAL["name"]]


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"schema": "recon.sidecar/9"}', '{"schema": "recon.sidecar/1"}', "null"]
)
def test_a_broken_sidecar_is_told_and_the_files_answer(root: Path, body: str) -> None:
    (root / "files" / ONE / "_recon.json").write_text(body, "utf-8")
    found = derived(root)
    assert [one.reason for one in found.problems] == ["unreadable sidecar"]
    assert row(found).record.values["name"] == "250812_한빛_로봇"


def test_a_sidecar_of_another_model_is_not_believed(root: Path) -> None:
    tree, _ = scanned(root)
    (item,) = VIEWER.items(tree)
    side = VIEWER.sidecar(Finding(Record("models", {**LOCAL, "id": TWO})), item)
    assert side is not None
    (root / side[0]).write_text(json.dumps(side[1]), "utf-8")
    found = derived(root)
    assert [one.reason for one in found.problems] == ["the sidecar is another record's"]


def test_a_sidecar_older_than_the_files_is_less_sure(root: Path) -> None:
    tree, _ = scanned(root)
    (item,) = VIEWER.items(tree)
    side = VIEWER.sidecar(row(derived(root)), item)
    assert side is not None
    (root / side[0]).write_text(json.dumps(side[1]), "utf-8")
    (root / "files" / ONE / "t.png").write_bytes(b"longer")
    evidence = row(derived(root)).evidence
    assert evidence["share_token"][0].method == "sidecar"
    assert [one.method for one in evidence["file_paths"]] == ["texture-exact"]
