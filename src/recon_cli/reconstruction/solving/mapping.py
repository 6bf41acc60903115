"""The fourth stage: cameras by a ladder of mappers, until one of them registers enough photos."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError, StageError
from recon_cli.core.ports import Progress
from recon_cli.reconstruction.checks import FEWEST_REGISTERED
from recon_cli.reconstruction.images import photo
from recon_cli.reconstruction.images.photo import Verdict
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.solving import cores, registry
from recon_cli.reconstruction.solving.base import LADDER, Model, Rung, Solver
from recon_cli.reconstruction.work import Work, fresh, publish

ENOUGH = 0.9
"""A rung that registers this share of the photos is the last one tried."""
FEW_SHARE, FEW_POINTS, SHORT_TRACKS, FEW_REGISTERED = 0.6, 100, 2.5, 5
_REPEATABLE = 60
"""Up to so many photos mapping uses one thread: the solver's sums depend on the order in which threads end."""
_SURER_ERROR, _SURER_TRACK = 0.67, 1.25


@dataclass(frozen=True, slots=True)
class Tried:
    """What one rung gave: its largest model, or the reason why there is none."""

    rung: Rung
    best: Model | None
    models: int = 0
    reason: str = ""

    def document(self, photos: int) -> dict[str, Json]:
        """The rung's scores."""
        body: dict[str, Json] = {"rung": self.rung.name, "models": self.models}
        if self.best is None:
            return {**body, "registered": 0, "reason": self.reason or "no model"}
        return {
            **body,
            "registered": self.best.registered,
            "share": round(self.best.registered / photos, 4),
            "points": self.best.points,
            "error_px": round(self.best.error_px, 4),
            "track_length": round(self.best.track_length, 4),
        }


def run(work: Work, request: Request, progress: Progress) -> Mapping[str, Json]:
    """Climb the ladder, and put the best model in its place.

    Raises:
        DataError: no rung registers three photos.
    """
    solver = registry.choose(request.sfm, request.colmap)
    photos = sum(one.verdict is Verdict.TAKEN for one in photo.read(work.folder))
    place = fresh(work.folder / "colmap" / "ladder")
    threads = 1 if photos <= _REPEATABLE else cores.number(request.threads)
    tried = list(_climb(solver, work, place, photos, threads, request.seed, progress))
    chosen = best(tried)
    if chosen is None or chosen.best is None or chosen.best.registered < FEWEST_REGISTERED:
        raise _nothing(tried, photos)
    publish(chosen.best.folder, work.sparse)
    shutil.rmtree(place)
    return {
        "rung": chosen.rung.name,
        "registered": chosen.best.registered,
        "photos": photos,
        "points": chosen.best.points,
        "error_px": round(chosen.best.error_px, 4),
        "track_length": round(chosen.best.track_length, 4),
        "tried": [one.document(photos) for one in tried],
        "warnings": list(remarks(chosen, tried, photos)),
    }


def _climb(
    solver: Solver, work: Work, place: Path, photos: int, threads: int, seed: int, progress: Progress
) -> Iterator[Tried]:
    for number, rung in enumerate(LADDER):
        progress.update(number, len(LADDER), rung.name)
        try:
            models = solver.map(work.database, work.images, place / rung.name, rung, threads, seed)
        except StageError as exc:
            yield Tried(rung, None, reason=f"{exc.message}: {exc.cause}")
            continue
        tried = Tried(rung, max(models, key=lambda one: (one.registered, one.points), default=None), len(models))
        yield tried
        if tried.best is not None and tried.best.registered >= ENOUGH * photos:
            return


def best(tried: Sequence[Tried]) -> Tried | None:
    """The rung to believe: most photos, and among equals (5 %) the one with more points seen more often.

    A model of fewer photos is a part of the scene; that its error is smaller proves nothing.
    """
    known = [one for one in tried if one.best is not None]
    if not known:
        return None
    most = max(one.best.registered for one in known if one.best)
    close = [one for one in known if one.best and one.best.registered >= most * 0.95]
    return max(close, key=lambda one: _score(one.best))


def _score(model: Model | None) -> float:
    return model.registered * model.track_length * model.points**0.5 / (0.5 + model.error_px) if model else 0.0


def remarks(chosen: Tried, tried: Sequence[Tried], photos: int) -> Iterator[str]:
    """What to tell about the model: what the server warned of, and where scores disagree."""
    model = chosen.best
    if model is None:
        return
    if model.registered < FEW_REGISTERED:
        yield f"only {model.registered} photos are registered: the scene will have holes"
    if model.registered < FEW_SHARE * photos:
        yield f"{model.registered} of {photos} photos are registered: photos that overlap more would help"
    if model.points < FEW_POINTS:
        yield f"only {model.points} points: the surfaces may have too little texture"
    if model.track_length < SHORT_TRACKS:
        yield f"points are seen by {model.track_length:.1f} photos on average: cameras may be wrong"
    yield from _disagreements(chosen, tried)


def _disagreements(chosen: Tried, tried: Sequence[Tried]) -> Iterator[str]:
    """A relaxed mapper can register photos in wrong places: then another rung fits its own photos far better."""
    assert chosen.best is not None
    for other in tried:
        model = other.best
        if other is chosen or model is None or model.registered < FEWEST_REGISTERED:
            continue
        fits_better = model.error_px < chosen.best.error_px * _SURER_ERROR
        tracks_longer = model.track_length > chosen.best.track_length * _SURER_TRACK
        if fits_better or tracks_longer:
            yield (
                f"the scores disagree: `{chosen.rung.name}` registers {chosen.best.registered} photos at "
                f"{chosen.best.error_px:.2f} px, `{other.rung.name}` {model.registered} at {model.error_px:.2f} px; "
                "look whether the cameras stand where they were"
            )


def _nothing(tried: Sequence[Tried], photos: int) -> DataError:
    told = "; ".join(
        f"{one.rung.name}: {one.best.registered if one.best else one.reason or 'no model'}" for one in tried
    )
    return DataError(
        f"the cameras of {photos} photos could not be solved",
        cause=told,
        hint="photos must overlap by half or more, be sharp, and show things that do not move",
    )
