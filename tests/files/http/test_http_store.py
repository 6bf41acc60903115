"""What only web servers do: pages that are no listing, logins, loops through followed links, answers that must wait."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recon_cli.core.entry import Incomplete, Precision
from recon_cli.core.errors import AuthError, ConfigError, NotFoundError, UnreachableError
from recon_cli.core.place import Place
from recon_cli.files.base import MtimeMode, read_all
from recon_cli.files.http.store import HttpStore
from tests.files.conformance import scanned
from tests.support.http_server import WebSite, nginx, python_server


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebSite]:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "model.obj").write_bytes(b"v 0 0 0\n")
    with python_server(tmp_path) as site:
        yield site


_OPENED: list[HttpStore] = []


def store(web: WebSite, password: str | None = None, user: str = "", **options: str) -> HttpStore:
    login = f"{user}@" if user else ""
    _OPENED.append(HttpStore(Place(f"http://{login}127.0.0.1:{web.port}", secret=lambda: password, options=options)))
    return _OPENED[-1]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _OPENED:
        _OPENED.pop().close()


def test_a_folder_with_its_own_page_is_not_taken_for_an_empty_one(web: WebSite) -> None:
    web.pages["/folder/"] = b"<html><title>Our models</title><body>Hello</body></html>"
    listing = scanned(store(web))["folder"]
    assert listing.incomplete is Incomplete.UNPARSED
    assert "Our models" in listing.detail


def test_a_page_that_breaks_off_is_called_truncated(web: WebSite) -> None:
    web.pages["/folder/"] = b'<html><title>Index of /folder/</title><pre><a href="model.obj">mod'
    assert scanned(store(web))["folder"].incomplete is Incomplete.TRUNCATED


def test_the_right_login_shows_the_tree_and_a_wrong_one_hides_its_password(web: WebSite) -> None:
    web.login = "kim:hunter2"
    assert "folder" in scanned(store(web, "hunter2", "kim"))
    with pytest.raises(AuthError) as caught:
        scanned(store(web, "wrong-secret", "kim"))
    assert "wrong-secret" not in str(caught.value.document())


def test_a_denied_root_is_a_listing_that_says_so(web: WebSite) -> None:
    web.denied.add("/")
    assert scanned(store(web))[""].incomplete is Incomplete.DENIED


@pytest.mark.system
def test_links_that_the_server_follows_end_as_a_loop() -> None:
    """Nginx shows a linked folder as a folder."""
    with tempfile.TemporaryDirectory(prefix="recon-loop-") as name:
        site = Path(name)
        site.chmod(0o755)
        (site / "file.txt").write_bytes(b"x")
        for link in ("one", "two"):
            (site / link).symlink_to(".")
        with nginx(site) as port:
            found = scanned(HttpStore(Place(f"http://127.0.0.1:{port}/", options={"dotfiles": "none"})))
    assert Incomplete.LOOP in {listing.incomplete for listing in found.values()}
    assert len(found) < 20


def test_a_place_may_say_that_there_are_no_dotfiles(web: WebSite) -> None:
    assert scanned(store(web, dotfiles="none"))["folder"].complete


def test_exact_times_and_sizes_come_from_the_headers_of_each_file(web: WebSite) -> None:
    (one,) = scanned(store(web), mtime=MtimeMode.EXACT)["folder"].entries
    assert (one.size_bytes, one.precision) == (8, Precision.EXACT)


def test_an_unknown_zone_is_a_config_error(web: WebSite) -> None:
    with pytest.raises(ConfigError):
        scanned(store(web, zone="Mars/Olympus"))


def test_a_file_that_is_not_there_and_one_that_is_denied_are_told_apart(web: WebSite) -> None:
    web.denied.add("/folder/model.obj")
    with pytest.raises(NotFoundError):
        read_all(store(web), "folder/none")
    with pytest.raises(AuthError):
        read_all(store(web), "folder/model.obj")


def test_a_certificate_nobody_vouches_for_is_refused(web: WebSite) -> None:
    with pytest.raises(UnreachableError):
        scanned(HttpStore(Place(f"https://127.0.0.1:{web.port}/", options={"timeout_s": 1})))
