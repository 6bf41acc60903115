"""What a training holds: parameters, moments of Adam, what growth is decided by; and the checkpoint of all that."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recon_cli.core.errors import DataError
from recon_cli.core.json_text import loads
from recon_cli.ops.atomic import write_file
from recon_cli.reconstruction.kernels import neighbours
from recon_cli.reconstruction.kernels.project import SHAPE
from recon_cli.reconstruction.scene import Scene
from recon_cli.reconstruction.splats.gaussians import SH_C0, Gaussians

Array = npt.NDArray[Any]
CHECKPOINT = "checkpoint.bin"
FIRST_OPACITY = 0.5
_ARRAYS = ("params", "first", "second", "times", "strain")


@dataclass(slots=True)
class State:
    """Rows of `count` Gaussians in arrays that have room for more.

    `params` as `project` has them, `first` and `second` the moments, `times` the steps each has taken, `strain` the sum
    of gradients on the picture and how often it was seen, since the last growth.
    """

    params: Array
    first: Array
    second: Array
    times: Array
    strain: Array
    count: int
    iteration: int = 0
    score: tuple[float, float] = (float("nan"), float("nan"))

    @property
    def capacity(self) -> int:
        """How many Gaussians there may be."""
        return len(self.params)

    def gaussians(self) -> Gaussians:
        """The Gaussians as any file takes them."""
        rows = self.params[: self.count]
        turns = rows[:, 6:10] / np.linalg.norm(rows[:, 6:10], axis=1, keepdims=True)
        return Gaussians(rows[:, :3], rows[:, 3:6], turns, rows[:, 10], rows[:, SHAPE:].reshape(self.count, -1, 3))


def empty(capacity: int, degree: int) -> State:
    """Room for `capacity` Gaussians of a degree, and none in it."""
    columns = SHAPE + 3 * (degree + 1) ** 2
    one, two, three = (np.zeros((capacity, columns), np.float32) for _ in range(3))
    return State(one, two, three, np.zeros(capacity, np.int32), np.zeros((capacity, 2), np.float32), 0)


def begin(scene: Scene, capacity: int, degree: int, seed: int) -> State:
    """One round Gaussian for each point of the sparse cloud, as wide as the way to its three nearest others."""
    points, colours = scene.points, scene.colours
    if len(points) > capacity:
        chosen = np.sort(np.random.default_rng([seed, 1]).choice(len(points), capacity, replace=False))
        points, colours = points[chosen], colours[chosen]
    state = empty(capacity, degree)
    state.count = count = len(points)
    rows = state.params[:count]
    rows[:, :3] = points
    rows[:, 3:6] = np.log(_widths(points, scene.extent()))[:, None]
    rows[:, 6] = 1
    rows[:, 10] = np.log(FIRST_OPACITY / (1 - FIRST_OPACITY))
    rows[:, SHAPE : SHAPE + 3] = (colours / 255 - 0.5) / SH_C0
    return state


def _widths(points: Array, extent: float) -> Array:
    far = neighbours.nearest(points, 3)
    width = np.sqrt((far**2).mean(axis=1)) if far.shape[1] else np.full(len(points), 0.01 * extent)
    clipped: Array = np.clip(width, 1e-5 * extent, 0.1 * extent)
    return clipped


def save(state: State, folder: Path, mark: str) -> None:
    """Write the checkpoint whole or not at all. `mark` says what training it belongs to.

    Raises:
        ReconError: the disk is full, or refuses.
    """
    write_file(folder / CHECKPOINT, _chunks(state, mark))


def _chunks(state: State, mark: str) -> Iterator[bytes]:
    arrays = [np.ascontiguousarray(getattr(state, name)[: state.count]) for name in _ARRAYS]
    sums = [zlib.crc32(array.tobytes()) for array in arrays]
    head = {
        "mark": mark,
        "count": state.count,
        "capacity": state.capacity,
        "columns": state.params.shape[1],
        "iteration": state.iteration,
        "score": state.score,
        "sums": sums,
    }
    yield json.dumps(head).encode() + b"\n"
    for array in arrays:
        yield array.tobytes()


def load(folder: Path, mark: str) -> State | None:
    """The checkpoint in `folder`, None where there is none.

    Raises:
        DataError: it is damaged, or belongs to another training.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    hint = f"delete {path} to begin anew"
    try:
        with path.open("rb") as file:
            head = loads(file.readline())
            state = _filled(head, file.read())
    except (ValueError, KeyError, TypeError) as exc:
        raise DataError(f"the checkpoint {path} is damaged", cause=str(exc), hint=hint) from exc
    if head["mark"] != mark:
        raise DataError(f"the checkpoint {path} is of another training", cause="scene or options changed", hint=hint)
    return state


def _filled(head: dict[str, Any], raw: bytes) -> State:
    columns, count = int(head["columns"]), int(head["count"])
    state = empty(int(head["capacity"]), int(((columns - SHAPE) // 3) ** 0.5) - 1)
    state.count, state.iteration = count, int(head["iteration"])
    state.score = (float(head["score"][0]), float(head["score"][1]))
    at = 0
    for name, expected in zip(_ARRAYS, head["sums"], strict=True):
        array = getattr(state, name)
        size = array[:count].nbytes
        if zlib.crc32(raw[at : at + size]) != expected:
            raise ValueError(f"the bytes of `{name}` are not those that were written")
        array[:count] = np.frombuffer(raw, array.dtype, array[:count].size, at).reshape(array[:count].shape)
        at += size
    return state
