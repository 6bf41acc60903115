from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.recon import Recon, in_folder

pytest.importorskip("numba")


@pytest.fixture
def recon(tmp_path: Path) -> Recon:
    return in_folder(tmp_path)


@pytest.fixture
def ply(tmp_path: Path) -> Path:
    from recon_cli.reconstruction.splats import files  # noqa: PLC0415  numpy
    from tests.reconstruction.test_splats import made  # noqa: PLC0415  same

    files.write(made(300, 3), tmp_path / "장면 1.ply")
    return tmp_path / "장면 1.ply"


def test_info_says_what_a_splat_holds(recon: Recon, ply: Path) -> None:
    document = recon("splat", "info", ply, "--json").document
    assert document["schema"] == "recon.splat-info/1"
    assert (document["format"], document["gaussians"], document["valid"], document["degree"]) == ("ply", 300, 300, 3)
    assert all(low < high for low, high in zip(document["bounds_min"], document["bounds_max"], strict=True))
    assert "300 Gaussians, ply, degree 3" in recon("splat", "info", ply).out + recon("splat", "info", ply).err


def test_conversions_round_the_three_formats(recon: Recon, ply: Path) -> None:
    recon("splat", "convert", ply, "a.spz")
    recon("splat", "convert", "a.spz", "b.splat", "--keep", "50%")
    recon("splat", "convert", "b.splat", "c.ply")
    document = recon("splat", "info", "c.ply", "--json").document
    assert (document["gaussians"], document["degree"]) == (150, 0)
    assert recon("splat", "convert", ply, "d.ply", "--degree", "1", "--json").document["format"] == "ply"
    assert recon("splat", "info", "d.ply", "--json").document["degree"] == 1


def test_a_dry_run_and_a_file_that_is_there_change_nothing(recon: Recon, ply: Path) -> None:
    assert recon("splat", "convert", ply, "a.spz", "--dry-run", "--json").document["written"] is False
    assert not (recon.folder / "a.spz").exists()
    (recon.folder / "a.spz").write_text("mine")
    assert "--force" in recon("splat", "convert", ply, "a.spz", expect=1).err
    assert (recon.folder / "a.spz").read_text() == "mine"
    recon("splat", "convert", ply, "a.spz", "--force", "-q")
    assert recon("splat", "info", "a.spz", "--json").document["format"] == "spz"


def test_what_is_no_number_is_told_and_left_out(recon: Recon, ply: Path) -> None:
    from recon_cli.reconstruction.splats import files  # noqa: PLC0415  numpy

    gaussians = files.read(ply)
    gaussians.xyz[3] = np.nan
    gaussians.rotations[4] = 0
    files.write(gaussians, recon.folder / "bad.ply")
    document = recon("splat", "info", "bad.ply", "--json", expect=3).document
    assert [one["reason"] for one in document["problems"]] == [
        "no number in 1 Gaussian", "no rotation in 1 Gaussian",
    ]  # fmt: skip
    assert recon("splat", "convert", "bad.ply", "good.ply", "--json", expect=3).document["gaussians"] == 299


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("info", "none.ply"), 17, "no file"),
        (("info", "text.ply"), 14, "is not a splat"),
        (("convert", "text.ply", "a.obj"), 2, ".splat"),
        (("convert", "text.ply", "a.spz"), 14, "is not a splat"),
        (("clean", "text.ply", "a.ply"), 14, "is not a splat"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_exit_code(
    recon: Recon, words: tuple[str, ...], code: int, said: str
) -> None:
    (recon.folder / "text.ply").write_text("hello, this is no ply\n" * 3)
    done = recon("splat", *words, expect=code)
    assert said in done.err
    assert "hint" in done.err


def test_a_page_and_a_cleaned_splat_are_made(recon: Recon, ply: Path) -> None:
    from recon_cli.reconstruction import model  # noqa: PLC0415  numpy
    from tests.reconstruction.test_model import small  # noqa: PLC0415  same

    model.write(small(), recon.folder / "scene" / "sparse")
    document = recon("splat", "clean", ply, "clean.ply", "--json", env={"NUMBA_NUM_THREADS": "1"}).document
    assert document["before"] == 300
    recon("splat", "view", "clean.ply", "scene", "page.html", "--title", "해변")
    page = (recon.folder / "page.html").read_text()
    assert "<title>해변</title>" in page
    assert "http://" not in page
    assert "https://" not in page
