"""The application: routes behind the guard, and what lives as long as the server does."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from recon_cli import __version__
from recon_cli.core.errors import ReconError
from recon_cli.jobs.reconstruct import start
from recon_cli.web import answers, logs, operations, page, published, reconstruct, records, upload
from recon_cli.web.foreman import Foreman
from recon_cli.web.guard import Counted, Guard
from recon_cli.web.live import Bulletin
from recon_cli.web.serving import Serving
from recon_cli.web.tellers import Teller

Lifespan: TypeAlias = Callable[[FastAPI], AbstractAsyncContextManager[None]]
_TITLE = "recon"
_ABOUT = "Photos to splats, records as they happen, and how the machine fares: the jobs of `recon` over HTTP."


@dataclass(frozen=True, slots=True)
class Application:
    """What a server runs, and what ends its streams."""

    asgi: Guard
    bulletin: Bulletin


def build(serving: Serving) -> Application:
    """The application for what is served."""
    foreman = Foreman(serving.desk, serving.told, serving.crash) if serving.worker else None
    tellers = tuple(Teller(one, serving.outbox, serving.crash) for one in serving.shelves)
    bulletin = Bulletin(serving, foreman, tellers)
    counted = Counted()
    app = FastAPI(
        title=_TITLE,
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=_living(serving, foreman, bulletin, tellers),
    )
    app.add_exception_handler(ReconError, answers.on_error)
    app.include_router(reconstruct.routes(serving, foreman))
    app.include_router(operations.routes(serving, foreman, bulletin, counted))
    app.include_router(records.routes(tellers, serving.outbox))
    app.include_router(logs.routes(tellers, bulletin.closing))
    app.include_router(page.routes(serving))
    return Application(Guard(app, serving, counted), bulletin)


def _living(serving: Serving, foreman: Foreman | None, bulletin: Bulletin, tellers: tuple[Teller, ...]) -> Lifespan:
    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(sweep, serving)
        if foreman is not None:
            foreman.start()
        for one in tellers:
            one.begin()
        sampling = asyncio.create_task(bulletin.sample())
        try:
            yield
        finally:
            sampling.cancel()
            with suppress(asyncio.CancelledError):
                await sampling
            for one in tellers:
                await run_in_threadpool(one.stop)
            if foreman is not None:
                await run_in_threadpool(foreman.stop)

    return living


def sweep(serving: Serving) -> None:
    """Take away what uploads left that a killed server had not answered."""
    shutil.rmtree(serving.desk.root / published.FETCHED, ignore_errors=True)
    for left in serving.desk.root.glob(f"{upload.PART}*"):
        reconstruct.clear(serving, left)
    start.sweep(serving.desk)
