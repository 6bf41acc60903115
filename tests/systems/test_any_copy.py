"""Copies come from damaged databases: whatever stands in their cells, deriving reports and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recon_cli.systems import registry
from recon_cli.systems.base import Copy
from tests.support.trees import FolderReader, FolderTree, scanned

CELL = st.one_of(
    st.none(), st.text(max_size=12), st.integers(), st.floats(), st.binary(max_size=6), st.booleans(),
    st.sampled_from(["2025-08-12 10:00:00", '{"obj_path": 1}', "[1]", "DONE", "RUNNING", "a" * 32, "ab12cd34"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> tuple[FolderTree, FolderReader]:
    root: Path = tmp_path_factory.mktemp("host")
    for name in (f"files/{'a' * 32}/model.obj", "ab12cd34/run.log"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("v 0 0 0\nv 0 2 0\n", "utf-8")
    return scanned(root)


def rows(system: str, table: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    schemas = registry.get(system).schemas(registry.get(system).shapes[0])
    names = [*schemas[table].by_name, "obj_path", "unknown"]
    return st.lists(st.dictionaries(st.sampled_from(names), CELL, max_size=len(names)), max_size=4)


@pytest.mark.parametrize("system", ["viewer", "reconstruction"])
@given(drawn=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cells_in_a_copy_leave_every_finding_whole(
    host: tuple[FolderTree, FolderReader], system: str, drawn: st.DataObject
) -> None:
    rules = registry.get(system)
    tables = [one.table for one in rules.schemas(rules.shapes[0])]
    copies = [
        Copy(name, "store", {table: drawn.draw(rows(system, n)) for n, table in enumerate(tables)})
        for name in ("streamlit_3d.db", "jobs.json")
    ]
    for shape in rules.shapes:
        found = rules.derive(*host, copies, shape=shape)
        for schema in rules.schemas(shape):
            findings = found.findings[schema.table]
            assert all(one.record.values[name] == each[0].value or each[0].value != each[0].value
                       for one in findings for name, each in one.evidence.items())  # fmt: skip
            keys = [schema.key_of(one.record) for one in findings]
            assert len(set(keys)) == len(keys)
