"""Index pages as nginx, Apache, lighttpd and Python write them, and pages that are none."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from recon_cli.core.entry import EntryType, Precision
from recon_cli.files.http.autoindex import Item, parse

URL = "http://host.example/models/"

NGINX = b"""<html><head><title>Index of /models/</title></head><body><h1>Index of /models/</h1><hr><pre>
<a href="../">../</a>
<a href="sub%20folder/">sub folder/</a>                       21-Nov-2026 09:32                   -
<a href="model.obj">model.obj</a>                             03-Feb-2025 04:05               12345
<a href="a%26b%3F.txt">a&amp;b?.txt</a>                       03-Feb-2025 04:05                   0
</pre><hr></body></html>"""

APACHE_TABLE = b"""<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<html><head><title>Index of /models</title></head><body><h1>Index of /models</h1>
<table><tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th><th>Size</th></tr>
<tr><td><a href="/">Parent Directory</a></td><td>&nbsp;</td><td align="right">  - </td></tr>
<tr><td><a href="textures/">textures/</a></td><td align="right">2025-02-03 04:05  </td><td align="right">  - </td></tr>
<tr><td><a href="model.obj">model.obj</a></td><td align="right">2025-02-03 04:05  </td><td align="right"> 12K</td></tr>
<tr><td><a href="tiny.mtl">tiny.mtl</a></td><td align="right">2025-02-03 04:05  </td><td align="right">512 </td></tr>
</table><address>Apache/2.4 Server at host.example Port 80</address></body></html>"""

APACHE_LIST = b"""<html><head><title>Index of /models</title></head><body><h1>Index of /models</h1>
<ul><li><a href="/"> Parent Directory</a></li><li><a href="model.obj"> model.obj</a></li>
<li><a href="textures/"> textures/</a></li></ul></body></html>"""

LIGHTTPD = b"""<!DOCTYPE html><html><head><title>Index of /models/</title></head><body><h2>Index of /models/</h2>
<div class="list"><table summary="Directory Listing"><thead><tr><th class="n">Name</th></tr></thead><tbody>
<tr class="d"><td class="n"><a href="../">..</a>/</td><td class="m">&nbsp;</td><td class="s">- &nbsp;</td></tr>
<tr class="d"><td class="n"><a href="textures/">textures</a>/</td><td class="m">2025-Feb-03 04:05:06</td>
<td class="s">- &nbsp;</td><td class="t">Directory</td></tr>
<tr><td class="n"><a href="model.obj">model.obj</a></td><td class="m">2025-Feb-03 04:05:06</td>
<td class="s">4.2K</td><td class="t">application/octet-stream</td></tr></tbody></table></div></body></html>"""

PYTHON = b"""<!DOCTYPE HTML><html lang="en"><head><title>Directory listing for /models/</title></head><body>
<h1>Directory listing for /models/</h1><hr><ul><li><a href="model.obj">model.obj</a></li>
<li><a href="real%40">real@</a></li><li><a href="linked">linked@</a></li><li><a href="textures/">textures/</a></li>
<li><a href="%EA%B0%80.png">\xea\xb0\x80.png</a></li></ul><hr></body></html>"""

WHEN = datetime(2025, 2, 3, 4, 5, tzinfo=UTC)


def items(page: bytes) -> dict[bytes, Item]:
    found = parse(page, URL)
    assert found.items is not None
    assert found.whole
    return {item.raw: item for item in found.items}


def test_nginx_tells_names_exact_sizes_and_times_to_the_minute() -> None:
    found = items(NGINX)
    assert set(found) == {b"sub folder", b"model.obj", b"a&b?.txt"}
    assert found[b"sub folder"].type is EntryType.DIR
    assert found[b"model.obj"] == Item(b"model.obj", EntryType.FILE, 12345, WHEN, Precision.MINUTE)
    assert found[b"a&b?.txt"].size_bytes == 0


def test_apache_sizes_with_a_unit_are_not_exact_and_those_without_are() -> None:
    found = items(APACHE_TABLE)
    assert set(found) == {b"textures", b"model.obj", b"tiny.mtl"}
    assert (found[b"model.obj"].size_bytes, found[b"model.obj"].note) == (None, "about 12K")
    assert found[b"tiny.mtl"].size_bytes == 512
    assert found[b"textures"].mtime == WHEN


def test_apache_without_fancy_indexing_tells_names_only() -> None:
    found = items(APACHE_LIST)
    assert {raw: item.type for raw, item in found.items()} == {
        b"model.obj": EntryType.FILE,
        b"textures": EntryType.DIR,
    }
    assert all(item.precision is Precision.NONE for item in found.values())


def test_lighttpd_tells_seconds() -> None:
    found = items(LIGHTTPD)
    assert set(found) == {b"textures", b"model.obj"}
    assert found[b"model.obj"].mtime == WHEN.replace(second=6)
    assert found[b"model.obj"].precision is Precision.SECOND
    assert found[b"model.obj"].size_bytes is None


def test_python_marks_links_and_a_name_that_ends_like_a_mark_is_no_link() -> None:
    found = items(PYTHON)
    assert found[b"linked"].type is EntryType.LINK
    assert found[b"real@"].type is EntryType.FILE
    assert "가.png".encode() in found


def test_times_of_the_page_are_in_the_zone_of_the_place() -> None:
    page = parse(NGINX, URL, ZoneInfo("Asia/Seoul"))
    assert page.items is not None
    assert page.items[1].mtime == datetime(2025, 2, 2, 19, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "href",
    [
        "../",
        "/",
        "/models/",
        "?C=N;O=D",
        "#top",
        "http://other.example/models/x",
        "a/b",
        "",
        "javascript:void(0)",
        "..",
    ],
)
def test_only_direct_children_count(href: str) -> None:
    page = b'<title>Index of /models/</title><pre><a href="%s">x</a></pre>' % href.encode()
    assert parse(page, URL).items == ()


def test_a_page_of_the_site_itself_is_no_listing() -> None:
    page = parse(b'<html><title>Welcome</title><a href="model.obj">model.obj</a></html>', URL)
    assert page.items is None
    assert page.title == "Welcome"


def test_a_page_without_an_end_is_not_whole() -> None:
    assert not parse(NGINX[:400], URL).whole
