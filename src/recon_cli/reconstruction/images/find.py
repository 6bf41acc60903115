"""Which files of a folder are meant as photos: by content first, by name where the content says nothing."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.reconstruction.images import video

PHOTO_ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .gif .tif .tiff .bmp .mpo .heic .heif .avif .jp2".split()  # noqa: SIM905
)
RAW_ENDINGS = frozenset(".cr2 .cr3 .nef .arw .dng .raf .orf .rw2 .pef .srw".split())  # noqa: SIM905
_JUNK = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db"})
_JUNK_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin"})
_MAGIC = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\x00",
    b"MM\x00*",
    b"BM",
)
_SNIFFED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Found:
    """One file: where it is, its path below the folder, and why it is no photo (empty: it may be one).

    `refused` tells a file that was meant as a photo from one that is none; `film` one that frames can be taken from.
    """

    path: Path
    source: str
    reason: str = ""
    refused: bool = False
    film: bool = False


def find(folder: Path) -> tuple[Found, ...]:
    """Every file below `folder`, in the order that people count (`2` before `10`). Links are not followed out of it.

    A single video may stand for the folder.

    Raises:
        NotFoundError: there is no such folder.
        DataError: it is another file, or cannot be listed.
    """
    if not folder.exists():
        raise NotFoundError(f"no folder {folder}", hint="name the folder that holds the photos")
    if folder.is_file() and folder.suffix.lower() in video.ENDINGS:
        return (_film(folder, folder.name),)
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder", hint="put the photos into a folder and name that")
    root = folder.resolve()
    found = (_judged(path, folder, root) for path in _walk(folder))
    return tuple(sorted(found, key=lambda one: natural(one.source)))


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts digits by their number and letters without regard to case or Unicode form."""
    parts = re.findall(r"\d+|\D+", unicodedata.normalize("NFC", name).casefold())
    return (*((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts), (2, 0, name))


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise DataError(f"cannot list {error.filename}", cause=error.strerror)

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(one for one in folders if not one.startswith(".") and one.lower() not in _JUNK_FOLDERS)
        linked = [one for one in folders if (Path(place) / one).is_symlink()]
        folders[:] = [one for one in folders if one not in linked]
        yield from (Path(place) / one for one in (*linked, *files))


def _judged(path: Path, folder: Path, root: Path) -> Found:
    source = path.relative_to(folder).as_posix()
    ending = path.suffix.lower()
    if path.name.startswith(".") or path.name.lower() in _JUNK:
        return Found(path, source, "a file of the system, not a photo")
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        return Found(path, source, "a link that leads out of the folder", refused=True)
    if path.is_dir():
        return Found(path, source, "a link to a folder that is read already")
    if not path.is_file():
        return Found(path, source, "neither a file nor a folder", refused=path.is_symlink())
    if ending in RAW_ENDINGS:
        return Found(path, source, "a raw photo: export it as JPEG", refused=True)
    if ending in video.ENDINGS:
        return _film(path, source)
    if ending not in PHOTO_ENDINGS and not looks_like_a_photo(_head(path)):
        return Found(path, source, "not a photo")
    return Found(path, source)


def _film(path: Path, source: str) -> Found:
    return Found(path, source, "a video", film=True) if video.can() else Found(path, source, video.NEEDED, refused=True)


def looks_like_a_photo(head: bytes) -> bool:
    """Whether the first bytes are those of a picture."""
    container = head[4:8] == b"ftyp" and head[8:12] in {b"heic", b"heix", b"mif1", b"msf1", b"avif"}
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or container


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_SNIFFED_BYTES)
    except OSError:
        return b""
