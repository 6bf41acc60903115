"""Stores of documents: the contract of record stores, but for what they cannot do, which is told here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recon_cli.core.errors import GuardError
from recon_cli.core.place import Place
from recon_cli.core.plan import Change, ChangeKind
from recon_cli.stores.base import Undo
from recon_cli.stores.registry import open_records
from tests.stores.conformance import SCHEMAS, Bench, RecordStoreConformance, keys, model, update, write
from tests.stores.documents import DocumentBench
from tests.support.document_fixtures import (
    documents_place,
    firestore_address,
    firestore_db,
    redis_db,
    redis_server_,
    upstash,
)

__all__ = ["documents_place", "firestore_address", "firestore_db", "redis_db", "redis_server_", "upstash"]


@pytest.fixture
def bench(documents_place: Place) -> Iterator[Bench]:
    kind = {"redis": "kv", "kv+http": "kv", "firestore": "firestore", "git+file": "git"}
    made = DocumentBench(documents_place, kind[documents_place.url.partition("://")[0]])
    yield made
    made.store.close()


class TestEveryStoreOfDocuments(RecordStoreConformance):
    """See conformance.py. All of it holds: unique and missing values are refused by us, not by the store."""


def test_a_row_that_another_writer_changed_meanwhile_is_refused_and_stays(bench: Bench, documents_place: Place) -> None:
    write(bench.store, model("a"), model("b"))
    other = open_records(documents_place)

    removed = bench.kind == "firestore"  # the emulator does not look at the time of a change: see DEVIATIONS

    def meanwhile(_undo: Undo) -> None:
        gone = Change(ChangeKind.DELETE, "models", ("a",), None)
        write(other, gone if removed else update("models", "a", name="theirs"))

    with pytest.raises(GuardError, match="moved on"):
        bench.store.apply([update("models", "a", name="ours")], SCHEMAS, base={}, prepared=meanwhile)
    other.close()
    found = {one.values["id"]: one.values["name"] for one in bench.store.read("models")}
    assert found == {"b": "name of b"} if removed else {"a": "theirs", "b": "name of b"}


def test_what_one_connection_wrote_another_reads(bench: Bench, documents_place: Place) -> None:
    write(bench.store, *(model(f"k{number:03}") for number in range(120)))
    other = open_records(documents_place)
    assert keys(other, "models") == [f"k{number:03}" for number in range(120)]
    other.close()
