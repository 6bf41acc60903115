"""The line: it begins at the first stage that is not done, or whose outputs are not what they were."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from recon_cli.core.ports import Silent
from recon_cli.reconstruction import checks, request, stages, warming
from recon_cli.reconstruction.process import FailedError
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.runner import Line
from recon_cli.reconstruction.stages import STAGES, Stage, percent
from recon_cli.reconstruction.work import Work


class Memory:
    """A record that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []

    def stage(self, stage: Stage, share: float) -> None:
        self.told.append((stage.name, share))

    def finished(self, stage: Stage) -> None:
        self.told.append((stage.name, 2.0))

    def cancelled(self) -> bool:
        return False


def line(folder: Path, *names: str, check: Callable[[Work], str | None] | None = None) -> Line:
    request.write(Request(photos=folder), folder)
    checked = check or (lambda work: None if (work.folder / "done").exists() else "nothing done")
    made = [Stage(name, name, f"tests.reconstruction.odd_stages:{name}", 1, 60, checked) for name in names]
    return Line(Work(folder), Request(photos=folder), Memory(), Silent(), made)


def test_a_stage_whose_outputs_are_missing_is_failed_whatever_it_says(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="left no usable result") as failed:
        line(tmp_path, "nothing_left").run()
    assert (failed.value.kind, failed.value.error.cause) == ("CheckFailed", "nothing done")
    assert Work(tmp_path).outcome("nothing_left") is None
    assert Work(tmp_path).log.read_text().splitlines()[-1].startswith(">> [ERROR] CheckFailed")


def test_the_story_of_a_job_and_what_its_stages_took_are_kept(tmp_path: Path) -> None:
    run = line(tmp_path, "well")
    outcomes = run.run()
    assert outcomes["well"]["answer"] == 42
    took = outcomes["well"]["took"]
    assert isinstance(took, dict)
    assert set(took) == {"seconds", "cpu_seconds", "peak_mb"}
    story = Work(tmp_path).log.read_text().splitlines()
    assert story == [f"=== Job {tmp_path.name} started ===", ">> [well] well", f"=== Job {tmp_path.name} completed ==="]


def test_percentages_grow_and_end_below_a_hundred() -> None:
    told = [percent(stage, share) for stage in STAGES for share in (0.0, 0.5, 1.0)]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 99)
    assert sum(stage.weight for stage in STAGES) == 100


def marked(folder: Path) -> Work:
    """A job whose first five stages are done, by their files."""
    work = Work(folder)
    work.images.mkdir(parents=True)
    (work.images / "00001.jpg").write_bytes(b"x")
    (folder / "photos.json").write_text(json.dumps([{"source": "a", "verdict": "taken", "name": "00001.jpg"}]))
    work.finish("validate", {})
    return work


def test_what_was_deleted_or_cut_since_is_done_again(tmp_path: Path) -> None:
    work = marked(tmp_path)
    assert stages.first_unfinished(work) == 1
    (work.images / "00001.jpg").unlink()
    assert stages.first_unfinished(work) == 0


def test_a_mark_that_is_no_json_is_no_mark(tmp_path: Path) -> None:
    work = marked(tmp_path)
    work.mark("validate").write_text("{ cut")
    assert stages.first_unfinished(work) == 0


def cloud(vertices: int, rows: int) -> bytes:
    lines = (
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {vertices}",
        "property float x",
        "property float y",
    )
    return "\n".join((*lines, "end_header\n")).encode() + bytes(8 * rows)


@pytest.mark.parametrize(
    ("body", "reason"),
    [(cloud(5, 5), None), (cloud(5, 4), "truncated"), (cloud(0, 0), "no Gaussians"), (b"not a cloud", "no Gaussians")],
)
def test_a_cloud_must_hold_what_its_header_promises(tmp_path: Path, body: bytes, reason: str | None) -> None:
    work = Work(tmp_path)
    (tmp_path / "cloud.ply").write_bytes(body)
    work.finish("train", {"ply": "cloud.ply"})
    told = checks.cloud(work)
    assert (told is None) if reason is None else (told is not None and reason in told)


@pytest.mark.parametrize(
    ("registered", "points", "reason"), [(3, 10, None), (2, 10, "only 2 photos"), (5, 0, "without points")]
)
def test_a_model_must_hold_enough(tmp_path: Path, registered: int, points: int, reason: str | None) -> None:
    work = Work(tmp_path)
    work.sparse.mkdir(parents=True)
    for name, count in (("cameras", 1), ("images", registered), ("points3D", points)):
        (work.sparse / f"{name}.bin").write_bytes(struct.pack("<Q", count) + b"rest")
    told = checks.model(work)
    assert (told is None) if reason is None else (told is not None and reason in told)


def test_nothing_is_compiled_for_a_trainer_that_compiles_nothing(tmp_path: Path) -> None:
    assert warming.start(Request(photos=tmp_path, trainer="command"), tmp_path / "log") is None
