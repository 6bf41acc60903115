from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import ROOT, anchors, links, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    broken = [target for target in links(page) if not leads_somewhere(page, target)]
    assert not broken, f"{page.relative_to(ROOT)}: {broken}"


def test_every_page_of_the_docs_can_be_reached_from_the_readme() -> None:
    seen, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in seen:
            continue
        seen.add(page)
        ahead += [found for target in links(page) if (found := destination(page, target)).suffix == ".md"]
    lost = [str(page.relative_to(ROOT)) for page in pages() if page not in seen]
    assert not lost


def test_every_picture_is_shown_on_some_page() -> None:
    shown = {destination(page, target) for page in pages() for target in links(page)}
    assert sorted({*(ROOT / "docs" / "pictures").iterdir()} - shown) == []


def leads_somewhere(page: Path, target: str) -> bool:
    if urlsplit(target).scheme in {"https", "http", "mailto"}:
        return True
    there = destination(page, target)
    anchor = urlsplit(target).fragment
    return there.exists() and (not anchor or there.suffix != ".md" or anchor in anchors(there))


def destination(page: Path, target: str) -> Path:
    path = unquote(urlsplit(target).path)
    return (page.parent / path).resolve() if path and not urlsplit(target).scheme else page
