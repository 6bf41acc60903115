"""Whether a stage left what it should have: asked before it counts as done, and again before it is passed over."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

from recon_cli.core.errors import ReconError
from recon_cli.reconstruction.images import photo
from recon_cli.reconstruction.images.photo import Verdict
from recon_cli.reconstruction.work import Work

MODEL_FILES = ("cameras.bin", "images.bin", "points3D.bin")
FEWEST_REGISTERED = 3
"""Fewer registered photos than this are no scene."""


def photos(work: Work) -> str | None:
    """Every photo taken has its working copy."""
    try:
        taken = [one for one in photo.read(work.folder) if one.verdict is Verdict.TAKEN]
    except ReconError as exc:
        return exc.message
    missing = [one.name for one in taken if not _filled(work.images / one.name)]
    return f"{len(missing)} working copies are missing" if missing else None


def features(work: Work) -> str | None:
    """Every photo has a row and its keypoints."""
    return _counted(work.features, "keypoints", "features")


def matches(work: Work) -> str | None:
    """There are pairs of photos that see the same things."""
    return _counted(work.database, "two_view_geometries", "matched pairs")


def model(work: Work) -> str | None:
    """The chosen model is there and holds enough photos."""
    return _model(work.sparse)


def scene(work: Work) -> str | None:
    """The undistorted model and every photo that it names in number."""
    told = _model(work.scene / "sparse")
    if told:
        return told
    names = [path for path in (work.scene / "images").glob("*") if _filled(path)]
    registered = _first_count(work.scene / "sparse" / "images.bin")
    return None if len(names) >= registered else f"{len(names)} of {registered} undistorted photos are there"


def cloud(work: Work) -> str | None:
    """The trained cloud holds what its header promises."""
    path = _cloud(work, "train")
    return _ply(path) if path else "no trained cloud"


def cleaned(work: Work) -> str | None:
    """The cloud that goes on holds what its header promises."""
    path = _cloud(work, "clean")
    return _ply(path) if path else "no cleaned cloud"


def exported(work: Work) -> str | None:
    """Every file that the export named is there, in its size."""
    return _listed(work, "export")


def viewer(work: Work) -> str | None:
    """The viewer's page is there, whole."""
    return _listed(work, "viewer")


def _cloud(work: Work, stage: str) -> Path | None:
    outcome = work.outcome(stage) or {}
    named = outcome.get("ply")
    return work.folder / named if isinstance(named, str) and not Path(named).is_absolute() else None


def _listed(work: Work, stage: str) -> str | None:
    files = (work.outcome(stage) or {}).get("files")
    if not isinstance(files, dict) or not files:
        return "no files"
    for name, size_bytes in files.items():
        path = work.folder / name
        if not path.is_file() or path.stat().st_size != size_bytes:
            return f"{name} is missing or was changed"
    return None


def _filled(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _counted(database: Path, table: str, what: str) -> str | None:
    if not _filled(database):
        return f"{database.name} is missing"
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
            (count,) = opened.execute(f"SELECT count(*) FROM {table} WHERE rows > 0").fetchone()  # noqa: S608  two names of ours
    except sqlite3.Error as exc:
        return f"{database.name}: {exc}"
    return None if count else f"no {what}"


def _model(folder: Path) -> str | None:
    missing = [name for name in MODEL_FILES if not _filled(folder / name)]
    if missing:
        return f"{', '.join(missing)} missing in {folder.name}"
    registered, points = _first_count(folder / "images.bin"), _first_count(folder / "points3D.bin")
    if registered < FEWEST_REGISTERED:
        return f"only {registered} photos registered"
    return None if points else "a model without points"


def _first_count(path: Path) -> int:
    """The number a file of a sparse model begins with."""
    with path.open("rb") as file:
        head = file.read(8)
    return int(struct.unpack("<Q", head)[0]) if len(head) == 8 else 0  # noqa: PLR2004  the size of `<Q`


def _ply(path: Path) -> str | None:
    """Whether a binary PLY of floats holds every vertex that it promises."""
    if not path.is_file():
        return f"{path.name} is missing"
    with path.open("rb") as file:
        head = file.read(1 << 14)
    end = head.find(b"end_header\n")
    lines = head[:end].decode("ascii", "replace").splitlines() if end >= 0 and head.startswith(b"ply") else []
    count = next((int(line.split()[2]) for line in lines if line.startswith("element vertex ")), 0)
    floats = sum(line.startswith(("property float ", "property float32 ")) for line in lines)
    if not count:
        return f"{path.name} holds no Gaussians"
    expected = end + len(b"end_header\n") + count * floats * 4
    return None if path.stat().st_size >= expected else f"{path.name} is truncated"
