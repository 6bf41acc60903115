"""S3Store keeps the contract against rclone's S3 server, behind a network that is not always good."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recon_cli.core.errors import NotFoundError
from recon_cli.files.base import FileStore
from recon_cli.files.s3 import S3Store
from tests.files.conformance import OnDisk, Site, entries, scanned, sound
from tests.files.network_conformance import NetworkConformance, Through
from tests.support.proxy import Proxy
from tests.support.s3_server import S3Server, s3_server


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with tempfile.TemporaryDirectory(prefix="recon-s3-") as name, s3_server(Path(name)) as running:
        yield running


class TestS3(NetworkConformance):
    folders = 60  # a request for each

    @pytest.fixture
    def through(self, server: S3Server) -> Iterator[Through]:
        with tempfile.TemporaryDirectory(prefix="b-", dir=server.root) as name, Proxy(server.port) as proxy:
            root = Path(name) / "tree"
            root.mkdir()
            bucket = Path(name).name

            def store(path: str) -> S3Store:
                return S3Store(server.place(f"{bucket}/{path}", port=proxy.port, timeout_s=1, retries=1))

            site = Site(store("tree"), OnDisk(root), lambda: store("none"), links=False, any_bytes=False)
            yield Through(site, proxy)

    def wrong_login(self, through: Through) -> FileStore:
        place = through.site.store._place  # type: ignore[attr-defined]  # an S3Store
        return S3Store(type(place)(place.url, secret=lambda: "hunter2", options=place.options))

    def test_an_empty_directory_is_complete_and_empty(self, site: Site) -> None:
        """S3 has no folders: an empty one is not there, or, where a server shows it, it is empty."""
        site.plant.file(b"full/x", b"x")
        site.plant.folder(b"empty/inner")
        found = scanned(site.store)
        assert all(sound(listing) for listing in found.values())
        assert set(entries(found)) - {"empty", "empty/inner"} == {"full", "full/x"}

    def test_a_denied_directory_is_an_incomplete_listing_and_the_rest_goes_on(self, site: Site) -> None:
        pytest.skip("rclone's server has no rules for prefixes; test_s3.py shows how a refusal is told")

    def test_removing_twice_is_no_error(self, site: Site) -> None:
        """With its last file a folder goes."""
        site.plant.file(b"folder/file.txt", b"x")
        site.plant.file(b"stays.txt", b"x")
        site.store.remove("folder/file.txt")
        site.store.remove("folder/file.txt")
        assert "folder/file.txt" not in entries(scanned(site.store))
        with pytest.raises(NotFoundError):
            site.store.stat("folder/file.txt")
