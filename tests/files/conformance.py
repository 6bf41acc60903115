"""What every file store keeps, whatever lies behind it. Each store's tests subclass `FileStoreConformance`.

The fixture `site` gives a store together with a way to put files there behind its back. Where a protocol cannot show
something (HTTP has no links, memory no network), the site says so, and the test asserts what is true instead.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing, Precision
from recon_cli.core.errors import NotFoundError, UsageError
from recon_cli.files.base import FileStore, MtimeMode, ScanOptions, read_all

WHEN = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)
KOREAN = "로고 앞면"
EUC_KR = "견적서".encode("euc-kr")
ODD_NAMES = [
    " leading and trailing ",
    "-rf",
    "two  spaces",
    'double "quotes"',
    "it's",
    "[brackets]{braces}",
    "100%25",
    "#hash?query&amp;",
    "a+b=c;d:e,f@g",
    "back\\slash",
    "star*",
    "~tilde",
    "$(touch x)`y`",
    "<b>tag",
    "é",
    unicodedata.normalize("NFC", KOREAN),
    unicodedata.normalize("NFD", KOREAN),
    "🗣️",
]


class Plant(Protocol):
    """Puts things where the store looks, without the store. Paths are bytes, relative to the store's root."""

    def file(self, path: bytes, body: bytes = b"") -> None: ...
    def folder(self, path: bytes) -> None: ...
    def link(self, path: bytes, target: bytes) -> None: ...
    def deny(self, path: bytes) -> None: ...


class OnDisk:
    """Plants into a folder of this machine that a server shows."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def at(self, path: bytes) -> Path:
        return self.root / os.fsdecode(path)

    def file(self, path: bytes, body: bytes = b"") -> None:
        self.folder(path.rpartition(b"/")[0])
        self.at(path).write_bytes(body)
        os.utime(self.at(path), (WHEN.timestamp(), WHEN.timestamp()))

    def folder(self, path: bytes) -> None:
        full = self.root
        for part in filter(None, os.fsdecode(path).split("/")):
            full = full / part
            if not full.is_dir():
                full.mkdir()
                full.chmod(0o777)

    def link(self, path: bytes, target: bytes) -> None:
        self.at(path).symlink_to(os.fsdecode(target))

    def deny(self, path: bytes) -> None:
        self.at(path).chmod(0)


@dataclass
class Site:
    """A store, how to plant there, and what the protocol behind it can show."""

    store: FileStore
    plant: Plant
    missing: Callable[[], FileStore]
    """Another store of the same kind whose root is not there."""
    writes: bool = True
    links: bool = True
    """Links are told apart; where not, they may look like what they point to, but a loop must still end."""
    exact: bool = True
    """Sizes and times of a plain listing are exact."""
    dotfiles: bool = True
    raw_names: bool = True
    """`raw_path` holds the very bytes on the disk."""
    any_bytes: bool = True
    """The server passes on names that are no UTF-8; where not, their files may stay out of reach, under any name."""


def scanned(store: FileStore, under: str = "", **options: object) -> dict[str, Listing]:
    """All listings by path; no directory may come twice."""
    found: dict[str, Listing] = {}
    for listing in store.scan(under, ScanOptions(**options)):  # type: ignore[arg-type]  # passed through
        assert listing.path not in found, f"{listing.path} came twice"
        found[listing.path] = listing
    return found


def entries(found: dict[str, Listing]) -> dict[str, Entry]:
    return {entry.path: entry for listing in found.values() for entry in listing.entries}


def sound(listing: Listing) -> bool:
    """Complete, or left in doubt only because this kind of server never shows dotfiles."""
    return listing.incomplete in {None, Incomplete.HIDDEN}


def grow_tree(plant: Plant, folders: int = 30, files: int = 3) -> set[str]:
    """A tree of two levels; the paths of all its directories."""
    for number, each in itertools.product(range(folders), range(files)):
        plant.file(f"d{number % 5}/s{number:03}/f{each}.txt".encode(), b"x" * each)
    return {"", *(f"d{n % 5}" for n in range(folders)), *(f"d{n % 5}/s{n:03}" for n in range(folders))}


class FileStoreConformance:
    """The contract of `FileStore`, as tests."""

    @pytest.fixture
    def site(self) -> Site:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _closed(self, site: Site) -> Iterator[None]:
        yield
        site.store.close()
        site.store.close()

    def test_every_directory_comes_once_and_every_file_is_there(self, site: Site) -> None:
        folders = grow_tree(site.plant)
        found = scanned(site.store)
        assert set(found) == folders
        assert all(listing.listed_by for listing in found.values())
        files = [entry for entry in entries(found).values() if entry.type is EntryType.FILE]
        assert len(files) == 90
        assert {entry.parent for entry in files} == {folder for folder in folders if "/" in folder}

    def test_sizes_and_times_are_those_of_the_files_or_plainly_unknown(self, site: Site) -> None:
        site.plant.file(b"folder/model.obj", b"x" * 12345)
        one = entries(scanned(site.store))["folder/model.obj"]
        assert one.size_bytes in ({12345} if site.exact else {12345, None})
        assert one.type is EntryType.FILE
        if one.mtime is None:
            assert one.precision is Precision.NONE
        elif site.exact:
            assert (one.mtime, one.precision) == (WHEN, Precision.EXACT)
        else:
            assert abs((one.mtime - WHEN).total_seconds()) < 24 * 3600

    def test_exact_times_are_exact_when_asked_for(self, site: Site) -> None:
        site.plant.file(b"folder/model.obj", b"x" * 12345)
        one = entries(scanned(site.store, mtime=MtimeMode.EXACT))["folder/model.obj"]
        assert (one.mtime, one.precision, one.size_bytes) == (WHEN, Precision.EXACT, 12345)

    def test_every_odd_name_is_exact_and_leads_back_to_its_file(self, site: Site) -> None:
        for name in ODD_NAMES:
            site.plant.file(b"odd/" + name.encode(), name.encode())
            site.plant.file(b"in/" + name.encode() + b"/x", b"below " + name.encode())
        found = scanned(site.store)
        seen = entries(found)
        assert {entry.name for entry in found["odd"].entries} == set(ODD_NAMES)
        for name in ODD_NAMES:
            assert sound(found[f"in/{name}"])
            assert seen[f"odd/{name}"].raw_path is None
            assert read_all(site.store, seen[f"odd/{name}"]) == name.encode()
            assert read_all(site.store, f"in/{name}/x") == b"below " + name.encode()

    def test_dotfiles_are_listed_or_the_directory_says_that_they_are_hidden(self, site: Site) -> None:
        site.plant.file(b"models/.png", b"hidden")
        site.plant.file(b"models/model.obj", b"shown")
        listing = scanned(site.store)["models"]
        if site.dotfiles:
            assert {entry.name for entry in listing.entries} == {".png", "model.obj"}
            assert listing.complete
        else:
            assert listing.incomplete is Incomplete.HIDDEN

    def test_korean_names_in_euc_kr_read_as_korean_and_keep_their_bytes(self, site: Site) -> None:
        site.plant.file(b"files/" + EUC_KR + b".txt", b"estimate")
        site.plant.file(EUC_KR + b"/inner/" + EUC_KR, b"inside")
        found = scanned(site.store)
        seen = entries(found)
        if not site.any_bytes:
            assert len(found["files"].entries) == 1
            return
        one = seen["files/견적서.txt"]
        assert one.raw_path is not None
        if site.raw_names:
            assert one.raw_path == b"files/" + EUC_KR + b".txt"
            assert seen["견적서/inner/견적서"].raw_path == EUC_KR + b"/inner/" + EUC_KR
            assert found["견적서/inner"].raw_path == EUC_KR + b"/inner"
        assert sound(found["견적서/inner"])
        assert read_all(site.store, one) == b"estimate"
        assert read_all(site.store, seen["견적서/inner/견적서"]) == b"inside"

    def test_bytes_that_are_no_text_at_all_still_lead_to_their_file(self, site: Site) -> None:
        site.plant.file(b"files/caf\xe9\xff.txt", b"latin")
        (one,) = scanned(site.store)["files"].entries
        if not site.any_bytes:
            return
        assert one.raw_path is not None
        assert read_all(site.store, one) == b"latin"

    def test_an_empty_directory_is_complete_and_empty(self, site: Site) -> None:
        site.plant.folder(b"empty/inner")
        found = scanned(site.store)
        assert found["empty/inner"].entries == ()
        assert sound(found["empty/inner"])

    def test_a_deep_tree_is_walked_to_its_end(self, site: Site) -> None:
        deep = "/".join(f"d{number}" for number in range(40))
        site.plant.file(f"{deep}/end.txt".encode(), b"end")
        found = scanned(site.store)
        assert len(found) == 41
        assert f"{deep}/end.txt" in entries(found)

    def test_links_are_reported_and_never_followed(self, site: Site) -> None:
        site.plant.file(b"real/file.txt", b"x")
        site.plant.link(b"real/loop", b"..")
        site.plant.link(b"real/also.txt", b"file.txt")
        site.plant.link(b"real/dangling", b"nowhere")
        found = scanned(site.store)
        if site.links:
            assert set(found) == {"", "real"}
            kinds = {entry.name: entry.type for entry in found["real"].entries}
            links = dict.fromkeys(("loop", "also.txt", "dangling"), EntryType.LINK)
            assert kinds == {"file.txt": EntryType.FILE, **links}
        else:
            assert "real/file.txt" in entries(found)
            assert len(found) < 200

    def test_a_scan_below_a_folder_keeps_paths_relative_to_the_root(self, site: Site) -> None:
        grow_tree(site.plant)
        found = scanned(site.store, "d1")
        assert set(found) == {"d1", *(f"d1/s{number:03}" for number in range(1, 30, 5))}
        assert all(path.startswith("d1/") for path in entries(found))

    def test_known_directories_are_taken_and_not_listed_again(self, site: Site) -> None:
        folders = grow_tree(site.plant)
        before = scanned(site.store)
        site.plant.file(b"d0/s000/new.txt", b"unseen")
        site.plant.file(b"d1/s001/new.txt", b"seen")
        known = {path: listing for path, listing in before.items() if path != "d1/s001"}
        after = scanned(site.store, known=known.get)
        assert set(after) == folders
        assert "d0/s000/new.txt" not in entries(after)
        assert "d1/s001/new.txt" in entries(after)

    def test_skipped_directories_are_neither_listed_nor_called_incomplete(self, site: Site) -> None:
        grow_tree(site.plant)
        found = scanned(site.store, skip=lambda path: path == "d1")
        assert not any(path.startswith("d1") for path in found)
        assert entries(found)["d1"].type is EntryType.DIR

    def test_directories_too_deep_say_so(self, site: Site) -> None:
        grow_tree(site.plant)
        found = scanned(site.store, max_depth=1)
        assert {listing.incomplete for path, listing in found.items() if "/" in path} == {Incomplete.DEPTH}
        assert {listing.incomplete for path, listing in found.items() if "/" not in path} <= {None, Incomplete.HIDDEN}
        assert all(listing.entries == () for path, listing in found.items() if "/" in path)
        assert set(scanned(site.store, max_depth=0)) == {"", "d0", "d1", "d2", "d3", "d4"}

    def test_a_denied_directory_is_an_incomplete_listing_and_the_rest_goes_on(self, site: Site) -> None:
        site.plant.file(b"a/open.txt", b"x")
        site.plant.file(b"b/closed/secret.txt", b"x")
        site.plant.file(b"c/open.txt", b"x")
        site.plant.deny(b"b/closed")
        found = scanned(site.store)
        assert found["b/closed"].incomplete is Incomplete.DENIED
        assert found["b/closed"].detail
        assert {"a/open.txt", "c/open.txt"} <= set(entries(found))

    def test_a_missing_root_is_an_error_and_no_empty_tree(self, site: Site) -> None:
        with contextlib.closing(site.missing()) as store, pytest.raises(NotFoundError):
            list(store.scan())
        with pytest.raises(NotFoundError):
            list(site.store.scan("no/such/folder"))

    def test_stat_knows_a_file_a_folder_and_what_is_missing(self, site: Site) -> None:
        site.plant.file(b"folder/model.obj", b"x" * 12345)
        one = site.store.stat("folder/model.obj")
        assert (one.path, one.type, one.size_bytes, one.mtime) == ("folder/model.obj", EntryType.FILE, 12345, WHEN)
        assert site.store.stat("folder").type is EntryType.DIR
        with pytest.raises(NotFoundError):
            site.store.stat("folder/none.obj")

    def test_ranges_and_tails_are_exactly_what_was_asked_for(self, site: Site) -> None:
        body = bytes(range(256)) * 1000
        site.plant.file(b"big.bin", body)
        site.plant.file(b"empty.bin", b"")
        store = site.store
        assert read_all(store, "big.bin") == body
        assert b"".join(store.read("big.bin", size_bytes=4096)) == body[:4096]
        assert b"".join(store.read("big.bin", offset=100_001, size_bytes=77)) == body[100_001:100_078]
        assert b"".join(store.read("big.bin", offset=255_990, size_bytes=100)) == body[255_990:]
        assert b"".join(store.read("big.bin", offset=300_000)) == b""
        assert b"".join(store.read("big.bin", size_bytes=0)) == b""
        assert store.tail("big.bin", 100) == body[-100:]
        assert store.tail("big.bin", 1_000_000) == body
        assert (read_all(store, "empty.bin"), store.tail("empty.bin", 10)) == (b"", b"")

    def test_a_read_may_end_early_and_the_store_goes_on(self, site: Site) -> None:
        site.plant.file(b"big.bin", b"0123456789" * 300_000)
        chunks = site.store.read("big.bin")
        first = next(chunks)
        chunks.close()  # type: ignore[attr-defined]  # every store gives a generator
        assert b"0123456789".startswith(first[:10])
        assert b"".join(site.store.read("big.bin", offset=10, size_bytes=10)) == b"0123456789"

    def test_reading_what_is_not_there_is_an_error(self, site: Site) -> None:
        with pytest.raises(NotFoundError):
            read_all(site.store, "none.bin")
        with pytest.raises(NotFoundError):
            site.store.tail("none.bin", 10)

    def test_a_path_that_leads_out_of_the_store_is_refused(self, site: Site) -> None:
        for ref in ("../etc/passwd", b"a/../../b"):
            with pytest.raises(UsageError):
                read_all(site.store, ref)

    def test_a_file_is_published_whole_with_its_folders_and_replaces_the_old_one(self, site: Site) -> None:
        if not site.writes:
            with pytest.raises(UsageError):
                site.store.write("new.txt", [b"x"])
            return
        for body in (b"one", b"two" * 50_000):
            site.store.write("new/deep/파일 1.txt", [body[:2], body[2:]])
            assert read_all(site.store, "new/deep/파일 1.txt") == body
        assert [entry.name for entry in scanned(site.store)["new/deep"].entries] == ["파일 1.txt"]

    def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_rest(self, site: Site) -> None:
        if not site.writes:
            return

        def broken() -> Iterator[bytes]:
            yield b"half"
            raise RuntimeError("the source broke")

        site.plant.folder(b"folder")
        site.store.write("folder/file.txt", [b"old"])
        with pytest.raises(RuntimeError, match="the source broke"):
            site.store.write("folder/file.txt", broken())
        assert read_all(site.store, "folder/file.txt") == b"old"
        assert [entry.name for entry in scanned(site.store)["folder"].entries] == ["file.txt"]

    def test_removing_twice_is_no_error(self, site: Site) -> None:
        site.plant.file(b"folder/file.txt", b"x")
        if not site.writes:
            with pytest.raises(UsageError):
                site.store.remove("folder/file.txt")
            return
        site.store.remove("folder/file.txt")
        site.store.remove("folder/file.txt")
        assert scanned(site.store)["folder"].entries == ()

    def test_probe_speaks_in_words(self, site: Site) -> None:
        told = site.store.probe()
        assert told["listing"]
        assert all(isinstance(word, str) for pair in told.items() for word in pair)

    def test_a_closed_store_connects_again_when_used(self, site: Site) -> None:
        site.plant.file(b"file.txt", b"x")
        scanned(site.store)
        site.store.close()
        assert read_all(site.store, "file.txt") == b"x"

    def test_the_url_shows_no_secret(self, site: Site) -> None:
        assert "://" in site.store.url
        assert "hunter2" not in site.store.url
