"""Debian's Chromium without a screen, drawing WebGL 2 by software, driven through Playwright."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.system import require

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
READY = "window.reconReady || window.reconError"
PATIENCE_MS = 120_000


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser."""
    program = require("chromium", "chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package `playwright`")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, page_file: Path, size: tuple[int, int], where: str = "", **how: Any) -> Iterator[Any]:
    """The page, shown over file:// until it says that it is ready; `page.asked` has every address that it asked for."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **how)
    page = context.new_page()
    page.asked, page.words = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.words.append(message.text))
    page.goto(f"{page_file.as_uri()}#{where}")
    page.wait_for_function(READY, timeout=PATIENCE_MS)
    yield page
    context.close()


def shot(page: Any) -> np.ndarray:
    """What it shows, (height, width, 3), 0 to 1."""
    return np.asarray(Image.open(BytesIO(page.screenshot(timeout=PATIENCE_MS))).convert("RGB")) / 255.0


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """How alike two pictures of one size are, in dB."""
    return float(-10 * np.log10(max(np.mean((one - other) ** 2), 1e-12)))
