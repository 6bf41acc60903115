"""Content sums of tables that are in a database: the same number that a manifest has for the same rows."""

from __future__ import annotations

from recon_cli.core.catalog import DeclaredTable
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.write import MODULUS, content_sum
from recon_cli.stores.bulk.base import View


def content(view: View, table: DeclaredTable) -> str:
    """The sum of the SHA-256 of every row's line modulo 2**256, in hex: independent of order."""
    floats = lines.floats(table)
    total = sum(content_sum(lines.encode(chunk, floats)) for chunk in view.rows(table.name) if chunk)
    return f"{total % MODULUS:064x}"
