"""A photo decoded whole: its first frame, upright, in 8-bit sRGB, with a mask where it was transparent."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from recon_cli.core.errors import DataError
from recon_cli.reconstruction.images import exif, jpeg
from recon_cli.reconstruction.images.photo import Limits

# The header is asked before anything is decoded, against the job's own limit; and what is cut is never filled up.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM")
"""No more than these: other decoders of Pillow start programs, or have no business with photos."""
_HEIF = "HEIF"
_WIDE_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OPAQUE = 128
"""From this alpha on, a pixel counts as seen."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels of a photo, and what they took. `mask` is white where there is something to see."""

    picture: Image.Image
    mask: Image.Image | None
    told: exif.Told
    exif: bytes
    as_it_is: bool
    """The file itself is a JPEG that needs nothing: it may be copied byte by byte."""
    warnings: tuple[str, ...]


def decode(raw: bytes, limits: Limits) -> Decoded:
    """Decode every pixel of the first frame.

    Raises:
        DataError: it cannot be used; the message is the reason.
    """
    if not raw:
        raise DataError("empty")
    picture = _opened(raw)
    _check_size(picture.size, limits)
    if picture.format in {"JPEG", "MPO"} and not jpeg.is_whole(raw):
        raise DataError("truncated: the end of the picture is missing")
    try:
        frames = getattr(picture, "n_frames", 1)
        picture.load()
    except MemoryError:
        raise  # that tells of the machine, not of the photo
    except Exception as exc:  # damaged bytes lead decoders to errors of every kind
        raise DataError(f"damaged or truncated: {exc}") from exc
    return _finished(picture, limits, frames)


def _opened(raw: bytes) -> Image.Image:
    formats = [name for name in FORMATS if name in _known()]
    if raw[4:8] == b"ftyp" and raw[8:12] in {b"heic", b"heix", b"mif1", b"msf1"}:
        _register_heif()
        formats = [_HEIF]
    try:
        return Image.open(io.BytesIO(raw), formats=formats)
    except UnidentifiedImageError:
        raise DataError("not a picture that can be read") from None
    except MemoryError:
        raise
    except Exception as exc:
        raise DataError(f"damaged: {exc}") from exc


def _known() -> dict[str, object]:
    Image.init()
    return {**Image.OPEN}


def _register_heif() -> None:
    try:
        from pillow_heif import register_heif_opener  # noqa: PLC0415  an extra of its own
    except ImportError:
        raise DataError("HEIC needs an extra: `pip install 'recon-cli[heic]'`, or export it as JPEG") from None
    register_heif_opener()


def _check_size(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        most = limits.max_pixels // 1_000_000
        raise DataError(f"too many pixels: {width}×{height}, at most {most} megapixels are decoded")
    if min(size) < limits.min_side_px:
        raise DataError(f"too small: {width}×{height}, a side needs {limits.min_side_px} pixels")


def _finished(picture: Image.Image, limits: Limits, frames: int) -> Decoded:
    told = exif.read(picture)
    warnings = [] if told.readable else ["its EXIF cannot be read: the focal length is guessed"]
    if frames > 1:
        warnings.append(f"{frames} pictures in it: only the first is taken")
    plain, mask = _rgb(picture)
    plain, mask = _turned(plain, told.orientation), _turned(mask, told.orientation) if mask else None
    scale = _scale(plain.size, limits)
    needs_nothing = picture.format == "JPEG" and picture.mode == "RGB" and frames == 1 and told.orientation == 1
    as_it_is = needs_nothing and scale == 1 and mask is None and not _foreign_colours(picture) and told.readable
    carried = exif.upright(picture, scale)
    if scale < 1:
        size = (max(1, round(plain.width * scale)), max(1, round(plain.height * scale)))
        plain = plain.resize(size, Image.Resampling.LANCZOS)
        mask = mask.resize(size, Image.Resampling.NEAREST) if mask else None
    return Decoded(plain, mask, told, carried, as_it_is, tuple(warnings))


def _turned(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture as it was seen: COLMAP does not turn it."""
    return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture


def _scale(size: tuple[int, int], limits: Limits) -> float:
    longest = max(size)
    return 1.0 if limits.max_side_px is None or longest <= limits.max_side_px else limits.max_side_px / longest


def _rgb(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """8-bit sRGB and the mask of what is not transparent; black stands where it is."""
    if picture.mode in _WIDE_GREY:
        # 65535 becomes 255: Pillow's own conversion would clip at 255 instead.
        wide = picture.convert("I")
        return wide.point(lambda value: value * (1 / 257)).convert("L").convert("RGB"), None
    if picture.mode == "F":
        raise DataError("pixels are floating-point numbers: export it with 8 or 16 bits")
    if "transparency" in picture.info or picture.mode in {"RGBA", "LA", "PA", "La", "RGBa"}:
        clear = picture.convert("RGBA")
        alpha = clear.getchannel("A")
        plain = _to_srgb(clear.convert("RGB"), picture.info.get("icc_profile"))
        if not any(alpha.histogram()[:_OPAQUE]):
            return plain, None
        mask = alpha.point([0] * _OPAQUE + [255] * (256 - _OPAQUE))
        return Image.composite(plain, Image.new("RGB", plain.size), mask), mask
    if picture.mode == "CMYK" and picture.info.get("icc_profile"):
        return _to_srgb(picture, picture.info["icc_profile"]), None
    profile = picture.info.get("icc_profile") if picture.mode == "RGB" else None
    return _to_srgb(picture.convert("RGB"), profile), None


def _foreign_colours(picture: Image.Image) -> bool:
    profile = picture.info.get("icc_profile", b"")
    return bool(profile) and not _is_srgb(profile)


def _is_srgb(profile: bytes) -> bool:
    return b"sRGB" in profile or b"s\x00R\x00G\x00B" in profile


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Colours by their profile; a profile that cannot be read is passed over, as viewers do."""
    if not profile or _is_srgb(profile):
        return picture.convert("RGB")
    try:
        ours = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, ours, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture.convert("RGB")
    return converted if converted is not None else picture.convert("RGB")
