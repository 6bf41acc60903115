"""Uploads: a form of photos, piece by piece onto the disk, judged as they come; names from outside stay words."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
import unicodedata
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from recon_cli.ops import atomic
from recon_cli.web.answers import RefusedError, swallowed
from recon_cli.web.serving import Limits

PART = ".incoming-"
"""So folders begin that hold what has not come whole."""
_KINDS = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG\r\n\x1a\n", ".png"))
_SNIFFED_BYTES = 8
_PIECE_BYTES = 1 << 18
_HEAD_BYTES, _FIELD_BYTES, _FIELDS = 1 << 13, 1 << 10, 32
_ROOM_BYTES = 1 << 26
_NAME_LETTERS = 120


@dataclass(frozen=True, slots=True)
class Received:
    """One photo: what the caller called it, its file's name here, its size."""

    name: str
    stored: str
    size_bytes: int


@dataclass(slots=True)
class _Part:
    """One part of the form, as far as it is there."""

    head: dict[str, bytes] = field(default_factory=dict)
    key: bytes = b""
    value: bytes = b""
    head_bytes: int = 0
    name: str = ""
    file_name: str | None = None
    file: BinaryIO | None = None
    start: bytes = b""
    size: int = 0


@dataclass(slots=True)
class Form:
    """A form that is being read into `folder`."""

    folder: Path
    limits: Limits
    photos: list[Received] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    whole: bool = False
    _part: _Part = field(default_factory=_Part)

    def callbacks(self) -> dict[str, Callable[..., None]]:
        """As the parser calls them."""
        return {
            "on_part_begin": self.begin,
            "on_header_field": self.key,
            "on_header_value": self.value,
            "on_header_end": self.header,
            "on_headers_finished": self.opened,
            "on_part_data": self.more,
            "on_part_end": self.end,
            "on_end": self.finish,
        }

    def begin(self) -> None:
        """A part begins."""
        self._part = _Part()

    def key(self, raw: bytes, start: int, end: int) -> None:
        """A piece of a header's name."""
        self._part.key += raw[start:end]
        self._count(end - start)

    def value(self, raw: bytes, start: int, end: int) -> None:
        """A piece of a header's value."""
        self._part.value += raw[start:end]
        self._count(end - start)

    def _count(self, size: int) -> None:
        self._part.head_bytes += size
        if self._part.head_bytes > _HEAD_BYTES:
            raise RefusedError(400, "a part of the form has too long a head")

    def header(self) -> None:
        """A header is whole."""
        part = self._part
        part.head[part.key.decode("latin-1").lower()] = part.value
        part.key = part.value = b""

    def opened(self) -> None:
        """A part's head is whole: a part with a file name is a photo, every other a field."""
        _, said = parse_options_header(self._part.head.get("content-disposition", b""))
        self._part.name = said.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in said:
            self._part.file_name = shown(said[b"filename"].decode("utf-8", "replace"))
        elif len(self.fields) >= _FIELDS:
            raise RefusedError(400, f"the form has more than {_FIELDS} fields")

    def more(self, raw: bytes, start: int, end: int) -> None:
        """A piece of a part's content."""
        part = self._part
        part.size += end - start
        if part.file_name is None:
            part.start += raw[start:end]
            if part.size > _FIELD_BYTES:
                raise RefusedError(400, f"the field `{shown(part.name)}` is too long")
            return
        if part.size > self.limits.photo_bytes:
            raise RefusedError(413, f"{part.file_name} is larger than {self.limits.photo_bytes >> 20} MB")
        piece = raw[start:end]
        if part.file is None:
            part.start += piece
            if len(part.start) < _SNIFFED_BYTES:
                return
            piece, part.file = part.start, self._file(part)
        part.file.write(piece)

    def _file(self, part: _Part) -> BinaryIO:
        ending = next((ending for magic, ending in _KINDS if part.start.startswith(magic)), None)
        if ending is None:
            raise RefusedError(400, f"{part.file_name} is neither a JPEG nor a PNG")
        if len(self.photos) >= self.limits.most_photos:
            raise RefusedError(400, f"more than {self.limits.most_photos} photos", hint="send fewer")
        return (self.folder / f"{len(self.photos) + 1:05d}{ending}").open("xb")

    def end(self) -> None:
        """A part is whole."""
        part = self._part
        if part.file_name is None:
            self.fields[part.name] = part.start.decode("utf-8", "replace")
        elif part.file is not None:
            self._keep(part, part.file)
        elif part.size or part.file_name:
            raise RefusedError(400, f"{part.file_name or 'a file'} is neither a JPEG nor a PNG")

    def _keep(self, part: _Part, file: BinaryIO) -> None:
        file.flush()
        os.fsync(file.fileno())
        file.close()
        path = Path(file.name)
        least = min(sides(path, str(part.file_name)))
        if least < self.limits.side_px:
            raise RefusedError(400, f"{part.file_name} is smaller than {self.limits.side_px} pixels")
        self.photos.append(Received(str(part.file_name), path.name, part.size))
        part.file = None

    def finish(self) -> None:
        """The form is whole."""
        self.whole = True

    def close(self) -> None:
        """Let go of a file that did not come whole."""
        if self._part.file is not None:
            self._part.file.close()


def sides(path: Path, name: str) -> tuple[int, int]:
    """Width and height, from the head of a file.

    Raises:
        RefusedError: it cannot be read as a photo.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415  an extra, and slow to import

    try:
        with Image.open(path) as opened:
            return opened.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        raise RefusedError(400, f"{name} cannot be read as a photo") from exc


def shown(name: str) -> str:
    """A caller's word as it may be repeated: the last part of a path, no control letters, not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(letter if unicodedata.category(letter)[0] != "C" else "�" for letter in last)
    return plain if len(plain) <= _NAME_LETTERS else f"{plain[:_NAME_LETTERS]}…"


async def receive_form(content_type: str, declared: int, receive: Receive, folder: Path, limits: Limits) -> Form:
    """Read a form of photos into `folder`; what it holds is on the disk when this returns.

    Raises:
        RefusedError: it is no such form, or breaks a limit. What is still coming is swallowed for a moment, so that
            the caller hears the answer.
        ClientDisconnect: the caller went away.
    """
    form, body = Form(folder, limits), _Body(receive, limits)
    try:
        await _into(form, body, content_type, declared)
    except MultipartParseError as exc:
        await body.linger()
        raise RefusedError(400, "the form cannot be read", cause=str(exc)) from exc
    except OSError as exc:
        await body.linger()
        raise RefusedError(507, "the upload cannot be kept", cause=exc.strerror) from exc
    except RefusedError:
        await body.linger()
        raise
    finally:
        form.close()
    await run_in_threadpool(atomic.sync_folder, folder)
    return form


async def _into(form: Form, body: _Body, content_type: str, declared: int) -> None:
    kind, said = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not said.get(b"boundary"):
        raise RefusedError(415, "photos are sent as `multipart/form-data`")
    if shutil.disk_usage(form.folder).free < declared + _ROOM_BYTES:
        raise RefusedError(507, "there is no room for the upload")
    parser = MultipartParser(said[b"boundary"], form.callbacks())  # type: ignore[arg-type]  # a TypedDict of the same
    async for piece in body.pieces():
        await run_in_threadpool(parser.write, piece)
    await run_in_threadpool(parser.finalize)
    if not form.whole:
        raise RefusedError(400, "the form ends too early")


@dataclass(slots=True)
class _Body:
    """A request's body, within its limits of size and time."""

    receive: Receive
    limits: Limits
    size: int = 0
    ended: bool = False
    began: float = field(default_factory=time.monotonic)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body in pieces that are worth a thread's while."""
        gathered = bytearray()
        while not self.ended:
            gathered += await self._next()
            if len(gathered) >= _PIECE_BYTES:
                yield bytes(gathered)
                gathered.clear()
        if gathered:
            yield bytes(gathered)

    async def _next(self) -> bytes:
        try:
            message = await asyncio.wait_for(self.receive(), self.limits.patience_s)
        except TimeoutError:
            raise RefusedError(408, "the upload stopped coming") from None
        body = self._took(message)
        if self.size > self.limits.upload_bytes:
            raise RefusedError(413, f"the upload is larger than {self.limits.upload_bytes >> 20} MB")
        took_s = time.monotonic() - self.began
        if took_s > self.limits.patience_s and self.size < took_s * self.limits.least_bytes_s:
            raise RefusedError(408, "the upload is too slow")
        return body

    def _took(self, message: Message) -> bytes:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body: bytes = message.get("body", b"")
        self.size += len(body)
        self.ended = not message.get("more_body")
        return body

    async def linger(self) -> None:
        """Swallow what is still on its way."""
        if not self.ended:
            await swallowed(self.receive)
