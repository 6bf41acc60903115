"""start: a new job, with its folder, its wishes, its key and its row."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Connection

from recon_cli.core.errors import NotFoundError, ReconError, ToolMissingError
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.ops import atomic
from recon_cli.reconstruction import request as wishes
from recon_cli.reconstruction import turn
from recon_cli.reconstruction.jobtable import Cell, now
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.work import Work, is_id

_NEEDED = {"numpy": "numpy", "PIL": "pillow"}
_TRIES = 5


def check(request: Request) -> None:
    """Refuse before anything is made what cannot come to anything.

    Raises:
        ToolMissingError: a package that every job needs is not installed.
        NotFoundError: there is no such folder of photos.
    """
    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise ToolMissingError(
            "photos cannot be read here",
            cause=f"{' and '.join(missing)} not installed",
            hint="run `pip install 'recon-cli[reconstruct]'`",
        )
    if not request.photos.exists():
        raise NotFoundError(f"no folder {request.photos}", hint="name the folder that holds the photos")


UPLOADED = Path("upload/photos")
"""Where photos lie in the job's own folder that came over the network."""


def new(
    desk: Desk,
    request: Request,
    uploaded: Path | None = None,
    cells: Mapping[str, Cell] | None = None,
    prepare: Callable[[Work], None] = lambda _made: None,
    also: Callable[[Connection, str], None] = lambda _connection, _job: None,
    begins: Callable[[str], None] = lambda _job: None,
) -> Work:
    """Make a job that waits: first its folder with everything that a resumed run needs, then its row.

    A folder of `uploaded` photos is moved into it, and is what the request means then; `cells` go into the row, too.
    `prepare` may add to the folder before there is a row; `also` is done in the row's transaction. `begins` is told the
    id before anything of the job is there.

    Raises:
        ReconError: the folder cannot be made.
    """
    for _ in range(_TRIES):
        made = desk.work(secrets.token_hex(4))
        key = "".join(str(secrets.randbelow(10)) for _ in range(10))
        begins(made.id)
        try:
            made.folder.mkdir()
        except FileExistsError:
            continue
        except OSError as exc:
            raise ReconError(f"cannot make the folder {made.folder}", cause=exc.strerror) from exc
        wishes.write(_with_photos(request, made, uploaded), made.folder)
        atomic.write_file(made.folder / "key.txt", f"{key}\n".encode())
        prepare(made)
        desk.table.add(
            {
                "job_id": made.id,
                "pub_key": key,
                "created_at": now(),
                "original_resolution": request.original_resolution,
                "iterations": request.iterations,
                "progress": 0,
                **(cells or {}),
            },
            lambda connection, job=made.id: also(connection, job),  # type: ignore[misc]  # its job is bound here
        )
        return made
    raise ReconError("no free job id was found", hint="run again")


def _with_photos(request: Request, made: Work, uploaded: Path | None) -> Request:
    if uploaded is None:
        return request
    photos = made.folder / UPLOADED
    photos.parent.mkdir()
    uploaded.rename(photos)
    atomic.sync_folder(photos.parent)
    return replace(request, photos=photos)


def sweep(desk: Desk) -> int:
    """Take away uploaded photos whose job never came to a row, because the server died before it answered."""
    swept = 0
    for photos in desk.root.glob(f"*/{UPLOADED}"):
        folder = photos.parent.parent
        if is_id(folder.name) and not turn.is_held(folder) and not _has_row(desk, folder.name):
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    return swept


def _has_row(desk: Desk, job_id: str) -> bool:
    try:
        desk.table.get(job_id)
    except NotFoundError:
        return False
    return True
