from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recon_cli.core.errors import DataError
from recon_cli.reconstruction import scene, viewer
from recon_cli.reconstruction.splats import files
from recon_cli.reconstruction.splats.gaussians import Gaussians
from recon_cli.reconstruction.training import registry
from recon_cli.reconstruction.training.base import TrainOptions
from recon_cli.reconstruction.training.cpu import draw
from tests.support.browser import chromium, opened, psnr, shot

SIZE = (160, 96)
HIGH = TrainOptions(preset="high", iterations=150, max_gaussians=4000, max_side_px=160, threads=1)


@pytest.fixture(scope="module")
def page_file(scene_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained splat of degree 3 and its page."""
    out = tmp_path_factory.mktemp("viewer")
    done = registry.choose("cpu").train(scene_folder, out, HIGH, lambda _progress: None, resume=False)
    viewer.write(done.ply, scene_folder, out / "viewer.html", "</script> & 해변")
    return out / "viewer.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def drawn(splat: Path, scene_folder: Path, number: int) -> np.ndarray:
    """The trainer's own drawing of a view, (height, width, 3)."""
    loaded = scene.load(scene_folder, max_side_px=None)
    view, gaussians = loaded.views[number], files.read(splat)
    rows = np.concatenate(
        [
            gaussians.xyz, gaussians.log_scales, gaussians.rotations, gaussians.logits[:, None],
            gaussians.harmonics.reshape(len(gaussians), -1),
        ],
        axis=1,
    )  # fmt: skip
    size = (view.pixels.shape[0], view.pixels.shape[1])
    black = np.zeros(3, np.float32)
    image = draw.draw(
        rows, draw.camera_row(view, size), size, gaussians.degree, near=0.01 * loaded.extent(), background=black
    )
    return np.clip(image.image, 0, 1).transpose(1, 2, 0)


def test_the_browser_shows_a_training_pose_as_the_trainer_draws_it(
    browser: Any, page_file: Path, scene_folder: Path
) -> None:
    for number in (0, 5):
        with opened(browser, page_file, SIZE, f"bare&view={number}") as page:
            assert page.evaluate("window.reconError") is None, page.words
            assert psnr(shot(page), drawn(page_file.parent / "point_cloud.ply", scene_folder, number)) > 35


def test_the_page_asks_for_nothing_but_itself(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file, SIZE, offline=True) as page:
        assert page.evaluate("window.reconReady") is True
        assert [address.split("#")[0] for address in page.asked] == [page_file.as_uri()]
        assert page.words == []
        assert page.title() == "</script> & 해변"


def test_a_page_in_another_shape_keeps_the_pose_in_its_middle(
    browser: Any, page_file: Path, scene_folder: Path
) -> None:
    with opened(browser, page_file, (160, 160), "bare") as page:
        middle = shot(page)[32:128]
    assert psnr(middle, drawn(page_file.parent / "point_cloud.ply", scene_folder, 0)) > 35


def test_hands_move_it_and_home_comes_back(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file, SIZE, "bare") as page:
        first = shot(page)
        page.mouse.move(80, 48)
        moves = {
            "orbit": lambda: drag(page, (80, 48), (100, 52)),
            "pan": lambda: drag(page, (80, 48), (95, 60), button="right"),
            "zoom": lambda: page.mouse.wheel(0, 300),
            "fly": lambda: page.keyboard.press("KeyW", delay=200),
            "look": lambda: page.keyboard.press("ArrowLeft", delay=200),
            "next": lambda: page.keyboard.press("BracketRight"),
        }
        for name, move in moves.items():
            move()
            settle(page)
            assert psnr(shot(page), first) < 35, name
            page.keyboard.press("Home")
            settle(page)
            assert psnr(shot(page), first) > 60, name


def drag(page: Any, start: tuple[int, int], end: tuple[int, int], button: str = "left") -> None:
    page.mouse.move(*start)
    page.mouse.down(button=button)
    page.mouse.move(*end, steps=3)
    page.mouse.up(button=button)


def settle(page: Any) -> None:
    """Until what was asked for is drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_a_finger_turns_and_two_fingers_come_nearer(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file, SIZE, "bare", has_touch=True) as page:
        session = page.context.new_cdp_session(page)

        def touch(kind: str, *points: tuple[int, int]) -> None:
            fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

        place = "JSON.stringify([recon.camera.place, recon.camera.distance])"
        before = page.evaluate(place)
        touch("touchStart", (80, 48))
        touch("touchMove", (110, 48))
        touch("touchEnd")
        turned = page.evaluate(place)
        assert turned != before
        distance = page.evaluate("recon.camera.distance")
        touch("touchStart", (60, 48), (100, 48))
        touch("touchMove", (40, 48), (120, 48))
        touch("touchEnd")
        assert page.evaluate("recon.camera.distance") < distance


def test_a_browser_without_webgl_is_told_in_words(browser: Any, page_file: Path) -> None:
    context = browser.new_context()
    context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page = context.new_page()
    page.goto(page_file.as_uri())
    page.wait_for_function("window.reconError")
    assert "WebGL 2" in page.inner_text("#words")
    context.close()


def test_a_splat_of_nothing_is_refused(scene_folder: Path, tmp_path: Path) -> None:
    nothing = np.full((3, 3), np.nan, np.float32)
    broken = Gaussians(nothing, nothing, np.ones((3, 4), np.float32), np.ones(3, np.float32), nothing[:, None])
    files.write(broken, tmp_path / "a.ply")
    with pytest.raises(DataError, match="nothing to show"):
        viewer.write(tmp_path / "a.ply", scene_folder, tmp_path / "a.html", "a")
    assert not (tmp_path / "a.html").exists()
