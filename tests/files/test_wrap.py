"""Wrappers change one thing and pass on the rest."""

from __future__ import annotations

from recon_cli.core.place import Place
from recon_cli.files.base import FileStore, read_all
from recon_cli.files.memory import MemoryStore
from recon_cli.files.wrap import Counting, ReadOnly


def test_a_dry_run_reads_and_withholds_changes() -> None:
    inner = MemoryStore(Place("memory://"))
    inner.write("kept.txt", [b"old"])
    store: FileStore = ReadOnly(inner)
    store.write("kept.txt", [b"new"])
    store.remove(b"kept.txt")
    assert read_all(store, "kept.txt") == b"old"
    assert isinstance(store, ReadOnly)
    assert store.withheld == ["write kept.txt", "remove kept.txt"]


def test_counting_sees_every_listing_and_call() -> None:
    inner = MemoryStore(Place("memory://"))
    inner.write("a/b.txt", [b"x"])
    store = Counting(inner)
    assert len(list(store.scan())) == 2
    read_all(store, "a/b.txt")
    assert store.listed == {"": 1, "a": 1}
    assert store.calls == {"scan": 1, "read": 1}
