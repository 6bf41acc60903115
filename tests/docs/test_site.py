from __future__ import annotations

from pathlib import Path

import pytest

from tools.offline import MERMAID, calls, outside


@pytest.mark.parametrize(
    ("page", "fetched"),
    [
        (
            '<link rel="stylesheet" href="https://fonts.example/css?family=Roboto">',
            ["https://fonts.example/css?family=Roboto"],
        ),
        ('<script src="//cdn.example/app.js"></script>', ["//cdn.example/app.js"]),
        ('<img src="a.png" srcset="a.png 1x, https://cdn.example/a2.png 2x">', ["https://cdn.example/a2.png"]),
        ('<link rel="canonical" href="https://docs.example/a.html">', []),
        ("<style>@import 'https://cdn.example/a.css';</style>", ["https://cdn.example/a.css"]),
        ('<pre class="mermaid"><code>graph LR</code></pre>', [MERMAID]),
        ('<a href="https://example.org">follow me</a><img src="../a.svg"><script src="b.js"></script>', []),
    ],
)
def test_a_page_tells_what_it_fetches_from_elsewhere(page: str, fetched: list[str]) -> None:
    assert outside(page) == fetched


def test_every_page_and_style_sheet_of_a_site_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "guides").mkdir()
    (tmp_path / "guides" / "a.html").write_text('<img src="https://cdn.example/a.png">')
    (tmp_path / "a.css").write_text("body { background: url(https://cdn.example/b.png) } p { mask: url(data:,) }")
    (tmp_path / "index.html").write_text('<img src="a.png">')
    assert calls(tmp_path) == ["guides/a.html: https://cdn.example/a.png", "a.css: https://cdn.example/b.png"]
