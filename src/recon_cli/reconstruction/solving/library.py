"""pycolmap: COLMAP as a library. Imported in a child process only: a native abort ends the process it happens in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pycolmap

from recon_cli.core.errors import StageError
from recon_cli.reconstruction.solving.base import MIN_MODEL_SIZE, Finding, Group, Model, Rung

CAMERA_MODEL = "OPENCV"
"""What the reconstruction server uses, too; it is undistorted to PINHOLE before training."""


class Library:
    """The solver of the package; see `base.Solver` for what each method promises."""

    name = "pycolmap"

    def enter(self, database: Path, images: Path, masks: Path | None, groups: Sequence[Group]) -> None:
        """One call for each group: it gives all its photos one camera."""
        pycolmap.Database.open(database).close()
        for group in groups:
            options = _reading(masks)
            mode = pycolmap.CameraMode.SINGLE
            _call("reading the photos", pycolmap.import_images, database, images, mode, list(group.names), options)

    def features(self, database: Path, images: Path, masks: Path | None, names: Sequence[str], how: Finding) -> None:
        """The photos keep the camera that they were entered with."""
        finding = pycolmap.FeatureExtractionOptions()
        finding.num_threads = how.threads
        finding.max_image_size = how.side_px
        finding.sift.max_num_features = how.most
        finding.sift.first_octave = -1 if how.fine else 0
        _call(
            "finding features",
            pycolmap.extract_features,
            database,
            images,
            image_names=list(names),
            reader_options=_reading(masks),
            extraction_options=finding,
        )

    def match(self, database: Path, pairs: Path, seed: int) -> None:
        """One thread, because the matcher's trees draw random numbers in the order in which threads come to them."""
        pycolmap.set_random_seed(seed)
        matching, verifying = pycolmap.FeatureMatchingOptions(), pycolmap.TwoViewGeometryOptions()
        matching.num_threads = 1
        verifying.ransac.random_seed = seed
        pairing = pycolmap.ImportedPairingOptions()
        pairing.match_list_path = pairs
        _call(
            "matching",
            pycolmap.match_image_pairs,
            database,
            matching_options=matching,
            pairing_options=pairing,
            verification_options=verifying,
        )

    def map(self, database: Path, images: Path, out: Path, rung: Rung, threads: int, seed: int) -> Sequence[Model]:
        """Incremental or global, told by the rung."""
        out.mkdir(parents=True)
        if rung.mapper == "global":
            made = _call("mapping", pycolmap.global_mapping, database, images, out, _global(threads, seed))
        else:
            options = _incremental(rung, threads, seed)
            made = _call("mapping", pycolmap.incremental_mapping, database, images, out, options)
        return tuple(_model(out / str(number), one) for number, one in sorted(made.items()))

    def undistort(self, images: Path, model: Path, out: Path, side_px: int, threads: int) -> None:
        """As COLMAP lays a workspace out."""
        options = pycolmap.UndistortCameraOptions()
        options.max_image_size = side_px
        _call(
            "undistortion",
            pycolmap.undistort_images,
            out,
            model,
            images,
            undistort_options=options,
            jpeg_quality=95,
            num_threads=threads,
        )


def _call(what: str, function: Any, *args: Any, **named: Any) -> Any:  # noqa: ANN401  pycolmap has no types
    """Call the library, and give its errors a name."""
    try:
        return function(*args, **named)
    except (RuntimeError, ValueError, IndexError) as exc:
        raise StageError(f"{what} failed in pycolmap", cause=str(exc).strip() or type(exc).__name__) from exc


def _reading(masks: Path | None) -> Any:  # noqa: ANN401  pycolmap has no types
    options = pycolmap.ImageReaderOptions()
    options.camera_model = CAMERA_MODEL
    if masks is not None:
        options.mask_path = masks
    return options


def _incremental(rung: Rung, threads: int, seed: int) -> Any:  # noqa: ANN401  pycolmap has no types
    options = pycolmap.IncrementalPipelineOptions()
    options.num_threads = threads
    options.min_model_size = MIN_MODEL_SIZE
    for part in (options, options.mapper, options.triangulation):
        part.random_seed = seed
    for name, value in rung.options.items():
        setattr(options.mapper, name, value)
    return options


def _global(threads: int, seed: int) -> Any:  # noqa: ANN401  pycolmap has no types
    options = pycolmap.GlobalPipelineOptions()
    options.num_threads = threads
    mapper = options.mapper
    for part in (options, mapper, mapper.rotation_averaging, mapper.global_positioning, mapper.retriangulation):
        part.random_seed = seed
    mapper.num_threads = threads
    mapper.bundle_adjustment.ceres.solver_options.num_threads = threads
    return options


def _model(folder: Path, made: Any) -> Model:  # noqa: ANN401  pycolmap has no types
    return Model(
        folder,
        made.num_reg_images(),
        made.num_points3D(),
        float(made.compute_mean_reprojection_error()),
        float(made.compute_mean_track_length()),
    )
