from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recon_cli.core.errors import ReconError, StageError, ToolMissingError, UsageError
from recon_cli.reconstruction.splats import files
from recon_cli.reconstruction.training import registry
from recon_cli.reconstruction.training.base import PLY, Progress, TrainOptions
from tests.reconstruction.test_splats import made
from tests.support import training
from tests.support.system import require

PROGRAM = """
import pathlib, shutil, sys, time
words = sys.argv[1:]
out = pathlib.Path(words[words.index("-m") + 1])
total = int(words[words.index("--iterations") + 1])
assert (pathlib.Path(words[words.index("-s") + 1]) / "sparse").is_dir()
for step in range(total + 1):
    print(f"Training progress: {step}/{total}", flush=True)
    time.sleep(0.02)
folder = out / "point_cloud" / f"iteration_{total}"
folder.mkdir(parents=True)
head = b"ply\\nformat binary_little_endian 1.0\\nelement vertex 0\\nproperty float x\\nend_header\\n"
(out / "input.ply").write_bytes(head)
shutil.copy(MADE, folder / "point_cloud.ply")
(out / "words").write_text(" ".join(words))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A program with the argument set of Inria's trainer that only copies a splat."""
    files.write(made(77, 3), tmp_path / "made.ply")
    path = tmp_path / "my train.py"
    path.write_text(PROGRAM.replace("MADE", repr(str(tmp_path / "made.ply"))))
    return path


def run(folder: Path, out: Path, command: str, **options: int | bool) -> tuple[int, list[Progress]]:
    told: list[Progress] = []
    wish = TrainOptions(iterations=60, command=command, **options)  # type: ignore[arg-type]
    done = registry.choose("command").train(folder, out, wish, told.append, resume=False)
    assert math.isnan(done.psnr_db)
    return files.head(done.ply).count, told


def test_an_existing_trainer_of_inrias_kind_is_run_and_its_newest_splat_taken(
    scene_folder: Path, tmp_path: Path, script: Path
) -> None:
    count, told = run(scene_folder, tmp_path / "out", f"inria:{script}")
    assert count == 77
    assert "--eval" in (tmp_path / "out" / "words").read_text().split()
    assert told[-1].done == told[-1].total == 60
    assert any(0 < one.done < 60 for one in told)
    run(scene_folder, tmp_path / "all", f"inria:{script}", use_all_views=True)
    assert "--eval" not in (tmp_path / "all" / "words").read_text().split()


def test_a_template_is_filled_in_word_by_word_and_no_shell_reads_it(scene_folder: Path, tmp_path: Path) -> None:
    files.write(made(5), tmp_path / "a b.splat")
    copy = f"{shutil.which('cp')} '{tmp_path}/a b.splat' '{{out}}/$(touch x);.splat'"
    assert run(scene_folder, tmp_path / "out", copy)[0] == 5
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["$(touch x);.splat", "command.log", PLY]


def test_a_program_that_fails_is_a_failed_stage_with_its_last_words(scene_folder: Path, tmp_path: Path) -> None:
    template = f"{sys.executable} -c \"print('out of memory'); raise SystemExit(3)\""
    with pytest.raises(StageError) as caught:
        run(scene_folder, tmp_path, template)
    assert caught.value.cause == "exit status 3: out of memory"
    assert "command.log" in (caught.value.hint or "")
    assert not (tmp_path / PLY).exists()


def test_a_program_that_ends_well_and_leaves_nothing_has_failed(scene_folder: Path, tmp_path: Path) -> None:
    files.write(made(5), tmp_path / PLY)  # of an earlier run
    with pytest.raises(StageError, match="left no splat"):
        run(scene_folder, tmp_path, f"{sys.executable} -c pass")
    assert not (tmp_path / PLY).exists()


def test_a_template_that_cannot_be_run_says_why(scene_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no command"):
        run(scene_folder, tmp_path, "")
    with pytest.raises(UsageError) as caught:
        run(scene_folder, tmp_path, "train {sceen}")
    assert "{scene}" in (caught.value.hint or "")
    with pytest.raises(ToolMissingError, match="no-such-program"):
        run(scene_folder, tmp_path, "no-such-program {scene}")


def test_gsplat_says_why_it_cannot_run_or_trains_as_well_as_the_cpu(scene_folder: Path, tmp_path: Path) -> None:
    trainer = registry.choose("gsplat")
    reason = trainer.available()
    wish = TrainOptions(preset="quick", iterations=400, max_gaussians=3000, max_side_px=160, threads=1)
    if reason is None:
        done = trainer.train(scene_folder, tmp_path, wish, lambda _progress: None, resume=False)
        assert done.psnr_db > 22
        return
    with pytest.raises(ToolMissingError) as caught:
        trainer.train(scene_folder, tmp_path, wish, lambda _progress: None, resume=False)
    assert caught.value.cause == reason
    assert registry.choose("auto").name == "cpu"
    pytest.skip(f"nothing was trained on a GPU: {reason}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """One megabyte and no more."""
    import subprocess  # noqa: PLC0415  beside its only use

    mount, unmount = require("mount", "mount"), require("umount", "mount")
    folder = tmp_path / "small"
    folder.mkdir()
    words = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    done = subprocess.run([mount, *words], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run([unmount, str(folder)], check=True)


def test_a_full_disk_ends_a_training_in_words_and_keeps_the_last_checkpoint(
    scene_folder: Path, small_disk: Path
) -> None:
    wish = {"preset": "quick", "max_gaussians": 8000, "max_side_px": 160, "iterations": 200, "every_s": 0, "threads": 1}
    code, document = training.ended(scene_folder, small_disk, **wish)
    assert code == ReconError.code
    assert "cannot write" in str(document["message"])
    assert document["cause"] == "No space left on device"
    assert not (small_disk / PLY).exists()
    assert {path.name for path in small_disk.iterdir()} <= {"checkpoint.bin"}
