"""The page of licences is current, and nothing that recon needs would bind whoever hands it on."""

from __future__ import annotations

import sys

import pytest

from tools import licences

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info[:2] != (3, 11), reason="the page tells of CPython 3.11 on Linux"
)


def test_the_page_of_licences_is_what_the_packages_say_today() -> None:
    assert licences.PAGE.read_text("utf-8") == licences.page()


def test_every_package_tells_its_licence_and_none_is_under_the_gpl() -> None:
    found = {name: licences.licence(name) for name in licences.packages()}
    assert len(found) > 60
    assert not [name for name, text in found.items() if text == "not told"]
    assert not [name for name, text in found.items() if licences.STRONG.search(text)]


@pytest.mark.parametrize(("text", "binds"), [("GPL-3.0-only", True), ("AGPL-3.0", True), ("LGPL-2.1-only", False)])
def test_the_lesser_gpl_is_told_from_the_others(text: str, binds: bool) -> None:  # noqa: FBT001  a value under test
    assert bool(licences.STRONG.search(text)) is binds
