"""The pure readers: OBJ, MTL, PLY, logs, names, texture links. None of them ever fails on bytes."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon_cli.demo import pieces
from recon_cli.systems import invented, moments, mtl, naming, obj, ply, text
from recon_cli.systems.reconstruction import runlog, sparse
from recon_cli.systems.viewer import links, paths

FAST = settings(max_examples=150, deadline=None)


def chunked(raw: bytes, size: int) -> list[bytes]:
    return [raw[start : start + size] for start in range(0, len(raw), size)]


@pytest.mark.parametrize(
    "raw",
    [
        b"v 0 1 0\nv 0 3.5 0\n",
        b"v 0 1 0\r\nv 0 3.5 0\r\n",
        b"v 0 1 0\rv 0 3.5 0\r",
        b"v 0 1 0\nv 0 3.5 0",
        b"v 0 1e0 0\nv 0 0.35E+1 0\n",
        b"# v 0 99 0\n  v\t0\t+1 0\nvn 0 50 0\nvt 0 50\nvp 0 50\nv 0 3.5 0 0.1 0.2 0.3\n",
        b"v 0 \\\n1 0\nv \\\r\n0 \\\r\n3.5 0\n",
        b"v 0 1 0\nv 0 nan 0\nv 0 inf 0\nv 0 1.2.3 0\nv 0 1e999 0\nv broken\nv 0 3.5 0\n",
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 16])
def test_the_height_of_a_model_survives_line_ends_exponents_comments_and_chunk_borders(raw: bytes, size: int) -> None:
    assert obj.y_extent(chunked(raw, size)) == pytest.approx(2.5)


@pytest.mark.parametrize("raw", [b"", b"v 0 1 0\n", b"v 0 1 0\nv 5 1 5\n", b"mtllib a.mtl\nf 1 2 3\n"])
def test_a_flat_or_empty_model_has_no_height(raw: bytes) -> None:
    assert obj.y_extent([raw]) is None


def test_a_long_line_without_an_end_costs_no_memory_and_no_exception() -> None:
    assert obj.y_extent([b"x" * 300_000] * 8 + [b"\nv 0 0 0\nv 0 2 0\n"]) == 2


@FAST
@given(st.lists(st.floats(-1e6, 1e6), min_size=2), st.integers(1, 40))
def test_the_height_is_that_of_all_vertices_wherever_chunks_end(heights: list[float], size: int) -> None:
    raw = "".join(f"v 1 {one!r} 1\n" for one in heights).encode()
    extent = max(heights) - min(heights)
    assert obj.y_extent(chunked(raw, size)) == (extent if extent > 0 else None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_korean_names_in_the_head_are_read_in_every_encoding_exporters_use(encoding: str) -> None:
    head = obj.parse_head(
        "# 주석\nmtllib 250812_한빛전자_로봇_2.3m.mtl\no 로봇 몸통\nv 0 0 0\n".encode(encoding), whole=True
    )
    assert head == obj.Head("250812_한빛전자_로봇_2.3m.mtl", "로봇 몸통", vertices=True)


def test_a_head_that_ends_inside_a_line_or_a_character_leaves_that_line_out() -> None:
    raw = "mtllib 한빛.mtl\no 로봇".encode()
    assert obj.parse_head(raw[:-1]).object_name == ""
    assert obj.parse_head(raw[:-1]).mtllib == "한빛.mtl"
    assert obj.parse_head(raw, whole=True).object_name == "로봇"


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("a b.mtl", ("a b.mtl",)),
        ("a.mtl b.mtl", ("a.mtl", "b.mtl")),
        ('"C:\\작업\\a.mtl"', ("a.mtl",)),
        ("./mat/a.mtl", ("a.mtl",)),
        ("", ()),
    ],
)
def test_the_material_library_is_found_through_spaces_quotes_and_folders(
    statement: str, names: tuple[str, ...]
) -> None:
    assert obj.library_names(statement) == names


@pytest.mark.parametrize(
    ("line", "statement", "name"),
    [
        ("map_Kd a.png", "map_kd", "a.png"),
        ("  map_Kd -s 1 1 1 a b.png", "map_kd", "a b.png"),
        ("map_Kd -o 0.5 -s 1 1 1 -clamp on 앞면 1.jpg", "map_kd", "앞면 1.jpg"),
        ("map_Bump -bm 0.3 n.png", "map_bump", "n.png"),
        ("bump n.png", "bump", "n.png"),
        ('map_Kd "C:\\작업 폴더\\로고.png"', "map_kd", "로고.png"),
        ("map_Kd D:/a/b/c.PNG", "map_kd", "c.PNG"),
        ("MAP_KD -mm 0 1 x.bmp", "map_kd", "x.bmp"),
        ("map_Kd -dash.png", "map_kd", "-dash.png"),
        ("map_Kd 1 2.png", "map_kd", "1 2.png"),
    ],
)
def test_the_texture_name_is_what_is_left_after_options_quotes_and_folders(
    line: str, statement: str, name: str
) -> None:
    (found,) = mtl.parse(f"newmtl x\r\n{line}\r\nKd 1 1 1\r\n".encode())
    assert (found.statement, found.name) == (statement, name)


@pytest.mark.parametrize("line", ["map_Kd", "map_Kd   ", "Kd 1 1 1", "map_Kd -s 1 1", 'map_Kd ""', "# map_Kd a.png"])
def test_statements_without_a_file_name_no_texture(line: str) -> None:
    assert [one.name for one in mtl.parse(line.encode()) if "." in one.name] == []


def test_lines_of_two_encodings_in_one_file_are_each_read_right() -> None:
    raw = "map_Kd 앞면.png\n".encode("cp949") + "map_Ka 뒷면.png\n".encode() + b"map_Ks \xff\xfe\xfa.png\n"
    assert [one.name for one in mtl.parse(raw)][:2] == ["앞면.png", "뒷면.png"]


@pytest.mark.parametrize(
    ("name", "height"),
    [
        ("250812_한빛전자_로봇_2.3m", 2.3),
        ("250812_한빛전자_로봇_2.3M", 2.3),
        ("250812_한빛전자_로봇_230cm", 2.3),
        ("250812_x_1800mm", 1.8),
        ("250812_x_1,8m", 1.8),
        ("250812_x_2.3 m", 2.3),
        ("250812_3M_로봇_2.3m", 2.3),
        ("250812_x_2.3m_v2", 2.3),
        ("250812_x_0m", None),
        ("250812_x_900m", None),
        ("250812_x_12model", None),
        ("250812_로봇", None),
        ("", None),
    ],
)
def test_the_height_in_a_name(name: str, height: float | None) -> None:
    assert naming.parse(name).height_m == height


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("250812_x", date(2025, 8, 12)),
        ("250812", date(2025, 8, 12)),
        ("251332_x", None),
        ("2508123_x", None),
        ("x_250812", None),
    ],
)
def test_the_date_in_a_name(name: str, day: date | None) -> None:
    assert naming.parse(name).day == day


@pytest.mark.parametrize("name", ["model", "Cube.001", "Material", "untitled", "Object_3", "001"])
def test_an_exporters_word_is_told_from_a_name(name: str) -> None:
    assert naming.parse(name).generic
    assert not naming.parse("로봇").generic


@pytest.mark.parametrize(
    ("name", "stored"),
    [("로고.png", ".png"), ("앞면(1).jpg", "1.jpg"), ("앞면 1.jpg", "1.jpg"), ("a-b_c.d.png", "a-b_c.d.png")],
)
def test_the_uploaders_rule(name: str, stored: str) -> None:
    assert naming.sanitised(name) == stored


def colours(*names: str) -> list[mtl.Map]:
    return [mtl.Map("map_kd", name) for name in names]


@pytest.mark.parametrize(
    ("wanted", "files", "linked"),
    [
        (["a.png"], ["a.png", "b.png"], {"a.png": ("a.png", "exact")}),
        (["A.PNG"], ["a.png", "b.png"], {"A.PNG": ("a.png", "other-case")}),
        (["앞a.png"], ["a.png", "b.png"], {"앞a.png": ("a.png", "sanitised")}),
        (["앞a.png"], ["a.jpg", "b.png"], {"앞a.png": ("a.jpg", "other-extension")}),
        (["로고.png"], [".jpg", "b.png"], {"로고.png": (".jpg", "other-extension")}),
        (["x.tga"], ["b.png"], {"x.tga": ("b.png", "only-one-left")}),
        (["a.png", "x.tga"], ["a.png", "b.png"], {"a.png": ("a.png", "exact"), "x.tga": ("b.png", "only-one-left")}),
        (["x.png"], ["x.jpg", "x.jpeg"], {}),
        (["x.tga", "y.tga"], ["b.png"], {}),
        (["x.tga"], ["b.png", "c.png"], {}),
        (["로고"], [".png", "b.png"], {}),
        (["앞(1).jpg", "앞 1.jpg"], ["1.jpg"], dict.fromkeys(("앞(1).jpg", "앞 1.jpg"), ("1.jpg", "sanitised"))),
    ],
)
def test_texture_links(wanted: list[str], files: list[str], linked: dict[str, tuple[str, str]]) -> None:
    found = links.link(colours(*wanted), files)
    assert {one.wanted: (one.file, one.rule) for one in found.linked} == linked
    assert set(found.unlinked) == set(wanted) - set(linked)
    assert sorted(found.files) == sorted(files)


def test_a_name_in_macs_spelling_is_the_same_name() -> None:
    (one,) = links.link(
        mtl.parse(f"map_Kd {unicodedata.normalize('NFD', '앞면.png')}\n".encode()), ["앞면.png", "b.png"]
    ).linked
    assert one.rule == "exact"


def test_the_only_texture_goes_to_the_colour_not_to_the_bumps() -> None:
    maps = [mtl.Map("bump", "n.tga"), mtl.Map("map_kd", "c.tga")]
    assert [(one.wanted, one.file) for one in links.link(maps, ["u.jpg"]).linked] == [("c.tga", "u.jpg")]


def test_a_header_promises_its_size() -> None:
    whole = pieces.gaussians(10)
    header = ply.parse_header(whole[:4096])
    assert header == ply.Header(10, len(whole))
    assert header.truncated(len(whole) - 1)
    assert not header.truncated(len(whole))


def test_a_header_with_lists_or_text_has_no_fixed_size() -> None:
    body = b"ply\r\nformat ascii 1.0\r\ncomment x\r\nelement vertex 3\r\nproperty float x\r\nend_header\r\n0\r\n"
    assert ply.parse_header(body) == ply.Header(3, None)
    head = b"ply\nformat binary_little_endian 1.0\nelement vertex 3\nproperty float x\n"
    faces = head + b"element face 1\nproperty list uchar int v\nend_header\n"
    assert ply.parse_header(faces) == ply.Header(3, None)
    assert ply.parse_header(faces[:60]) is None


def test_images_of_a_text_model_are_counted_in_pairs_even_without_points() -> None:
    lines = [b"# no count\n1 1 0 0 0 0 0 0 1 a.jpg\n", b"\n2 1 0 0 0 0 0 0 1 b.jpg\n5 5 7\n3 1 0 0 0 0 0 0 1 c.jpg\n\n"]
    assert sparse.data_lines(lines, keep_blank=True) == 6
    assert sparse.data_lines([b"# x\n1 2 3\n\n2 3 4"], keep_blank=False) == 2


@pytest.mark.parametrize(
    ("log", "stage", "message"),
    [
        (">> [3/6] Mapping...\n[Exception] no pair\n", "colmap_mapper", "no pair"),
        (">> [TRAINING] start\n>> [WARN] few\n>> [ERROR] out of memory\n", "TRAINING", "out of memory"),
        (">> [9/9] x\n[Exception] e\n", "stage 9", "e"),
        ("[Exception] KeyError: 'a'\n", "", "KeyError: 'a'"),
    ],
)
def test_the_log_names_stage_and_error(log: str, stage: str, message: str) -> None:
    (failure,) = runlog.parse(log.encode()).failures
    assert (failure.stage, failure.message) == (stage, message)


def test_made_up_keys_are_the_same_every_time_and_shaped_as_they_must_be() -> None:
    token = invented.token("viewer", "a")
    assert token == invented.token("viewer", "a") != invented.token("viewer", "b")
    assert len(invented.digits("x", "a")) == 10
    assert 2**30 <= invented.row_id("x", "a") < 2**31


@FAST
@given(st.binary(max_size=400))
def test_no_parser_fails_on_any_bytes(raw: bytes) -> None:
    obj.parse_head(raw)
    obj.parse_head(raw, whole=True)
    obj.y_extent(chunked(raw, 5))
    mtl.parse(raw)
    ply.parse_header(raw)
    ply.parse_header(b"ply\n" + raw + b"\nend_header\n")
    runlog.parse(raw)
    sparse.in_binary(raw)
    sparse.data_lines(chunked(raw, 5), keep_blank=True)
    text.decode(raw)


@FAST
@given(
    st.sampled_from(["map_Kd ", "v ", "mtllib ", "o ", ">> [1/6] ", "[Exception] ", "element vertex ", "bump -s "]),
    st.text(max_size=60),
)
def test_no_parser_fails_on_any_text_after_its_keyword(keyword: str, rest: str) -> None:
    raw = f"{keyword}{rest}\n{keyword}{rest}".encode("utf-8", "surrogatepass")
    for one in mtl.parse(raw):
        assert one.name
    obj.parse_head(raw, whole=True)
    obj.y_extent([raw])
    runlog.parse(raw)
    ply.parse_header(b"ply\n" + raw + b"\nend_header\n")


@FAST
@given(st.text(max_size=80), st.lists(st.text(max_size=20), max_size=6))
def test_names_and_links_take_any_text(name: str, files: list[str]) -> None:
    naming.parse(name)
    links.link(colours(name), files)
    moments.to_utc(name, moments.KST)
    moments.is_aware(name)


@FAST
@given(
    st.dictionaries(
        st.sampled_from(["id", "file_paths", "obj_path", "mtl_path", "texture_paths"]), st.text(max_size=60)
    )
)
def test_paths_of_any_row_are_read_or_left_out(row: dict[str, str]) -> None:
    found = paths.parse(row)  # type: ignore[arg-type]  # Mapping of a narrower value
    for shape in ("local", "web", "local-flat"):
        if found is not None and found.all():
            back = paths.parse({"id": row.get("id", ""), **paths.render(found, shape)})
            assert back is not None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"file_paths": '{"obj_path": "m1/model.obj", "texture_paths": ["m1/a.png"]}'}, ("m1/model.obj", "m1/a.png")),
        (
            {"obj_path": "files\\m1\\model.obj", "texture_paths": '["files\\\\m1\\\\a.png"]'},
            ("m1/model.obj", "m1/a.png"),
        ),
        ({"obj_path": "/var/www/files/m1/model.obj", "texture_paths": "files/m1/a.png"}, ("m1/model.obj", "m1/a.png")),
        ({"obj_path": "m1/model.obj", "file_paths": "{broken", "texture_paths": "[broken"}, ("m1/model.obj",)),
        ({"obj_path": "m1/model.obj", "texture_paths": '[1, null, "m1/a.png"]'}, ("m1/model.obj", "m1/a.png")),
    ],
)
def test_paths_are_relative_to_files_however_they_were_written(row: dict[str, str], expected: tuple[str, ...]) -> None:
    found = paths.parse({"id": "m1", **row})
    assert found is not None
    assert found.all() == expected
