"""Content sums of tables that are in a database: the same number that a manifest has for the same rows."""

from __future__ import annotations

from recon_cli.core.catalog import DeclaredTable
from recon_cli.snapshot import content as sums
from recon_cli.stores.bulk.base import View


def content(view: View, table: DeclaredTable) -> str:
    """The content of a table as the manifest would have it."""
    return sums.of_rows(table, view.rows(table.name))
