"""Servers for the tests: one that runs no jobs, for what needs none; and a set of small photos."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image

from tests.support.reconstructions import reconstructing
from tests.support.served import Server, serving


def jpeg(width: int = 160, height: int = 120, colour: tuple[int, int, int] = (90, 120, 150)) -> bytes:
    """A photo of nothing."""
    raw = BytesIO()
    Image.new("RGB", (width, height), colour).save(raw, "JPEG")
    return raw.getvalue()


def three() -> list[tuple[str, bytes]]:
    """As few photos as are taken."""
    return [(f"{number}.jpg", jpeg(colour=(number * 40, 0, 0))) for number in range(3)]


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that runs no jobs."""
    with serving(reconstructing(tmp_path_factory.mktemp("idle")), "--no-worker") as server:
        yield server
