"""MemoryStore keeps the contract: it may stand in for any other store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recon_cli.core.entry import EntryType
from recon_cli.core.errors import NotFoundError
from recon_cli.core.place import Place
from recon_cli.files.memory import MemoryStore, Node
from tests.files.conformance import WHEN, FileStoreConformance, Site


class InMemory:
    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    def file(self, path: bytes, body: bytes = b"") -> None:
        self.store.plant(path, Node(EntryType.FILE, body, WHEN))

    def folder(self, path: bytes) -> None:
        self.store.plant(path, Node(EntryType.DIR))

    def link(self, path: bytes, target: bytes) -> None:
        self.store.plant(path, Node(EntryType.LINK, target))

    def deny(self, path: bytes) -> None:
        self.store.plant(path, replace(Node(EntryType.DIR), denied=True))


class Nowhere(MemoryStore):
    """A tree whose root is not there."""

    def __init__(self) -> None:
        super().__init__()
        del self._nodes[b""]


class TestMemory(FileStoreConformance):
    @pytest.fixture
    def site(self) -> Site:
        store = MemoryStore()
        return Site(store, InMemory(store), Nowhere)


def test_a_named_tree_is_the_same_however_often_it_is_opened() -> None:
    MemoryStore(Place("memory://shared")).write("a", [b"x"])
    assert b"".join(MemoryStore(Place("memory://shared")).read("a")) == b"x"
    with pytest.raises(NotFoundError):
        MemoryStore(Place("memory://")).stat("a")
