"""The operator's page in a browser: photos in, progress, viewer, a reading live, the line lost and caught up with."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recon_cli.jobs import history
from recon_cli.jobs.history import Count
from tests.support import photoset
from tests.support.browser import PATIENCE_MS, READY, chromium
from tests.support.recon import KERNELS, Recon
from tests.support.reconstructions import reconstructing
from tests.support.served import SMALL, Server, begin, serving
from tests.web.test_jobs import rows
from tests.web.test_records import gate, post, reading

pytestmark = pytest.mark.slow

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
ROWS = "#readings tbody tr"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def opened(browser: Any, server: Server, size: tuple[int, int], **how: Any) -> Any:
    """The page in a window of its own; `asked` and `words` as in `browser.opened`."""
    page = browser.new_context(viewport={"width": size[0], "height": size[1]}, **how).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.asked, page.words = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.words.append(message.text))
    page.goto(server.url)
    page.wait_for_selector("#tiles .tile")
    return page


def until(page: Any, expression: str) -> None:
    """Wait for it from outside: what waits inside would need `eval`, which the page does not allow."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(100)


def keep(page: Any, name: str) -> None:
    """A picture for the documentation, where it is asked for."""
    if os.environ.get("RECON_PICTURES"):
        page.screenshot(path=PICTURES / name, full_page=True)


def test_photos_in_a_viewer_out_and_no_reading_missed(tmp_path: Path, browser: Any) -> None:
    photoset.take(tmp_path / "photos", 12)
    recon = gate(tmp_path, RECON_CACHE_DIR=str(KERNELS))
    server = begin(recon)
    try:
        page = opened(browser, server, (1100, 900))
        made = uploaded(page, sorted((tmp_path / "photos").iterdir()))
        page.wait_for_selector(f'#running [data-job="{made}"] [role=progressbar]')
        readings_come(page, server)
        bar = f"document.querySelector('#running [data-job=\"{made}\"] [role=progressbar]')"
        until(page, f"+({bar}?.ariaValueNow || 100) >= 15")
        keep(page, "serve.png")
        server = lost_and_caught_up(page, server)
        link = page.wait_for_selector(f'#done [data-job="{made}"] a', timeout=PATIENCE_MS * 3)
        with page.expect_popup() as popped:
            link.click()
        until(popped.value, READY)
        assert not popped.value.evaluate("window.reconError")
        small(browser, server)
        assert all(url.startswith((server.url, "data:")) for url in page.asked), page.asked
        assert not [text for text in page.words if "Content Security Policy" in text]
    finally:
        server.stop()


def uploaded(page: Any, photos: list[Path]) -> str:
    """Photos through the form; the job's id."""
    page.set_input_files("#upload [name=files]", [str(one) for one in photos])
    page.select_option("#upload [name=preset]", SMALL["preset"])
    for name in ("iterations", "max_gaussians"):
        page.evaluate(
            "([name, value]) => { const one = document.createElement('input'); one.name = name; one.value = value;"
            " one.hidden = true; document.querySelector('#upload').append(one); }",
            [name, SMALL[name]],
        )
    page.click("#upload button")
    until(page, "document.querySelector('#upload output').textContent.startsWith('sent')")
    return str(page.text_content("#upload output")).split()[-1]


def readings_come(page: Any, server: Server) -> None:
    """A reading is on the page without anybody asking for it."""
    until(page, "document.querySelector('#readingsLive').textContent === 'live'")
    post(
        server,
        *(reading(number, source_video="Gate_In_Upper-20250214-100249-1739552569200-7.mp4") for number in range(3)),
    )
    until(page, f"document.querySelectorAll('{ROWS}').length === 3")
    assert "TCNU" in page.text_content(ROWS)


def lost_and_caught_up(page: Any, server: Server) -> Server:
    """The server is killed; readings come in meanwhile by another process; the page has them when it is back."""
    server.kill()
    until(page, "document.querySelector('#live').classList.contains('bad')")
    for number in range(10, 14):
        server.recon("record", "add", "--records", "gate", f"TCNU 0000{number}", "--at", f"2026-03-01T{number}:00:00Z")
    again = begin(server.recon, "--port", str(server.port))
    until(page, f"document.querySelectorAll('{ROWS}').length === 7")
    until(page, "document.querySelector('#live').classList.contains('good')")
    shown = page.eval_on_selector_all(ROWS, "rows => rows.map(row => row.dataset.id)")
    assert len(set(shown)) == 7
    return again


def small(browser: Any, server: Server) -> None:
    """On a phone, in Korean, in the dark: nothing is wider than the screen."""
    page = opened(browser, server, (390, 844), locale="ko-KR", color_scheme="dark")
    page.wait_for_selector(f"{ROWS}")
    assert page.text_content("#running h2") == "실행 중"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 21, 27)"
    keep(page, "serve-phone.png")
    page.click("#language")
    assert page.text_content("#running h2") == "Running"


def test_what_is_amiss_is_said_first_and_the_token_lets_one_mend_it(tmp_path: Path, browser: Any) -> None:
    token = "a-token-of-the-test-0123456789"
    recon = gate(tmp_path, RECON_SERVE_TOKEN=token, RECON_SERVE_PRIVATE="true", RECON_CACHE_DIR=str(KERNELS))
    checked(recon)
    server = begin(recon)
    server.headers["Authorization"] = f"Bearer {token}"
    try:
        refused = server.ask("/records/gate", "POST", '{"number": "UNKNOWN"}', Content_Type="application/json")
        assert refused.status == 422
        page = browser.new_context().new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(server.url)
        page.fill("#login input", token)
        page.click("#login button")
        page.wait_for_selector("#verdict.bad")
        assert "1 dead letters" in page.text_content("#verdict")
        assert "3 differences between files and records (models)" in page.text_content("#verdict")
        assert page.text_content("#tile-dead b") == "1"
        assert page.text_content("#tile-drift b") == "3"
        assert page.locator("#moved svg .alarm").count() == 1
        deadline = time.monotonic() + 60
        while page.is_visible("#login"):
            assert time.monotonic() < deadline
    finally:
        server.stop()


def checked(recon: Recon) -> None:
    """Four checks of a table: counts that rise, then fall with an alarm, and three differences."""
    (recon.folder / "files").mkdir()
    with (recon.folder / "recon.toml").open("a") as settings:
        settings.write('[tables.models]\nsystem = "viewer"\nfrom = "./files"\nto = "models.db"\n')
    files, records = (str(recon.folder / name) for name in ("files", "models.db"))
    state = recon.folder / "state"
    with history.open_history(state, f"file://{files}", f"sqlite:///{records}", "viewer") as kept:
        for hour, items in enumerate((40, 41, 45, 20)):
            drop = items == 20
            kept.add(Count(f"2026-03-01T{hour:02d}:00:00Z", items, items, 1, 2 * drop, 0, 0, 0, int(drop)))


def test_more_of_a_long_list_is_fetched_when_it_is_asked_for(tmp_path: Path, browser: Any) -> None:
    with serving(reconstructing(tmp_path), "--no-worker") as server:
        rows(server, 90)
        page = opened(browser, server, (1100, 900))
        shown = "document.querySelectorAll('#done .job').length"
        until(page, f"{shown} === 20")
        assert page.text_content("#done .more") == "more (70)"
        page.click("#done .more")
        until(page, f"{shown} === 70")
        page.click("#done .more")
        until(page, f"{shown} === 90 && !document.querySelector('#done .more')")
        jobs = page.eval_on_selector_all("#done .job", "found => found.map(one => one.dataset.job)")
        assert jobs == sorted(set(jobs), reverse=True)
