"""Firestore's precondition on the time of a change, which the emulator ignores: what others changed meanwhile stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import grpc
import pytest
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from recon_cli.core.errors import GuardError
from recon_cli.core.place import Place
from recon_cli.stores.base import Undo
from recon_cli.stores.documents.firestore import FirestoreDocuments
from recon_cli.stores.documents.held import DocumentStore
from recon_cli.stores.documents.landed import DocumentSink
from tests.stores.conformance import SCHEMAS, model, update
from tests.stores.conformance import write as put
from tests.stores.sink.test_conformance import rows, thing, write
from tests.support import firestore_times
from tests.support.firestore_times import Documents


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Documents]]:
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)  # by it our code knows the emulator, and spares it
    with firestore_times.running() as found:
        yield found


def documents(address: str) -> FirestoreDocuments:
    def connect(_place: Place) -> FirestoreClient:
        return FirestoreClient(transport=FirestoreGrpcTransport(channel=grpc.insecure_channel(address)))

    return FirestoreDocuments(Place("firestore://project"), connect)


def test_a_batch_that_was_overtaken_is_decided_anew_on_what_is_there_now(double: tuple[str, Documents]) -> None:
    address, stored = double
    with closing(DocumentSink(documents(address))) as sink, closing(DocumentSink(documents(address))) as other:
        write(sink, thing("a", 9, "Z"), thing("b", 9, "Z"))

        def once() -> None:
            stored.before_commit = lambda: None
            write(other, thing("a", 1, "A"))  # by the table's rule this one stands before what is about to come

        stored.before_commit = once
        write(sink, thing("a", 5, "M"), thing("b", 5, "M"), thing("c", 5, "M"))
        assert stored.refused == 1
        assert rows(sink) == {("a", 1, "A"), ("b", 5, "M"), ("c", 5, "M")}


def test_a_plan_whose_row_was_changed_meanwhile_is_refused_and_the_row_stays(double: tuple[str, Documents]) -> None:
    address, stored = double
    with closing(DocumentStore(documents(address))) as store, closing(DocumentStore(documents(address))) as other:
        put(store, model("a"), model("b"))

        def meanwhile(_undo: Undo) -> None:
            put(other, update("models", "a", name="theirs"))

        with pytest.raises(GuardError, match="moved on"):
            store.apply([update("models", "a", name="ours")], SCHEMAS, base={}, prepared=meanwhile)
        assert stored.refused == 1
        assert {one.values["id"]: one.values["name"] for one in store.read("models")} == {
            "a": "theirs",
            "b": "name of b",
        }
