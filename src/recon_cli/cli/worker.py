"""`recon worker`: this machine as one of many that run reconstruction jobs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from recon_cli.cli import desk as desks
from recon_cli.cli import options
from recon_cli.cli.invocation import Invocation
from recon_cli.core.errors import ToolMissingError, UsageError
from recon_cli.ops import paths
from recon_cli.reconstruction import gpu

if TYPE_CHECKING:
    from recon_cli.jobs.worker.crew import Wish

_POOLS = ("auto", "cpu", "gpu")
_NEEDED = {"procrastinate": "procrastinate", "psycopg_pool": "psycopg-pool", "psycopg": "psycopg"}

app = options.App(
    cls=options.BareGroup,
    help="Run reconstruction jobs of one Postgres, on any number of machines; `worker` alone is `worker run`.",
)


@app.command("run")
@options.examples("recon worker --pool gpu --concurrent 1")
def run(
    pool: Annotated[
        str | None, typer.Option(metavar="|".join(_POOLS), help="`gpu` takes every job, `cpu` those without gsplat.")
    ] = None,
    concurrent: Annotated[int | None, typer.Option(min=1, metavar="N", help="Jobs at the same time.")] = None,
    drain: Annotated[bool, typer.Option("--drain", help="End when no job is left to take.")] = False,
) -> None:
    """Take jobs and run them until a signal comes; what is in hand then waits for another worker."""
    call = options.current()
    wish = _wish(call, pool, concurrent, drain=drain)
    from recon_cli.jobs.worker import run as working  # noqa: PLC0415  an extra

    call.show(working.work(wish, call.say))


@app.command()
@options.examples("recon worker init")
def init() -> None:
    """Make the schema `recon_worker` in the Postgres of the job table; a worker does so itself where it may."""
    call = options.current()
    wish = _wish(call)
    from recon_cli.jobs.worker import run as working  # noqa: PLC0415  an extra

    call.show(working.init(wish))


def _wish(call: Invocation, pool: str | None = None, concurrent: int | None = None, *, drain: bool = False) -> Wish:
    gpu_too = _has_gpu(pool or call.settings.worker.pool)
    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        told = f"{' and '.join(missing)} not installed"
        raise ToolMissingError("no worker can run here", cause=told, hint="run `pip install 'recon-cli[worker]'`")
    from recon_cli.jobs.worker.crew import Wish  # noqa: PLC0415  an extra

    chosen = call.settings.worker
    return Wish(
        desks.table_of_workers(call),
        desks.files_of_workers(call),
        (chosen.scratch or paths.state_dir() / "worker").expanduser().absolute(),
        gpu=gpu_too,
        concurrent=concurrent or chosen.concurrent,
        takeover_s=chosen.takeover_s,
        tries=chosen.tries,
        drain=drain,
        colmap=call.settings.reconstruct.colmap,
        train_command=call.settings.reconstruct.train_command,
    )


def _has_gpu(pool: str) -> bool:
    if pool not in _POOLS:
        raise UsageError(f"no pool `{pool}`", hint=f"use one of {', '.join(_POOLS)}")
    return pool == "gpu" or (pool == "auto" and bool(gpu.memory()))
