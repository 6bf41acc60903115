"""Systems are found by name, and a wrong name gets a suggestion."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from recon_cli.core.errors import ToolMissingError, UsageError
from recon_cli.systems import registry


def plugins(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    points = EntryPoints(EntryPoint(name, value, registry.GROUP) for name, value in values.items())
    monkeypatch.setattr(registry, "entry_points", lambda group: points.select(group=group))


@pytest.mark.parametrize("name", ["viewer", "reconstruction"])
def test_a_built_in_system_keeps_the_contract(name: str) -> None:
    system = registry.get(name)
    assert system.name == name
    for shape in system.shapes:
        tables = system.schemas(shape)
        assert all(set(one.key) <= set(one.by_name) for one in tables)
        columns = {one.table: [*reversed(one.by_name)] for one in tables}
        assert system.shape_for(columns) == shape, "a table of a shape is recognised as that shape, in any column order"


def test_a_wrong_name_is_a_usage_error_with_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        registry.get("viewr")
    assert caught.value.hint == "did you mean `viewer`?"
    assert "reconstruction" in str(caught.value.cause)


def test_a_plugin_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, mine="recon_cli.systems.viewer:SYSTEM", viewer="nowhere:NOTHING")
    assert registry.get("mine").name == "viewer"
    assert registry.get("viewer").name == "viewer", "a plugin does not replace a built-in system"
    assert registry.names() == ("viewer", "reconstruction", "mine")


def test_a_plugin_that_cannot_be_imported_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, broken="no_such_module_anywhere:SYSTEM")
    with pytest.raises(ToolMissingError, match="`broken` cannot be loaded"):
        registry.get("broken")
