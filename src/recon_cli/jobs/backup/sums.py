"""Content sums of tables that are in a database: the same number that a manifest has for the same rows."""

from __future__ import annotations

import hashlib

from recon_cli.core.catalog import DeclaredTable
from recon_cli.snapshot import rows as lines
from recon_cli.stores.bulk.base import View


def content(view: View, table: DeclaredTable) -> str:
    """The sum of the SHA-256 of every row's line modulo 2**256, in hex: independent of order."""
    floats, total = lines.floats(table), 0
    for chunk in view.rows(table.name):
        for line in lines.encode(chunk, floats).split(b"\n")[:-1]:
            total += int.from_bytes(hashlib.sha256(line).digest(), "big")
    return f"{total % (1 << 256):064x}"
