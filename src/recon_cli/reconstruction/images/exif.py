"""What the camera wrote into a photo: how it was held, which camera and lens, how long the focus, where."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

ORIENTATION, MAKE, MODEL = 0x0112, 0x010F, 0x0110
_EXIF_IFD, _GPS_IFD, _INTEROP_IFD = 0x8769, 0x8825, 0xA005
_FOCAL_MM, _FOCAL_35MM, _LENS = 0x920A, 0xA405, 0xA434
_WIDTH, _HEIGHT, _PLANE_X, _PLANE_Y = 0xA002, 0xA003, 0xA20E, 0xA20F
_MAKER_NOTE = 0x927C
_FILM_WIDTH_MM = 36.0


@dataclass(frozen=True, slots=True)
class Told:
    """What EXIF says; empty where it says nothing or nothing that can be read."""

    orientation: int = 1
    camera: str = ""
    focal_35mm: float | None = None
    gps: tuple[float, float] | None = None
    readable: bool = True

    def focal_px(self, width: int, height: int) -> float | None:
        """The focal length in pixels of a picture of this size, by the length it would have on 36 mm film."""
        return None if self.focal_35mm is None else self.focal_35mm / _FILM_WIDTH_MM * max(width, height)


def read(picture: Image.Image) -> Told:
    """What the photo says of itself; damaged EXIF says nothing, and `readable` is False."""
    try:
        return _read(picture.getexif())
    except Exception:  # noqa: BLE001  Pillow's parsers raise whatever damaged bytes lead them to
        return Told(readable=False)


def _read(tags: Image.Exif) -> Told:
    more, place = tags.get_ifd(_EXIF_IFD), tags.get_ifd(_GPS_IFD)
    orientation = tags.get(ORIENTATION, 1)
    words = [_text(tags.get(MAKE)), _text(tags.get(MODEL)), _text(more.get(_LENS)), _text(more.get(_FOCAL_MM))]
    film = _number(more.get(_FOCAL_35MM))
    return Told(
        orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,  # noqa: PLR2004  EXIF's eight
        " ".join(filter(None, words)),
        film if film and film > 0 else None,
        _position(place),
    )


def upright(picture: Image.Image, scale: float) -> bytes:
    """EXIF for a copy that was turned upright and scaled, without what is true of the original only."""
    try:
        tags = picture.getexif()
        more = tags.get_ifd(_EXIF_IFD)
        tags.get_ifd(_GPS_IFD)
        tags[ORIENTATION] = 1
        for name in (_WIDTH, _HEIGHT, _MAKER_NOTE, _INTEROP_IFD):
            more.pop(name, None)
        for name in (_PLANE_X, _PLANE_Y):
            if name in more:
                more[name] = float(more[name]) * scale
        raw = tags.tobytes()
    except Exception:  # noqa: BLE001  as above: damaged EXIF is left behind
        return b""
    return raw if len(raw) < 1 << 16 else b""


def _position(place: dict[int, object]) -> tuple[float, float] | None:
    latitude, longitude = _degrees(place.get(2)), _degrees(place.get(4))
    if latitude is None or longitude is None:
        return None
    south, west = _text(place.get(1)).upper() == "S", _text(place.get(3)).upper() == "W"
    return (-latitude if south else latitude, -longitude if west else longitude)


def _degrees(value: object) -> float | None:
    if not isinstance(value, tuple) or len(value) != 3:  # noqa: PLR2004  degrees, minutes, seconds
        return None
    degrees, minutes, seconds = (_number(part) for part in value)
    if degrees is None or minutes is None or seconds is None:
        return None
    return degrees + minutes / 60 + seconds / 3600


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # a number, Pillow's rational, or nothing of the kind
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if number == number and abs(number) != float("inf") else None  # noqa: PLR0124  NaN is not itself


def _text(value: object) -> str:
    return str(value).replace("\x00", "").strip() if value is not None else ""
