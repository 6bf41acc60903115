"""The list of PCs: both spellings, what is missing filled in, what is wrong named, and sites without a list."""

from __future__ import annotations

import json
import unicodedata

import pytest

from recon_cli.core.errors import ConfigError
from recon_cli.systems.gfx import registry
from recon_cli.systems.gfx.registry import Pc, Registry


def of(*entries: object) -> Registry:
    return registry.parse(json.dumps({"pcs": entries, "version": "1.0"}).encode())


def test_both_spellings_and_the_usual_folder() -> None:
    found = of(
        {"id": "PC01", "watch_path": "PC01/exports", "enabled": True, "name": "Main", "ip": "10.0.0.1"},
        {"id": "PC02", "path": "PC02/out/"},
        {"id": "PC03", "description": "피처 테이블", "enabled": False},
        {"id": " PC04 ", "watch_path": "", "path": r".\PC04\live"},
        {"id": "PC05", "watch_path": "PC05/a", "path": "PC05/b"},
    )
    assert found.problems == ()
    assert found.pcs == (
        Pc("PC01", "PC01/exports", True, "Main", "10.0.0.1"),
        Pc("PC02", "PC02/out"),
        Pc("PC03", "PC03/hands", False, description="피처 테이블"),
        Pc("PC04", "PC04/live"),
        Pc("PC05", "PC05/a"),
    )
    assert [pc.id for pc in found.enabled] == ["PC01", "PC02", "PC04", "PC05"]


def test_a_list_saved_by_a_windows_editor_is_read() -> None:
    raw = b"\xef\xbb\xbf" + b'{"pcs":\r\n [{"id": "PC01"}]}'
    assert registry.parse(raw).pcs == (Pc("PC01", "PC01/hands"),)


@pytest.mark.parametrize(
    ("entry", "item", "detail"),
    [
        ("PC02", "pcs[1]", "it is not an object"),
        ({"watch_path": "x"}, "pcs[1]", "`id` has to be text"),
        ({"id": 2}, "pcs[1] `2`", "`id` has to be text"),
        ({"id": "  "}, "pcs[1] `  `", "`id` has to be text"),
        ({"id": "PC02", "enabled": "no"}, "pcs[1] `PC02`", "`enabled` has to be true or false"),
        ({"id": "PC01", "path": "other"}, "pcs[1] `PC01`", "another entry has this `id`"),
        ({"id": "PC02", "path": "PC01/hands/"}, "pcs[1] `PC02`", "its folder `PC01/hands` is that of `PC01`"),
    ],
)
def test_an_entry_that_cannot_be_taken_is_named_and_costs_no_other(entry: object, item: str, detail: str) -> None:
    found = of({"id": "PC01"}, entry, {"id": "PC09"})
    assert [pc.id for pc in found.pcs] == ["PC01", "PC09"]
    assert [(one.item, one.detail) for one in found.problems] == [(f"config/pc_registry.json: {item}", detail)]


@pytest.mark.parametrize("path", ["/etc", "../other", "PC02/../../etc", r"\\nas\share", r"C:\exports", 7, ["x"]])
def test_no_entry_leads_out_of_the_nas(path: object) -> None:
    found = of({"id": "PC02", "watch_path": path})
    assert (found.pcs, len(found.problems)) == ((), 1)
    assert "below the NAS folder" in found.problems[0].detail


@pytest.mark.parametrize(
    ("raw", "message", "hint"),
    [
        (b'{"pcs": [{"id": "PC0', "not whole yet", "run again"),
        (b"", "not whole yet", "run again"),
        (b'{"pcs": [,]}', "not JSON", "mend"),
        (b'{"PCs": []}', "no list `pcs`", "write it as"),
        (b'{"pcs": {}}', "no list `pcs`", "write it as"),
        (b"[]", "no JSON object", "mend"),
    ],
)
def test_a_file_that_is_no_list_is_an_error_so_that_the_one_before_is_kept(raw: bytes, message: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        registry.parse(raw, "config/pc_registry.json")
    assert "config/pc_registry.json" in caught.value.message
    assert hint in str(caught.value.hint)


def test_a_file_belongs_to_the_innermost_folder_around_it() -> None:
    found = of({"id": "outer", "path": "PC01"}, {"id": "inner", "path": "PC01/hands"}, {"id": "PC010"})
    owners = {
        path: pc.id if (pc := found.pc_of(path)) else None
        for path in ("PC01/x.json", "PC01/hands/1015/x.json", "PC010/hands/x.json", "PC02/hands/x.json", "x.json")
    }
    assert list(owners.values()) == ["outer", "inner", "PC010", None, None]


def test_the_files_of_a_disabled_pc_are_nobody_elses() -> None:
    found = of({"id": "all", "path": "."}, {"id": "off", "path": "off", "enabled": False})
    assert found.pc_of("off/x.json") is None
    assert found.pc_of("on/x.json") == Pc("all", "")


def test_a_pc_that_took_a_disabled_ones_place_may_have_its_folder() -> None:
    entries = [{"id": "old", "enabled": False, "path": "a"}, {"id": "new", "path": "a"}]
    for order in (entries, entries[::-1]):
        found = of(*order)
        assert found.problems == ()
        assert found.pc_of("a/x.json") == Pc("new", "a")


def test_a_korean_folder_is_found_in_either_spelling() -> None:
    found = of({"id": "본선", "path": unicodedata.normalize("NFD", "본선/핸드")})
    for form in ("NFC", "NFD"):
        assert found.pc_of(unicodedata.normalize(form, "본선/핸드/1015/x.json")) == Pc("본선", "본선/핸드")


def test_a_site_without_a_list_has_a_table_for_each_folder() -> None:
    found = registry.of_folders(["table-GG", "table-B/", "config", "_error", ".snapshots"])
    assert found.pcs == (Pc("table-B", "table-B"), Pc("table-GG", "table-GG"))
    for path in ("table-GG/1015/x.json", "table-GG/1015/new/x.json", "table-GG/new/x.json"):
        assert found.pc_of(path) == Pc("table-GG", "table-GG")
    assert found.pc_of("_error/x.json") is None
