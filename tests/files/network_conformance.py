"""What every file store behind a network keeps besides: cut, silent and absent servers do not look empty."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pytest

from recon_cli.core.entry import Incomplete
from recon_cli.core.errors import AuthError, UnreachableError
from recon_cli.files.base import FileStore, read_all
from tests.files.conformance import FileStoreConformance, Site, grow_tree, scanned, sound
from tests.support.proxy import Proxy


@dataclass
class Through:
    """A site whose store reaches its server through a proxy."""

    site: Site
    proxy: Proxy


class NetworkConformance(FileStoreConformance):
    """What stores behind a network keep besides. `folders` is how many a tree has that is cut while it is scanned."""

    folders = 200

    @pytest.fixture
    def through(self) -> Through:
        """The same as `site`, with the store connecting through a proxy and a time limit of about a second."""
        raise NotImplementedError

    @pytest.fixture
    def site(self, through: Through) -> Site:
        return through.site

    @pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
    @pytest.mark.parametrize("how", ["rst", "fin"])
    def test_a_scan_that_is_cut_once_still_ends_complete(self, through: Through, part: float, how: str) -> None:
        site, proxy = through.site, through.proxy
        folders = grow_tree(site.plant, self.folders)
        before = sum(map(proxy.stats().get, ("up", "down")))  # type: ignore[arg-type]  # both are there
        whole = scanned(site.store)
        site.store.close()
        cost = sum(map(proxy.stats().get, ("up", "down"))) - before  # type: ignore[arg-type, operator]  # both are there
        proxy.cut_after(int(cost * part), how=how)
        found = scanned(site.store)
        assert set(found) == folders
        assert found == whole

    def test_a_server_that_is_gone_for_good_ends_the_scan_with_the_reason(self, through: Through) -> None:
        site, proxy = through.site, through.proxy
        grow_tree(site.plant, self.folders)
        scan = site.store.scan()
        first = next(iter(scan))
        proxy.refuse()
        proxy.cut()
        rest = [first, *scan]
        broken = [listing for listing in rest if not sound(listing)]
        assert broken, "the cut came too late to matter"
        assert {listing.incomplete for listing in broken} <= {Incomplete.CUT, Incomplete.TIMEOUT}
        assert all(listing.detail for listing in broken)
        assert len({listing.path for listing in rest}) == len(rest)

    def test_a_server_that_falls_silent_ends_the_scan_with_the_reason(self, through: Through) -> None:
        site, proxy = through.site, through.proxy
        grow_tree(site.plant, self.folders)
        scan = site.store.scan()
        first = next(iter(scan))
        proxy.stall_after(0)
        rest = [first, *scan]
        broken = [listing for listing in rest if not sound(listing)]
        assert broken, "the silence came too late to matter"
        assert {listing.incomplete for listing in broken} <= {Incomplete.CUT, Incomplete.TIMEOUT}

    def test_a_server_that_does_not_answer_at_all_is_unreachable(self, through: Through) -> None:
        through.proxy.refuse()
        with pytest.raises(UnreachableError) as caught:
            list(through.site.store.scan())
        assert caught.value.hint

    def test_a_silent_server_is_unreachable_after_the_time_limit(self, through: Through) -> None:
        through.proxy.stall_after(0)
        with pytest.raises(UnreachableError):
            list(through.site.store.scan())

    def test_a_read_that_is_cut_goes_on_or_fails_and_never_ends_short(self, through: Through) -> None:
        body = bytes(range(256)) * 4000
        through.site.plant.file(b"big.bin", body)
        read_all(through.site.store, "big.bin")
        through.proxy.cut_after(500_000)
        try:
            assert read_all(through.site.store, "big.bin") == body
        except UnreachableError:
            assert read_all(through.site.store, "big.bin") == body

    def test_at_most_two_connections_are_used(self, through: Through) -> None:
        grow_tree(through.site.plant, 100)
        scanned(through.site.store)
        assert through.proxy.stats()["peak"] <= 2

    def test_a_wrong_login_is_told_apart_from_a_missing_server(self, through: Through) -> None:
        with contextlib.closing(self.wrong_login(through)) as store, pytest.raises(AuthError) as caught:
            list(store.scan())
        assert caught.value.hint

    def wrong_login(self, through: Through) -> FileStore:
        """A store for the same server whose credentials are not accepted."""
        raise NotImplementedError
