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
from recon_cli.web import answers, operations, page, reconstruct, upload
from recon_cli.web.foreman import Foreman
from recon_cli.web.guard import Counted, Guard
from recon_cli.web.live import Bulletin
from recon_cli.web.serving import Serving

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
    bulletin = Bulletin(serving, foreman)
    counted = Counted()
    app = FastAPI(
        title=_TITLE,
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=_living(serving, foreman, bulletin),
    )
    app.add_exception_handler(ReconError, answers.on_error)
    app.include_router(reconstruct.routes(serving, foreman))
    app.include_router(operations.routes(serving, foreman, bulletin, counted))
    app.include_router(page.routes(serving))
    return Application(Guard(app, serving, counted), bulletin)


def _living(serving: Serving, foreman: Foreman | None, bulletin: Bulletin) -> Lifespan:
    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(sweep, serving)
        if foreman is not None:
            foreman.start()
        sampling = asyncio.create_task(bulletin.sample())
        try:
            yield
        finally:
            sampling.cancel()
            with suppress(asyncio.CancelledError):
                await sampling
            if foreman is not None:
                await run_in_threadpool(foreman.stop)

    return living


def sweep(serving: Serving) -> None:
    """Take away what uploads left that a killed server had not answered."""
    for left in serving.desk.root.glob(f"{upload.PART}*"):
        shutil.rmtree(left, ignore_errors=True)
    start.sweep(serving.desk)
