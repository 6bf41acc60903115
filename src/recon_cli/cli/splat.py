"""`recon splat`: files of Gaussians."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from recon_cli.cli import options
from recon_cli.cli.words import share
from recon_cli.jobs import splat as job

app = options.App(help="Look into splats, convert, clean and show them.")

Source: TypeAlias = Annotated[Path, typer.Argument(metavar="FILE", help="A `.ply`, `.splat` or `.spz`.")]
Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


@app.command(dry_run=True)
@options.examples("recon splat info scene.ply")
def info(file: Source) -> None:
    """Say what a splat holds: format, count, bounds, and whether it is sound (exit code 3 if not)."""
    options.current().show(job.info(file))


@app.command(dry_run=True)
@options.examples("recon splat convert scene.ply scene.spz --keep 50%")
def convert(
    file: Source,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The file to write; its suffix says the format.")],
    keep: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Keep this share, those that are seen most: 0.2 or 20%.")
    ] = None,
    degree: Annotated[
        int, typer.Option(min=0, max=3, metavar="N", help="Harmonics at most; 0 looks the same from everywhere.")
    ] = 3,
    force: Force = False,
) -> None:
    """Turn a splat into another format, whole or lighter."""
    call = options.current()
    part = share(keep, "--keep") if keep else 1.0
    call.show(job.convert(job.ConvertRequest(file, target, part, degree, force, call.dry_run)))


@app.command()
@options.examples("recon splat clean point_cloud.ply cleaned.ply")
def clean(
    file: Source,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The `.ply` to write.")],
    force: Force = False,
) -> None:
    """Leave out floaters: what is far from its neighbours, and small clusters."""
    options.current().show(job.clean(file, target, force=force))


@app.command()
@options.examples("recon splat view scene.ply work/ viewer.html")
def view(
    file: Source,
    scene: Annotated[Path, typer.Argument(metavar="SCENE", help="A folder with a sparse model: where cameras stood.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The `.html` to write.")],
    title: Annotated[str, typer.Option(metavar="TEXT", help="The page's title; the file's name by default.")] = "",
    force: Force = False,
) -> None:
    """Make one HTML file that shows a splat, without a network."""
    options.current().show(job.view(file, scene, target, title or file.stem, force=force))
