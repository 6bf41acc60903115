"""The measured promise: a host of 50 models gives its rows back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recon_cli.core.evidence import Finding
from recon_cli.core.schema import parse_timestamp
from recon_cli.demo.twin import BACKUP, Model, Twin, make_host
from recon_cli.systems import registry
from recon_cli.systems.base import Derived
from tests.support.trees import FolderReader, copy_of, scanned

VIEWER = registry.get("viewer")
KST_S = 9 * 3600


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    return make_host(tmp_path_factory.mktemp("twin") / "host", 50, database_copy=True)


def derived(twin: Twin, *, copies: bool, also: bool = False, shape: str = "local") -> tuple[Derived, FolderReader]:
    tree, reader = scanned(twin.store)
    found = [copy_of(twin.store / one.path, one.path) for one in VIEWER.copies(tree)] if copies else []
    given = [copy_of(twin.lost, str(twin.lost), "also")] if also else []
    return VIEWER.derive(tree, reader, [*found, *given], shape=shape), reader


def rows(found: Derived) -> dict[str, Finding]:
    return {str(one.record.values["id"]): one for one in found.findings["models"]}


def same_as_lost(name: str, value: object, lost: object) -> bool:
    if name in {"created_at", "last_accessed"}:
        return (parse_timestamp(value) - parse_timestamp(lost)).total_seconds() == -KST_S  # type: ignore[arg-type]
    return json.loads(str(value)) == json.loads(str(lost)) if name == "file_paths" else value == lost


def test_the_database_on_the_host_gives_back_every_row_and_every_token(twin: Twin) -> None:
    found, reader = derived(twin, copies=True)
    back = rows(found)
    assert len(back) == 50
    for lost in twin.rows:
        values = back[str(lost["id"])].record.values
        differing = [
            name for name in lost if name != "last_accessed" and not same_as_lost(name, values[name], lost[name])
        ]
        assert differing == []
    assert found.problems == ()
    assert reader.asked == [], "nothing is read where a copy answers everything"


def test_annotations_and_feedbacks_come_back_with_their_ids_and_in_utc(twin: Twin) -> None:
    found, _ = derived(twin, copies=True)
    annotations = {one.record.values["id"]: one.record.values for one in found.findings["annotations"]}
    assert len(annotations) == len(twin.annotations) > 20
    for lost in twin.annotations:
        assert all(same_as_lost(name, annotations[lost["id"]][name], lost[name]) for name in lost)
    feedbacks = [dict(one.record.values) for one in found.findings["feedbacks"]]
    assert [{**one, "created_at": None} for one in feedbacks] == [{**one, "created_at": None} for one in twin.feedbacks]


def test_with_the_lost_database_at_hand_also_the_last_access_is_exact(twin: Twin) -> None:
    back = rows(derived(twin, copies=True, also=True)[0])
    for lost in twin.rows:
        values = back[str(lost["id"])].record.values
        assert all(same_as_lost(name, values[name], lost[name]) for name in lost)


def test_an_older_backup_is_offered_beside_the_value_that_stands(twin: Twin) -> None:
    back = rows(derived(twin, copies=True)[0])
    counts = [one.evidence["access_count"] for one in back.values()]
    contested = [candidates for candidates in counts if len({one.value for one in candidates}) > 1]
    assert len(contested) > 30
    first, second = contested[0]
    assert (first.source, second.source) == ("streamlit_3d.db#models", f"{BACKUP}#models")
    assert first.confidence > second.confidence


def test_without_any_copy_ids_names_heights_and_textures_come_back(twin: Twin) -> None:
    back = rows(derived(twin, copies=False)[0])
    truth = {one.id: one for one in twin.models}
    assert set(back) == set(truth)
    assert {name: one.record.values["name"] for name, one in back.items()} == {n: one.name for n, one in truth.items()}
    for name, one in back.items():
        values = one.record.values
        assert values["real_height"] == pytest.approx(truth[name].height_m, rel=0.02)
        assert json.loads(str(values["file_paths"])) == truth[name].files
        assert values["created_at"] == truth[name].created


def test_every_field_says_where_it_comes_from_and_what_nobody_knows_stays_empty(twin: Twin) -> None:
    back = rows(derived(twin, copies=False)[0])
    for one in back.values():
        assert set(one.evidence) == set(one.record.values)
        assert all(one.record.values[name] == found[0].value for name, found in one.evidence.items())
        assert all(
            0 <= each.confidence <= 1 and each.source and each.method
            for found in one.evidence.values()
            for each in found
        )
        for name in ("author", "description"):
            assert one.record.values[name] is None
            assert one.evidence[name][0].note


@pytest.mark.parametrize(
    ("case", "method"),
    [
        ("exact", "texture-exact"),
        ("sanitised", "texture-sanitised"),
        ("extension", "texture-other-extension"),
        ("only", "texture-only-one-left"),
        ("dotfile", "texture-sanitised"),
        ("collision", "texture-sanitised"),
    ],
)
def test_the_rule_that_linked_a_texture_is_named(twin: Twin, case: str, method: str) -> None:
    back = rows(derived(twin, copies=False)[0])
    cases = [one for one in twin.models if one.case == case]
    assert cases
    assert {back[one.id].evidence["file_paths"][0].method for one in cases} == {method}


def test_dotfiles_and_collisions_are_reported_by_name(twin: Twin) -> None:
    problems = derived(twin, copies=False)[0].problems
    assert any("로고.png → .png" in one.detail for one in problems)
    assert any("앞면(1).jpg, 앞면 1.jpg" in one.detail for one in problems)
    assert len(problems) == sum(one.case in {"dotfile", "collision"} for one in twin.models)


def test_deriving_twice_gives_the_same_tokens_shaped_like_the_applications(twin: Twin) -> None:
    first, second = (rows(derived(twin, copies=False)[0]) for _ in range(2))
    tokens = {name: one.record.values["share_token"] for name, one in first.items()}
    assert tokens == {name: one.record.values["share_token"] for name, one in second.items()}
    assert len(set(tokens.values())) == 50
    assert all(len(str(one)) == 36 and str(one)[14] == "4" for one in tokens.values())
    one = next(iter(first.values())).evidence["share_token"][0]
    assert (one.method, one.confidence) == ("new-token", 0.0)


def test_the_web_shape_has_its_own_paths(twin: Twin) -> None:
    from_copy = rows(derived(twin, copies=True, shape="web")[0])
    from_files = rows(derived(twin, copies=False, shape="web")[0])
    for model in twin.models:
        for back in (from_copy, from_files):
            values = back[model.id].record.values
            assert values["obj_path"] == f"files/{model.id}/model.obj"
            assert json.loads(str(values["texture_paths"])) == [f"files/{model.id}/{one}" for one in model.textures]


def test_only_heads_are_read_where_a_name_gives_the_height(twin: Twin) -> None:
    _, reader = derived(twin, copies=False)
    streamed = {path.split("/")[1] for how, path in reader.asked if how == "stream"}
    assert streamed == {one.id for one in twin.models if not one.name.endswith("m")}


def test_what_paths_names_is_what_lies_there(twin: Twin) -> None:
    tree, _ = scanned(twin.store)
    back = rows(derived(twin, copies=True)[0])
    items = {str(one.key[0]): one for one in VIEWER.items(tree)}
    for name, one in back.items():
        assert set(VIEWER.paths(one.record)) == {entry.path for entry in items[name].files}


def test_a_root_that_is_the_files_folder_itself_is_recognised(twin: Twin, tmp_path: Path) -> None:
    tree, reader = scanned(twin.store / "files")
    back = rows(VIEWER.derive(tree, reader, [], shape="local"))
    assert len(back) == 50
    record = next(iter(back.values())).record
    assert VIEWER.paths(record, tree)[0] == f"{record.values['id']}/model.obj"


def test_the_twin_is_the_same_for_the_same_seed(twin: Twin, tmp_path: Path) -> None:
    again = make_host(tmp_path / "host", 50, database_copy=False)
    assert again.models == twin.models
    one: Model = twin.models[7]
    for name in ("model.obj", "model.mtl"):
        place = Path("files") / one.id / name
        assert (again.store / place).read_bytes() == (twin.store / place).read_bytes()
