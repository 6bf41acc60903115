"""start: a new job, with its folder, its wishes, its key and its row."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from importlib.util import find_spec

from sqlalchemy import Connection

from recon_cli.core.errors import NotFoundError, ReconError, ToolMissingError
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.ops import atomic
from recon_cli.reconstruction import request as wishes
from recon_cli.reconstruction.jobtable import now
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.work import Work

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


def new(
    desk: Desk,
    request: Request,
    prepare: Callable[[Work], None] = lambda _made: None,
    also: Callable[[Connection, str], None] = lambda _connection, _job: None,
) -> Work:
    """Make a job that waits: first its folder with everything that a resumed run needs, then its row.

    `prepare` may add to the folder before there is a row; `also` is done in the row's transaction.

    Raises:
        ReconError: the folder cannot be made.
    """
    for _ in range(_TRIES):
        made = desk.work(secrets.token_hex(4))
        key = "".join(str(secrets.randbelow(10)) for _ in range(10))
        try:
            made.folder.mkdir()
        except FileExistsError:
            continue
        except OSError as exc:
            raise ReconError(f"cannot make the folder {made.folder}", cause=exc.strerror) from exc
        wishes.write(request, made.folder)
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
            },
            lambda connection, job=made.id: also(connection, job),  # type: ignore[misc]  # its job is bound here
        )
        return made
    raise ReconError("no free job id was found", hint="run the command again")
