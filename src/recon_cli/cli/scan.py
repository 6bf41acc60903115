"""`recon scan`: list a store completely and fast, or say what is not proven."""

from __future__ import annotations

from typing import Annotated

import typer

from recon_cli.cli import options
from recon_cli.cli.scanning import scan_request, state_dir
from recon_cli.files.base import MtimeMode
from recon_cli.files.registry import open_files
from recon_cli.jobs import scan as job
from recon_cli.ops.clock import SystemClock


@options.examples("recon scan ftp://me@host/html", 'recon scan dothome --include "*.obj" --json-lines')
def scan(
    place: Annotated[
        str,
        typer.Argument(
            metavar="URL|NAME",
            autocompletion=options.complete("files"),
            help="A store: a URL, a folder, or a name of [files].",
        ),
    ],
    path: Annotated[str, typer.Argument(help="A folder below it; the whole store by default.")] = "",
    mtime: Annotated[
        MtimeMode | None, typer.Option(help="How exactly to learn times: UTC to the second, as listed, or not at all.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Encoding of names: auto, or a name such as cp949.")
    ] = None,
    connections: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=16, help="At most so many connections.")
    ] = None,
    include: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Show only these paths.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Leave out these paths.")] = None,
    max_depth: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Folders deeper than this are not listed.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a killed scan of the same stopped.")] = False,
    json_lines: Annotated[bool, typer.Option("--json-lines", help="One JSON object per entry.")] = False,
) -> None:
    """List a store completely and fast; exit code 3 if a folder is not proven complete."""
    call = options.current()
    chosen = call.files(place)
    request = scan_request(
        call,
        chosen,
        mtime=mtime,
        encoding=encoding,
        connections=connections,
        include=include,
        exclude=exclude,
        max_depth=max_depth,
        under=path.strip("/"),
        resume=resume,
    )
    store = open_files(chosen)
    with job.open_state(store, request, state_dir(call)) as state:
        call.show(job.scan(store, state, request, SystemClock()), json_lines=json_lines)
