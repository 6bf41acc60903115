"""What the columns of the systems mean that recon knows: zones of their naive times, JSON kept as text."""

from __future__ import annotations

from dataclasses import replace

from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.core.errors import UsageError
from recon_cli.migration.policy import Policies

_KOREA, _UTC = "Asia/Seoul", "UTC"
_VIEWER_JSON = frozenset({"file_paths", "backup_paths", "texture_paths"})
_SYSTEMS = ("viewer", "reconstruction")


def policies(catalog: Catalog, system: str, given: Policies) -> tuple[Policies, list[str]]:
    """The policies for a system's database, and what was decided in words. A zone that was asked for stands.

    Raises:
        UsageError: no such system.
    """
    if not system:
        return given, []
    if system not in _SYSTEMS:
        raise UsageError(f"no system `{system}`", hint=f"known are {', '.join(_SYSTEMS)}")
    zone, why = _viewer_zone(catalog) if system == "viewer" else (_UTC, "the server writes UTC")
    if given.naive_zone:
        zone, why = given.naive_zone, "as asked for"
    zones = dict.fromkeys(_times(catalog), zone) | dict(given.zones)
    documents = given.json_columns
    if system == "viewer":
        documents |= {f"{t.name}.{c.name}" for t in catalog.tables for c in t.columns if c.name in _VIEWER_JSON}
    told = f"times without an offset are {zone} ({system}: {why})"
    return replace(given, zones=zones, naive_zone=zone, json_columns=frozenset(documents)), [told]


def _times(catalog: Catalog) -> list[str]:
    return [f"{t.name}.{c.name}" for t in catalog.tables for c in t.columns if _is_time(t, c.name)]


def _is_time(table: DeclaredTable, name: str) -> bool:
    column = table.column(name)
    return column is not None and any(word in column.declared.upper() for word in ("DATE", "TIME"))


def _viewer_zone(catalog: Catalog) -> tuple[str, str]:
    """The application's own file has `annotations`, and paths in one JSON column; the web host's has not."""
    models = catalog.table("models")
    local = catalog.table("annotations") or (models is not None and models.column("file_paths"))
    if local or models is None or catalog.table("feedbacks") is None:
        return _KOREA, "the application's own file"
    return _UTC, "the web host's file"
