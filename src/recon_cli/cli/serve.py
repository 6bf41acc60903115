"""`recon serve`: the jobs over HTTP and WebSocket, and a page for the operator."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from recon_cli.cli import desk as desks
from recon_cli.cli import options
from recon_cli.cli.invocation import Invocation
from recon_cli.cli.opened import zone_name
from recon_cli.cli.queue import open_queue, queue_path
from recon_cli.cli.reconstruct import request_for
from recon_cli.cli.scanning import state_dir
from recon_cli.config import secret
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ConfigError, GuardError, LockedError, ReconError, ToolMissingError
from recon_cli.core.report import Report
from recon_cli.files.registry import open_files
from recon_cli.jobs import history
from recon_cli.ops import crash, lock, redact
from recon_cli.stores.registry import open_records

if TYPE_CHECKING:
    from recon_cli.jobs.overview import Watched
    from recon_cli.jobs.reconstruct.desk import Desk
    from recon_cli.web.serving import Fleet, Serving
    from recon_cli.web.tellers import Shelf

_NEEDED = {"fastapi": "fastapi", "uvicorn": "uvicorn", "python_multipart": "python-multipart", "httptools": "httptools"}
_LOCK = ".serve.lock"


@options.examples("recon serve --port 8000")
def serve(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Listen at this address; 127.0.0.1 by default.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, metavar="PORT", help="Listen at this port; 0 for any that is free.")
    ] = None,
    worker: Annotated[bool | None, typer.Option("--worker/--no-worker", help="Run waiting jobs here.")] = None,
) -> None:
    """Serve the jobs over HTTP: uploads, viewers, records, live notices, and a page for the operator at `/`.

    Beyond this machine it listens only with a token (`RECON_SERVE_TOKEN`).
    """
    call = options.current()
    _require()
    from recon_cli.web import server  # noqa: PLC0415  FastAPI and uvicorn

    chosen = call.settings.serve
    where = host or chosen.host
    token = _token(call, where)
    if call.dry_run:
        with closing(server.listen(where, chosen.port if port is None else port)) as sock:
            call.show(_report("would serve", server.address(sock), call))
    with _serving(call, token, worker=chosen.worker if worker is None else worker) as serving:
        sock = server.listen(where, chosen.port if port is None else port)
        report = _report("serving", server.address(sock), call)
        server.run(serving, sock, lambda: call.tell(report))


def _report(verb: str, url: str, call: Invocation) -> Report:
    body: dict[str, Json] = {"url": url, "pid": os.getpid(), "root": str(desks.root(call))}
    return Report("recon.serve/1", f"{verb} at {url}", body)


def _require() -> None:
    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise ToolMissingError(
            "this machine cannot serve",
            cause=f"{', '.join(missing)} not installed",
            hint="run `pip install 'recon-cli[serve]'`",
        )


def _token(call: Invocation, host: str) -> str | None:
    """The token, where one is set; refuses one that can be guessed, and none where others can reach the server."""
    from recon_cli.web.serving import SHORTEST_TOKEN, is_loopback  # noqa: PLC0415  as above

    keyed = call.settings.section("serve")
    found = secret.token("serve", keyed)
    told = secret.warning(keyed, "token")
    if told:
        call.warn(told)
    token = secret.once(found[1])() if found else None
    hint = "make one with `openssl rand -hex 32`, and set `RECON_SERVE_TOKEN` or `[serve] token_file`"
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise ConfigError(f"the token is shorter than {SHORTEST_TOKEN} letters", hint=hint)
    if token is None and not is_loopback(host):
        raise GuardError(f"refused to listen at {host} without a token", cause="others could write", hint=hint)
    return token


@contextmanager
def _serving(call: Invocation, token: str | None, *, worker: bool) -> Iterator[Serving]:
    """Everything that is served, open; one server for one folder of jobs."""
    from recon_cli.web import serving  # noqa: PLC0415  as above

    chosen = call.settings.serve
    root = desks.root(call)
    with desks.opened(call, make=True) as desk, _alone(root), ExitStack() as stack:
        shelves = tuple(_shelves(call))
        outbox = stack.enter_context(open_queue(call)) if shelves else None
        yield serving.Serving(
            desk=desk,
            template=request_for(call, Path(), {}),
            queue=queue_path(call),
            checks=tuple(_watched(call)),
            access=serving.Access.of(token, chosen.hosts, chosen.origins, private=chosen.private),
            limits=serving.Limits(
                most_photos=chosen.max_photos,
                photo_bytes=int(chosen.max_photo_mb * (1 << 20)),
                upload_bytes=int(chosen.max_upload_mb * (1 << 20)),
                side_px=call.settings.reconstruct.min_side_px,
                patience_s=chosen.patience_s,
                sockets=chosen.max_sockets,
            ),
            vocabulary=serving.VOCABULARIES[chosen.vocabulary],
            worker=worker,
            fleet=_fleet(call, desk) if not worker else None,
            shelves=shelves,
            **({"outbox": lambda: outbox} if outbox is not None else {}),  # type: ignore[arg-type]  # of its type
            crash=lambda exc: _crashed(call, exc),
            told=lambda text: call.note(redact.text(text)),
        )


def _fleet(call: Invocation, desk: Desk) -> Fleet | None:
    """The workers that uploads go to where this server runs none itself, if there are any."""
    from recon_cli.web.serving import Fleet  # noqa: PLC0415  as above

    if not desk.table.fleet.ready():
        return None
    return Fleet(desks.table_of_workers(call), desks.files_of_workers(call))


def _shelves(call: Invocation) -> Iterator[Shelf]:
    """The records of recon.toml."""
    from recon_cli.cli import record_ends  # noqa: PLC0415  systems are loaded where there are records
    from recon_cli.config.records import Flags  # noqa: PLC0415  same
    from recon_cli.web.tellers import Shelf  # noqa: PLC0415  as above

    for name in call.settings.names("records"):
        found = record_ends.chosen(call, Flags(name))
        zone = zone_name(found.zone)
        system = record_ends.system_of(found)
        route = record_ends.route_of(found, later=True, resend=False)
        yield Shelf(name, system, route, ZoneInfo(zone) if zone else None)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    try:
        with lock.hold(root / _LOCK):
            yield
    except LockedError as exc:
        raise LockedError(f"{root} is being served already", cause=exc.cause, hint=exc.hint) from None


def _watched(call: Invocation) -> Iterator[Watched]:
    """The tables of recon.toml and their histories; one that is configured wrongly is told by `recon check`."""
    from recon_cli.jobs.overview import Watched  # noqa: PLC0415  as above

    for name in call.settings.names("tables"):
        try:
            route = call.table(name)
            with closing(open_files(route.source)) as files, closing(open_records(route.target)) as records:
                path = history.path_of(state_dir(call), files.url, records.url, route.system)
        except ReconError as exc:
            call.warn(f"`{name}` is left out: {exc.message}")
            continue
        yield Watched(name, path)


def _crashed(call: Invocation, exc: BaseException) -> str:
    """Keep what nobody expected, and say where."""
    path = crash.write(exc, ["recon", "serve"], call.plain())
    call.warn(f"unexpected {type(exc).__name__}; {path} has what a report needs, without secrets")
    return f"unexpected {type(exc).__name__}"
