"""The conformance suite on every store."""

from __future__ import annotations

from tests.stores.conformance import RecordStoreConformance


class TestEveryStore(RecordStoreConformance):
    """See conformance.py."""
