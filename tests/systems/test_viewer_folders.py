"""Each quirk of the web host, alone: what is linked, what is reported, what is never claimed."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recon_cli.core.entry import Entry, Incomplete
from recon_cli.core.errors import NotFoundError, UnreachableError
from recon_cli.core.evidence import Finding
from recon_cli.systems import registry
from recon_cli.systems.base import Copy, Derived
from tests.support.trees import FolderReader, FolderTree, scanned

VIEWER = registry.get("viewer")
ONE, TWO = "0" * 31 + "1", "0" * 31 + "2"
ROW = {
    "id": TWO,
    "name": "b",
    "share_token": "t",
    "obj_path": f"files/{TWO}/model.obj",
    "created_at": "2025-01-01 00:00:00",
}
COPY = Copy("streamlit_3d.db", "store", {"models": [{**ROW, "real_height": 1.0}]})
BOX = "v 0 0 0\nv 0 180 0\n"


def put(root: Path, name: str, body: str | bytes = b"x") -> Path:
    path = root / "files" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


def model(root: Path, head: str = "", mtl: str = "", *textures: str, name: str = ONE) -> None:
    put(root, f"{name}/model.obj", head + BOX)
    put(root, f"{name}/model.mtl", mtl)
    for one in textures:
        put(root, f"{name}/{one}")


def derived(root: Path, *copies: Copy) -> Derived:
    tree, reader = scanned(root)
    return VIEWER.derive(tree, reader, copies, shape="local")


def only(found: Derived) -> Finding:
    (one,) = found.findings["models"]
    return one


def textures(finding: Finding) -> list[str]:
    paths = json.loads(str(finding.record.values["file_paths"]))["texture_paths"]
    return [path.removeprefix(f"{ONE}/") for path in paths]


def told(found: Derived) -> list[tuple[str, str]]:
    return [(one.reason, one.detail) for one in found.problems]


def test_the_newer_date_wins_the_name_and_the_older_is_offered(tmp_path: Path) -> None:
    model(tmp_path, "mtllib 250701_한빛_로봇_2m.mtl\no 250812_한빛_로봇_2.3m\n")
    names = only(derived(tmp_path)).evidence["name"]
    assert [one.value for one in names] == ["250812_한빛_로봇_2.3m", "250701_한빛_로봇_2m"]
    heights = only(derived(tmp_path)).evidence["real_height"]
    assert [one.value for one in heights] == [2.3, 2.0]


def test_an_exporters_word_yields_to_a_persons_name(tmp_path: Path) -> None:
    model(tmp_path, "mtllib model.mtl\no Cube.001\n", "map_Kd 250812_한빛_로봇.png\n", "t.png")
    first = only(derived(tmp_path)).evidence["name"][0]
    assert (first.value, first.method) == ("250812_한빛_로봇", "texture-stem")


def test_a_model_that_nothing_names_stands_under_its_id_and_says_so(tmp_path: Path) -> None:
    model(tmp_path)
    first = only(derived(tmp_path)).evidence["name"][0]
    assert (first.value, first.method) == (ONE, "nameless")


def test_a_name_behind_a_long_preamble_is_still_found(tmp_path: Path) -> None:
    model(tmp_path, "# licence\n" * 900 + "mtllib 250812_한빛_로봇_2.3m.mtl\n")
    assert only(derived(tmp_path)).record.values["name"] == "250812_한빛_로봇_2.3m"


def test_without_any_file_time_the_date_in_the_name_dates_the_upload(tmp_path: Path) -> None:
    model(tmp_path, "mtllib 250812_한빛_로봇.mtl\n")
    tree, reader = scanned(tmp_path)
    dated = only(VIEWER.derive(tree, reader, [], shape="local")).evidence["created_at"]
    assert [one.method for one in dated] == ["file-mtime", "date-in-name"]
    tree.forget_times()
    first = only(VIEWER.derive(tree, reader, [], shape="local")).evidence["created_at"][0]
    assert first.value == datetime(2025, 8, 11, 15, tzinfo=UTC), "midnight in Korea"


def test_the_earliest_file_dates_the_upload(tmp_path: Path) -> None:
    model(tmp_path, "", "", "t.png")
    folder = tmp_path / "files" / ONE
    for name, second in (("model.obj", 2_000), ("model.mtl", 1_000), ("t.png", 9_000)):
        os.utime(folder / name, (second, second))
    assert only(derived(tmp_path)).record.values["created_at"] == datetime.fromtimestamp(1_000, UTC)


def test_a_logo_with_a_korean_name_became_a_dotfile_and_is_linked(tmp_path: Path) -> None:
    model(tmp_path, "", "map_Kd 로고.png\n", ".png", "other.png")
    found = derived(tmp_path)
    assert textures(only(found))[0] == ".png"
    assert ("a texture is a dotfile, which web hosts hide", "로고.png → .png") in told(found)


def test_a_dotfile_that_the_listing_hides_is_not_claimed(tmp_path: Path) -> None:
    model(tmp_path, "", "map_Kd 로고.png\n", ".png")
    tree, reader = scanned(tmp_path)
    tree.hide(".png")
    found = VIEWER.derive(tree, reader, [], shape="local")
    assert textures(only(found)) == []
    assert told(found) == [("a texture is not in the folder", "the uploader stored it as .png, which listings hide")]


def test_two_names_on_one_file_are_reported_with_both_names(tmp_path: Path) -> None:
    model(tmp_path, "", "map_Kd 앞면(1).jpg\nmap_Ka 앞면 1.jpg\n", "1.jpg")
    found = derived(tmp_path)
    assert textures(only(found)) == ["1.jpg"]
    assert told(found) == [("one texture file for several names", "1.jpg: 앞면(1).jpg, 앞면 1.jpg")]


def test_a_texture_that_could_be_two_files_is_left_open(tmp_path: Path) -> None:
    model(tmp_path, "", "map_Kd a.png\n", "a.jpg", "a.jpeg")
    found = derived(tmp_path)
    assert told(found) == [("a texture is not in the folder", "a.png: could be a.jpeg, a.jpg")]
    assert textures(only(found)) == ["a.jpeg", "a.jpg"], "files in the folder were uploaded with the model"
    assert only(found).evidence["file_paths"][0].confidence <= 0.5


def test_any_single_obj_and_mtl_will_do(tmp_path: Path) -> None:
    put(tmp_path, f"{ONE}/Chair.OBJ", BOX)
    put(tmp_path, f"{ONE}/chair.mtl", "map_Kd t.png")
    put(tmp_path, f"{ONE}/t.png")
    found = derived(tmp_path)
    paths = json.loads(str(only(found).record.values["file_paths"]))
    assert (paths["obj_path"], paths["mtl_path"]) == (f"{ONE}/Chair.OBJ", f"{ONE}/chair.mtl")
    assert found.problems == ()


def test_of_several_materials_the_one_the_model_names_is_taken(tmp_path: Path) -> None:
    put(tmp_path, f"{ONE}/a.obj", "mtllib b.mtl\n" + BOX)
    put(tmp_path, f"{ONE}/a.mtl")
    put(tmp_path, f"{ONE}/b.mtl")
    assert json.loads(str(only(derived(tmp_path)).record.values["file_paths"]))["mtl_path"] == f"{ONE}/b.mtl"


@pytest.mark.parametrize("files", [["model.mtl", "t.png"], ["readme.txt"]])
def test_a_folder_without_a_model_is_a_problem_not_a_row(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        put(tmp_path, f"{ONE}/{name}")
    found = derived(tmp_path)
    assert found.findings["models"] == ()
    assert [one.reason for one in found.problems] == ["no .obj file"]


def test_folders_with_other_names_are_problems_not_rows(tmp_path: Path) -> None:
    model(tmp_path)
    model(tmp_path, name="backup of june")
    found = derived(tmp_path)
    assert only(found).record.values["id"] == ONE
    assert [(one.item, one.reason) for one in found.problems] == [("files/backup of june", "not a model's folder")]


def test_a_folder_that_a_copy_knows_is_a_model_whatever_its_name(tmp_path: Path) -> None:
    model(tmp_path, name="aaa")
    copy = Copy("streamlit_3d.db", "store", {"models": [{**ROW, "id": "aaa", "obj_path": "files/aaa/model.obj"}]})
    found = derived(tmp_path, copy)
    assert only(found).missing == ""
    assert found.problems == ()


def test_a_flat_model_has_no_height_and_says_so(tmp_path: Path) -> None:
    put(tmp_path, f"{ONE}/model.obj", "v 0 1 0\nv 1 1 0\n")
    found = derived(tmp_path)
    assert only(found).record.values["real_height"] is None
    assert [one.reason for one in found.problems] == ["no height: no vertices at different heights"]


def test_a_row_whose_folder_is_gone_is_missing_with_the_reason(tmp_path: Path) -> None:
    model(tmp_path)
    rows = {one.record.values["id"]: one for one in derived(tmp_path, COPY).findings["models"]}
    assert rows[TWO].missing == f"no folder `files/{TWO}`, and `files` was listed completely"
    assert rows[ONE].missing == ""


def test_a_row_whose_folder_is_empty_is_missing(tmp_path: Path) -> None:
    (tmp_path / "files" / TWO).mkdir(parents=True)
    assert only(derived(tmp_path, COPY)).missing == f"`files/{TWO}` is empty"


@pytest.mark.parametrize("place", ["files", ""])
@pytest.mark.parametrize("why", [Incomplete.TRUNCATED, Incomplete.DENIED, Incomplete.TIMEOUT])
def test_nothing_is_missing_below_a_listing_that_is_not_complete(tmp_path: Path, place: str, why: Incomplete) -> None:
    model(tmp_path)
    tree, reader = scanned(tmp_path)
    tree.cut(place, why)
    assert all(not one.missing for one in VIEWER.derive(tree, reader, [COPY], shape="local").findings["models"])


def test_a_folder_that_could_not_be_listed_makes_no_row_and_loses_none(tmp_path: Path) -> None:
    model(tmp_path)
    model(tmp_path, name=TWO)
    tree, reader = scanned(tmp_path)
    for name in (ONE, TWO):
        tree.cut(f"files/{name}", Incomplete.DENIED, keep=0)
    found = VIEWER.derive(tree, reader, [COPY], shape="local")
    assert [one.record.values["id"] for one in found.findings["models"]] == [TWO]
    assert only(found).missing == ""
    assert [(one.item, one.reason) for one in found.problems] == [(f"files/{ONE}", "not listed")]
    assert [one.complete for one in VIEWER.items(tree)] == [False, False]


def test_a_host_without_its_folder_of_models_marks_every_row_for_the_guard_to_judge(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("moved", "utf-8")
    assert only(derived(tmp_path, COPY)).missing == f"no folder `files/{TWO}`, and `.` was listed completely"


def test_a_root_above_the_store_is_searched_for_the_models(tmp_path: Path) -> None:
    model(tmp_path / "html" / "streamlit_data")
    (tmp_path / "html" / "streamlit_data" / "streamlit_3d.db").write_bytes(b"")
    tree, _ = scanned(tmp_path)
    assert [one.folder for one in VIEWER.items(tree)] == [f"html/streamlit_data/files/{ONE}"]
    assert [one.path for one in VIEWER.copies(tree)] == ["html/streamlit_data/streamlit_3d.db"]


def test_copies_on_the_store_come_newest_first(tmp_path: Path) -> None:
    model(tmp_path)
    names = ["streamlit_3d.db", "backup_20250901_030000_streamlit_3d.db", "backup_20251001_030000_streamlit_3d.db"]
    for name in (*names, "other.db", "streamlit_3d.db-wal", "upload.php"):
        (tmp_path / name).write_bytes(b"")
    tree, _ = scanned(tmp_path)
    assert [one.path for one in VIEWER.copies(tree)] == [names[0], names[2], names[1]]


class _Failing(FolderReader):
    def __init__(self, root: Path, error: Exception) -> None:
        super().__init__(root)
        self._error = error

    def head(self, entry: Entry, size_bytes: int = 4096) -> bytes:
        raise self._error


def test_a_file_that_cannot_be_read_is_told_and_the_rest_still_speaks(tmp_path: Path) -> None:
    model(tmp_path, "", "", "t.png")
    reader = _Failing(tmp_path, NotFoundError("cannot read it", cause="550 permission denied"))
    found = VIEWER.derive(FolderTree(tmp_path), reader, [], shape="local")
    assert set(told(found)) == {("unreadable", "550 permission denied")}
    assert textures(only(found)) == ["t.png"]


def test_a_host_that_stops_answering_stops_the_recovery(tmp_path: Path) -> None:
    model(tmp_path)
    with pytest.raises(UnreachableError):
        VIEWER.derive(FolderTree(tmp_path), _Failing(tmp_path, UnreachableError("gone")), [], shape="local")
