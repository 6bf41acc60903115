"""An installed `colmap`: the same stages by its command line. Which options it has is asked, not assumed.

Options were renamed without an alias in 3.13 (`SiftExtraction.num_threads` → `FeatureExtraction.num_threads`), and
releases before 4 have no global mapper.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from recon_cli.core.errors import StageError, ToolMissingError
from recon_cli.reconstruction import survival
from recon_cli.reconstruction.solving.base import MIN_MODEL_SIZE, Finding, Group, Model, Rung

CAMERA_MODEL = "OPENCV"
_ASKING_S = 30.0
_OPTION = re.compile(r"^\s*--([A-Za-z0-9_.]+)\b", re.MULTILINE)
_NUMBER = r"([-+0-9.eE]+|nan)"
_FACTS = {
    "registered": re.compile(rf"Registered images:\s*{_NUMBER}"),
    "points": re.compile(rf"Points:\s*{_NUMBER}"),
    "track": re.compile(rf"Mean track length:\s*{_NUMBER}"),
    "error": re.compile(rf"Mean reprojection error:\s*{_NUMBER}"),
}


@dataclass(slots=True)
class Program:
    """The solver behind a `colmap` on PATH; see `solving.base.Solver` for what each method promises.

    Ids, and so the exact result, may depend on its threads.
    """

    path: str
    commands: frozenset[str]
    cuda: bool
    name: str = "colmap"
    _known: dict[str, frozenset[str]] = field(default_factory=dict)
    _groups: Sequence[Group] = ()

    @classmethod
    def probed(cls, path: str) -> Program:
        """Ask the program what it is.

        Raises:
            ToolMissingError: it does not answer as COLMAP does.
        """
        told = _ask(path, ["help"])
        if "COLMAP" not in told or "feature_extractor" not in told:
            words = told.strip().splitlines()
            raise ToolMissingError(
                f"{path} is not a working COLMAP",
                cause=words[-1] if words else "it says nothing",
                hint="mend it, or run `pip install 'recon-cli[reconstruct]'` and take `--sfm pycolmap`",
            )
        listed = told.partition("Available commands:")[2].split()
        return cls(path, frozenset(listed), "with CUDA" in told)

    def enter(self, database: Path, images: Path, masks: Path | None, groups: Sequence[Group]) -> None:  # noqa: ARG002  the protocol's
        """An empty database: photos are entered as their features are found."""
        self._groups = groups
        self._run("database_creator", {"database_path": database})

    def features(self, database: Path, images: Path, masks: Path | None, names: Sequence[str], how: Finding) -> None:
        """One call for each camera among the photos; the first makes the camera, later ones name it."""
        for group in self._groups:
            here = [name for name in names if name in group.names]
            if here:
                camera = self._camera(database, group)
                self._extract(database, images, masks, here, how, camera)

    def match(self, database: Path, pairs: Path, seed: int) -> None:
        """The pairs of the list, by one thread."""
        options = {
            "database_path": database,
            "match_list_path": pairs,
            "match_type": "pairs",
            "random_seed": seed,
            **self._pick("matches_importer", 1, "FeatureMatching.num_threads", "SiftMatching.num_threads"),
            **self._pick("matches_importer", int(self.cuda), "FeatureMatching.use_gpu", "SiftMatching.use_gpu"),
        }
        self._run("matches_importer", options)

    def map(self, database: Path, images: Path, out: Path, rung: Rung, threads: int, seed: int) -> Sequence[Model]:
        """`mapper` or `global_mapper`, as the rung says."""
        out.mkdir(parents=True)
        command, prefix = ("global_mapper", "GlobalMapper") if rung.mapper == "global" else ("mapper", "Mapper")
        if command not in self.commands:
            raise StageError(f"this COLMAP has no `{command}`", cause="it came with release 4")
        options = {"database_path": database, "image_path": images, "output_path": out, "random_seed": seed}
        options |= self._pick(command, threads, f"{prefix}.num_threads")
        options |= self._pick(command, MIN_MODEL_SIZE, f"{prefix}.min_model_size")
        for name, value in rung.options.items():
            options |= self._pick(command, value, f"{prefix}.{name}")
        self._run(command, options)
        return tuple(self._model(folder) for folder in sorted(out.iterdir()) if (folder / "images.bin").exists())

    def undistort(self, images: Path, model: Path, out: Path, side_px: int, threads: int) -> None:  # noqa: ARG002  it has no such option
        """As COLMAP lays a workspace out."""
        options = {"image_path": images, "input_path": model, "output_path": out, "max_image_size": side_px}
        self._run("image_undistorter", options)

    def _extract(
        self, database: Path, images: Path, masks: Path | None, names: Sequence[str], how: Finding, camera: int | None
    ) -> None:
        listed = database.with_suffix(".list")
        listed.write_text("".join(f"{name}\n" for name in names), "utf-8")
        command = "feature_extractor"
        options = {
            "database_path": database,
            "image_path": images,
            "image_list_path": listed,
            "ImageReader.camera_model": CAMERA_MODEL,
            "random_seed": 0,
            **({"ImageReader.mask_path": masks} if masks else {}),
            **({"ImageReader.single_camera": 1} if camera is None else {"ImageReader.existing_camera_id": camera}),
            **self._pick(command, how.threads, "FeatureExtraction.num_threads", "SiftExtraction.num_threads"),
            **self._pick(command, how.side_px, "FeatureExtraction.max_image_size", "SiftExtraction.max_image_size"),
            **self._pick(command, int(self.cuda), "FeatureExtraction.use_gpu", "SiftExtraction.use_gpu"),
            **self._pick(command, how.most, "SiftExtraction.max_num_features"),
            **self._pick(command, -1 if how.fine else 0, "SiftExtraction.first_octave"),
        }
        self._run(command, options)
        listed.unlink()

    def _camera(self, database: Path, group: Group) -> int | None:
        """The camera that photos of the group have already."""
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
            rows = opened.execute("SELECT name, camera_id FROM images").fetchall()
        return next((int(camera) for name, camera in rows if name in group.names), None)

    def _pick(self, command: str, value: object, *names: str) -> dict[str, object]:
        """The option under the first of its names that this program knows; nothing if it knows none."""
        known = self._options(command)
        return next(({name: value} for name in names if name in known), {})

    def _options(self, command: str) -> frozenset[str]:
        if command not in self._known:
            self._known[command] = frozenset(_OPTION.findall(_ask(self.path, [command, "-h"])))
        return self._known[command]

    def _model(self, folder: Path) -> Model:
        told = self._run("model_analyzer", {"path": folder})
        facts = {name: float(found[1]) if (found := rule.search(told)) else 0.0 for name, rule in _FACTS.items()}
        return Model(folder, int(facts["registered"]), int(facts["points"]), facts["error"], facts["track"])

    def _run(self, command: str, options: Mapping[str, object]) -> str:
        """Run a command to its end, its words to the stage's log; gives its last hundred lines.

        Raises:
            StageError: it failed.
        """
        words = [self.path, command, *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
        sys.stdout.write(" ".join(words) + "\n")
        last: deque[str] = deque(maxlen=100)
        child = _start(words)
        assert child.stdout is not None
        for line in child.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            last.append(line)
        status = child.wait()
        if status:
            said = [line.strip() for line in last if line.strip()]
            cause = said[-1] if said else f"it ended with status {status} and said nothing"
            raise StageError(f"`colmap {command}` failed", cause=cause)
        return "".join(last)


def _start(words: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        preexec_fn=survival.die_with_parent,  # noqa: PLW1509  this process has one thread
    )


def _ask(path: str, words: Sequence[str]) -> str:
    """What the program says of itself.

    Raises:
        ToolMissingError: it cannot be run.
    """
    try:
        done = subprocess.run(
            [path, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_ASKING_S,
            check=False,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ToolMissingError(f"{path} cannot be run", cause=str(exc), hint="take `--sfm pycolmap`") from exc
    return done.stdout.decode("utf-8", "replace")
