"""A folder of photos to working copies: every file judged, nothing refused without its reason."""

from __future__ import annotations

import hashlib
import shutil
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from recon_cli.core import words
from recon_cli.core.errors import DataError, ReconError
from recon_cli.core.ports import Progress
from recon_cli.reconstruction.images import decode, find, photo, sharpness, video
from recon_cli.reconstruction.images.photo import Limits, Photo, Verdict

IMAGES, MASKS, FRAMES = Path("upload/images"), Path("upload/masks"), Path("upload/frames")
"""Where the working copies of a job lie, the masks of those that have one, and, meanwhile, the frames of videos."""
FEWEST, FEW = 3, 20
_QUALITY = 95
_THREADS = 2
"""Decoded photos are large, and later stages use every core anyway."""


@dataclass(frozen=True, slots=True)
class Validated:
    """What came of a folder: every file with its verdict, and what to tell about the set."""

    photos: tuple[Photo, ...]
    warnings: tuple[str, ...] = ()

    @property
    def taken(self) -> tuple[Photo, ...]:
        """The photos that go on."""
        return tuple(one for one in self.photos if one.verdict is Verdict.TAKEN)


def validate(folder: Path, job: Path, limits: Limits, progress: Progress) -> Validated:
    """Judge every file below `folder`, and write the working copies and the mapping table of those taken.

    Working copies have neutral names, are upright 8-bit sRGB JPEGs, and keep what EXIF says of focal length and place.

    Raises:
        NotFoundError, DataError: there is no such folder, or fewer than three photos in it can be used; the mapping
            table is written all the same.
    """
    images, masks, taken = job / IMAGES, job / MASKS, job / FRAMES
    for place in (images, masks, taken):
        shutil.rmtree(place, ignore_errors=True)
    images.mkdir(parents=True)
    try:
        found = _with_frames(find.find(folder), taken, limits)
        photos = _named(_blur_told(_distinct(_judged(found, job, limits, progress))), job)
    finally:
        shutil.rmtree(taken, ignore_errors=True)
    photo.write(photos, job)
    result = Validated(photos, tuple(_remarks(photos)))
    _enough(result, folder)
    return result


def _with_frames(found: Sequence[find.Found], folder: Path, limits: Limits) -> list[find.Found]:
    """Each video followed by the frames that are taken of it."""
    expanded: list[find.Found] = []
    for number, one in enumerate(found):
        expanded.extend(_filmed(one, folder / str(number), limits) if one.film else [one])
    return expanded


def _filmed(film: find.Found, folder: Path, limits: Limits) -> list[find.Found]:
    try:
        frames = video.frames(film.path, folder, limits.video_frames, limits.max_side_px)
    except DataError as exc:
        return [replace(film, reason=exc.message, refused=True)]
    taken = words.count(len(frames), "frame is", "frames are")
    told = replace(film, reason=f"a video: {taken} taken, the sharpest of their neighbours")
    return [told, *(find.Found(one.path, f"{film.source} at {one.second:.2f} s") for one in frames)]


def _judged(found: Sequence[find.Found], job: Path, limits: Limits, progress: Progress) -> list[tuple[Photo, str]]:
    """Each file's verdict, with the digest of its pixels (empty where there are none)."""
    numbered = [(number, one) for number, one in enumerate(found, 1)]
    done: list[tuple[Photo, str]] = []
    with warnings.catch_warnings(), ThreadPoolExecutor(_THREADS) as pool:
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata: what matters of them is in the verdicts
        for judged in pool.map(lambda pair: _judge(pair[0], pair[1], job, limits), numbered):
            done.append(judged)
            progress.update(len(done), len(numbered))
    return done


def _judge(number: int, found: find.Found, job: Path, limits: Limits) -> tuple[Photo, str]:
    if found.reason:
        return Photo(found.source, Verdict.REJECTED if found.refused else Verdict.IGNORED, found.reason), ""
    try:
        if limits.max_bytes is not None and found.path.stat().st_size > limits.max_bytes:
            raise DataError(f"larger than {limits.max_bytes // 1_000_000} MB")
        raw = found.path.read_bytes()
        decoded = decode.decode(raw, limits)
    except (ReconError, OSError) as exc:
        return Photo(found.source, Verdict.REJECTED, str(exc) or type(exc).__name__), ""
    name = f"{number:05d}.jpg"
    _keep(raw, decoded, name, job)
    return _photo(found, name, raw, decoded), hashlib.sha256(decoded.picture.tobytes()).hexdigest()


def _photo(found: find.Found, name: str, raw: bytes, decoded: decode.Decoded) -> Photo:
    width, height = decoded.picture.size
    told = decoded.told
    named = found.path.suffix.lower() in find.PHOTO_ENDINGS
    remarks = decoded.warnings if named else (*decoded.warnings, f"a photo, though its name ends in {_ending(found)}")
    return Photo(
        found.source,
        Verdict.TAKEN,
        warnings=remarks,
        name=name,
        sha256=hashlib.sha256(raw).hexdigest(),
        width=width,
        height=height,
        camera=f"{told.camera or 'unknown'} {width}×{height}",
        focal_px=told.focal_px(width, height),
        gps=told.gps,
        sharpness=sharpness.sharpness(decoded.picture),
        masked=decoded.mask is not None,
    )


def _ending(found: find.Found) -> str:
    return f"`{found.path.suffix}`" if found.path.suffix else "nothing"


def _keep(raw: bytes, decoded: decode.Decoded, name: str, job: Path) -> None:
    target = job / IMAGES / name
    if decoded.as_it_is:
        target.write_bytes(raw)
    else:
        more = {"exif": decoded.exif} if decoded.exif else {}
        decoded.picture.save(target, "JPEG", quality=_QUALITY, subsampling=0, **more)
    if decoded.mask is not None:
        (job / MASKS).mkdir(exist_ok=True)
        decoded.mask.save(job / MASKS / f"{name}.png")


def _distinct(judged: Sequence[tuple[Photo, str]]) -> list[Photo]:
    """The same pixels count once, whatever the files around them are."""
    first: dict[str, str] = {}
    kept: list[Photo] = []
    for one, pixels in judged:
        if one.verdict is Verdict.TAKEN and pixels in first:
            kept.append(replace(one, verdict=Verdict.DUPLICATE, reason=f"the same picture as {first[pixels]}"))
        else:
            kept.append(one)
            first.setdefault(pixels, one.source)
    return kept


def _blur_told(photos: Sequence[Photo]) -> list[Photo]:
    taken = [one for one in photos if one.verdict is Verdict.TAKEN]
    flags = dict(zip((one.source for one in taken), sharpness.blurred([one.sharpness for one in taken]), strict=True))
    return [
        replace(one, warnings=(*one.warnings, "much less sharp than the others")) if flags.get(one.source) else one
        for one in photos
    ]


def _named(photos: Sequence[Photo], job: Path) -> tuple[Photo, ...]:
    """Working copies numbered without a gap; those of duplicates are taken away."""
    named: list[Photo] = []
    count = 0
    for one in photos:
        if one.verdict is not Verdict.TAKEN:
            _remove(one, job)
            named.append(replace(one, name="", masked=False))
            continue
        count += 1
        name = f"{count:05d}.jpg"
        (job / IMAGES / one.name).rename(job / IMAGES / name)
        if one.masked:
            (job / MASKS / f"{one.name}.png").rename(job / MASKS / f"{name}.png")
        named.append(replace(one, name=name))
    return tuple(named)


def _remove(one: Photo, job: Path) -> None:
    if one.name:
        (job / IMAGES / one.name).unlink(missing_ok=True)
        (job / MASKS / f"{one.name}.png").unlink(missing_ok=True)


def _remarks(photos: Sequence[Photo]) -> Iterator[str]:
    taken = [one for one in photos if one.verdict is Verdict.TAKEN]
    if FEWEST <= len(taken) < FEW:
        yield f"only {len(taken)} photos: {FEW} or more give better results"
    blurred = sum(any("less sharp" in text for text in one.warnings) for one in taken)
    if blurred:
        yield f"{blurred} of {len(taken)} photos are blurred"


def _enough(result: Validated, folder: Path) -> None:
    taken = len(result.taken)
    if taken >= FEWEST:
        return
    refused = [one for one in result.photos if one.verdict in {Verdict.REJECTED, Verdict.DUPLICATE}]
    reasons = "; ".join(f"{one.source}: {one.reason}" for one in refused[:3])
    counted = "no photo" if not taken else f"only {taken} of the photos"
    raise DataError(
        f"{counted} in {folder} can be used" if taken or refused else f"no photos in {folder}",
        cause=reasons or None,
        hint=f"at least {FEWEST} photos are needed, from different places; {FEW} or more are better",
    )
