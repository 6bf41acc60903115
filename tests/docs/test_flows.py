from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT
from tools import flows

PACKAGE = ROOT / "src" / "recon_cli"
MODULE = re.compile(r"\[(?P<name>[\w/]+\.py)\]\(\.\./\.\./src/recon_cli/(?P<path>[\w/]+\.py)\)")


def rows() -> list[str]:
    """The rows of all tables of steps."""
    lines = flows.PAGE.read_text("utf-8").splitlines()
    return [line for line in lines if line.startswith("| ") and not line.startswith("| step ")]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.split("|")[1].strip())
def test_a_step_names_modules_that_are_there(row: str) -> None:
    named = list(MODULE.finditer(row.split("|")[3]))
    assert named, "every step is done by somebody"
    for one in named:
        assert one["name"] == one["path"]
        assert (PACKAGE / one["path"]).is_file()


def test_every_kind_of_job_is_on_the_page() -> None:
    page = flows.PAGE.read_text("utf-8")
    kinds = [path.name for path in (PACKAGE / "jobs").iterdir() if (path / "__init__.py").exists()]
    assert [kind for kind in kinds if f"[jobs/{kind}/" not in page] == []


def test_the_pictures_are_drawn_from_todays_tables() -> None:
    page, pictures = flows.PAGE.read_text("utf-8"), flows.pictures()
    assert len(pictures) == page.count("](../pictures/flow-")
    for name, picture in pictures.items():
        assert (flows.DOCS / "pictures" / name).read_text("utf-8") == picture, "`python -m tools.flows` draws it anew"


def test_a_picture_has_each_step_and_what_it_leaves() -> None:
    title, steps = flows.flows(flows.PAGE.read_text("utf-8"))["sync"]
    picture = flows.drawn(title, steps)
    for word in ("put", "queue file", "ack, retry, bury", "dead letters"):
        assert f">{word}</text>" in picture
