"""Photos and films: headers, EXIF, pixels, and what ffprobe says of a film."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

from recon_cli.demo import pieces
from recon_cli.reconstruction.images import exif, find, jpeg
from recon_cli.reconstruction.images.decode import decode
from recon_cli.reconstruction.images.photo import Limits
from recon_cli.web.answers import RefusedError
from recon_cli.web.upload import sides
from tests.fuzz.harness import target

_LIMITS = Limits(min_side_px=2, max_pixels=1 << 16, max_bytes=1 << 20, max_side_px=64)


def _picture(form: str, **how: object) -> bytes:
    made = Image.new("RGB", (16, 12), (90, 120, 30))
    known = Image.Exif()
    known[0x0112], known[0x0110] = 6, "Camera"
    known.get_ifd(0x8769)[0xA405] = 28
    known.get_ifd(0x8825).update({1: "N", 2: (37.0, 30.0, 0.0), 3: "E", 4: (127.0, 0.0, 0.0)})
    kept = io.BytesIO()
    made.save(kept, form, exif=known, **how)
    return kept.getvalue()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


BOMB = (
    b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 6, 0, 0, 0)) + _chunk(b"IDAT", b"x")
)
JPEG, PROGRESSIVE = _picture("JPEG"), _picture("JPEG", progressive=True)


@target(JPEG, PROGRESSIVE, pieces.jpeg(9), pieces.png(9), _picture("PNG"), _picture("WEBP"), BOMB, JPEG[:-40])
def photo(data: bytes, _folder: Path) -> None:
    """Refused with a reason, or every pixel is there and within the limits."""
    found = decode(data, _LIMITS)
    assert found.picture.width * found.picture.height <= _LIMITS.max_pixels


@target(JPEG, PROGRESSIVE, pieces.jpeg(9))
def jpeg_end(data: bytes, _folder: Path) -> None:
    jpeg.is_whole(data)
    find.looks_like_a_photo(data)


@target(Image.open(io.BytesIO(JPEG)).info["exif"])
def photo_exif(data: bytes, _folder: Path) -> None:
    """EXIF in a sound picture: damaged, it says nothing."""
    whole = JPEG[:2] + b"\xff\xe1" + struct.pack(">H", min(len(data), 65533) + 2) + data[:65533] + JPEG[2:]
    with Image.open(io.BytesIO(whole)) as picture:
        told = exif.read(picture)
        told.focal_px(16, 12)
        exif.upright(picture, 0.5)


@target(JPEG, pieces.png(9), BOMB, refuses=(RefusedError,))
def uploaded_head(data: bytes, folder: Path) -> None:
    path = folder / "00001.jpg"
    path.write_bytes(data)
    sides(path, "a.jpg")
