"""The scanned tree on disk: exact names, completeness, resume."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing, Precision
from recon_cli.files.state import ScanState

NAMES = st.binary(min_size=1, max_size=6).map(lambda raw: raw.replace(b"/", b"-").decode("utf-8", "surrogateescape"))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[ScanState]:
    with ScanState(tmp_path / "scan.db", fresh=True) as opened:
        yield opened


def listing(path: str, *names: str, incomplete: Incomplete | None = None) -> Listing:
    prefix = f"{path}/" if path else ""
    return Listing(path, tuple(Entry(prefix + name, EntryType.FILE, 1) for name in names), "test", incomplete)


def put(state: ScanState, *listings: Listing) -> None:
    assert list(state.record(listings)) == list(listings)


@given(st.sets(NAMES))
def test_any_name_comes_back_exactly(names: set[str]) -> None:
    with ScanState(Path(":memory:"), fresh=False) as state:
        put(state, listing("", *names))
        found = state.listing("")
        assert found is not None
        assert {entry.path for entry in found.entries} == names
        assert [entry.path for entry in state.entries()] == sorted(names, key=os.fsencode)


def test_an_entry_keeps_every_field(state: ScanState) -> None:
    entry = Entry(
        "\udcb7\udce7.png", EntryType.FILE, 2**53 + 1, datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), Precision.EXACT,
        b"\xb7\xe7.png", "STAT", "odd",
    )  # fmt: skip
    put(state, Listing("", (entry,), "STAT", Incomplete.TRUNCATED, "226 cut", b""))
    assert list(state.entries()) == [entry]
    found = state.listing("")
    assert found == Listing("", (entry,), "STAT", Incomplete.TRUNCATED, "226 cut", b"")


def test_completeness_looks_up_and_down_but_not_sideways(state: ScanState) -> None:
    put(state, listing(""), listing("a"), listing("a/x", incomplete=Incomplete.DENIED), listing("ab"), listing("b"))
    assert state.complete("a")
    assert not state.complete("a/x")
    assert not state.complete_below("a")
    assert not state.complete_below("")
    assert state.complete_below("b")
    assert state.complete_below("ab")
    assert not state.complete("never seen")


def test_nothing_below_an_incomplete_parent_is_complete(state: ScanState) -> None:
    put(state, listing("", incomplete=Incomplete.TRUNCATED), listing("a"))
    assert not state.complete("a")


def test_listings_below_a_folder_do_not_include_its_neighbours(state: ScanState) -> None:
    put(state, listing(""), listing("a"), listing("a/x"), listing("a-b"), listing("a0"))
    assert [one.path for one in state.listings("a")] == ["a", "a/x"]
    assert [one.path for one in state.listings()] == ["", "a", "a-b", "a/x", "a0"]


def test_a_resumed_scan_forgets_only_what_was_not_proven(state: ScanState) -> None:
    put(state, listing("", "f"), listing("a", "g", incomplete=Incomplete.CUT))
    state.forget_incomplete()
    assert state.listing("a") is None
    assert [entry.path for entry in state.entries()] == ["f"]


def test_a_piece_is_known_only_for_the_very_same_file(state: ScanState) -> None:
    entry = Entry("a", EntryType.FILE, 10)
    state.keep_piece(entry, 0, 4, b"head")
    assert state.piece(entry, 0, 4) == b"head"
    assert state.piece(Entry("a", EntryType.FILE, 11), 0, 4) is None
    state.forget_tree()
    assert state.piece(entry, 0, 4) == b"head"


KILLED = """
import sys, time
from pathlib import Path
from recon_cli.core.entry import Entry, EntryType, Listing
from recon_cli.files.state import ScanState
state = ScanState(Path(sys.argv[1]), fresh=True)
def listings():
    for number in range(100):
        yield Listing(f"d{number:03}", (Entry(f"d{number:03}/f", EntryType.FILE),), "test")
    time.sleep(0.1)
    yield Listing("late", (), "test")
    print("now", flush=True)
    time.sleep(60)
for _ in state.record(listings()):
    pass
"""


def test_a_killed_scan_keeps_the_directories_it_had_finished(tmp_path: Path) -> None:
    path = tmp_path / "scan.db"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as scanning:
        assert scanning.stdout is not None
        assert scanning.stdout.readline() == b"now\n"
        scanning.send_signal(signal.SIGKILL)
    with ScanState(path, fresh=False) as state:
        assert not state.finished
        assert len(list(state.entries())) == 100
