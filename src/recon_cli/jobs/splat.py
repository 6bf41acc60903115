"""splat: look into a file of Gaussians, turn it into another format, clean it, make a page of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ExitCode, ReconError, ToolMissingError
from recon_cli.core.report import Problem, Report, Table

if TYPE_CHECKING:
    from recon_cli.reconstruction.splats.gaussians import Gaussians

HINT = "run `pip install 'recon-cli[reconstruct]'`"


@dataclass(frozen=True, slots=True)
class ConvertRequest:
    """What to write: the share of Gaussians seen most (1 is all, in their order), and the harmonics at most."""

    source: Path
    target: Path
    share: float = 1.0
    degree: int = 3
    force: bool = False
    dry_run: bool = False


def info(path: Path) -> Report:
    """Format, count, bounds and validity; exit code 3 where some Gaussians are no numbers."""
    with _extra():
        from recon_cli.reconstruction.splats import files  # noqa: PLC0415  numpy

        head = files.head(path)
        gaussians = files.read(path)
        body: dict[str, Json] = {"path": str(path), "format": head.form, "gaussians": head.count, "degree": head.degree}
        body |= {"size_bytes": path.stat().st_size, **_measured(gaussians)}
        problems = _faults(path, gaussians)
    rows = [(name, _shown(value)) for name, value in body.items()]
    summary = f"{words.count(head.count, 'Gaussian')}, {head.form}, degree {head.degree} ({path})"
    return _report("recon.splat-info/1", summary, body, problems, (Table(("what", "value"), rows),))


def _measured(gaussians: Gaussians) -> dict[str, Json]:
    """What is counted and measured over those that are numbers."""
    import numpy as np  # noqa: PLC0415  an extra

    good = gaussians.take(gaussians.finite())
    body: dict[str, Json] = {"valid": len(good)}
    if len(good):
        low, high = good.xyz.min(axis=0), good.xyz.max(axis=0)
        body["bounds_min"], body["bounds_max"] = _numbers(low), _numbers(high)
        body["middle"] = _numbers(np.median(good.xyz, axis=0))
        body["mean_opacity"] = round(float(good.opacities().mean()), 4)
        body["median_size"] = float(f"{math.exp(float(np.median(good.log_scales))):.4g}")
    return body


def _numbers(values: Iterable[float]) -> list[Json]:
    return [float(f"{value:.6g}") for value in values]


def _shown(value: Json) -> Json:
    return " ".join(str(one) for one in value) if isinstance(value, list) else value


def _faults(path: Path, gaussians: Gaussians) -> tuple[Problem, ...]:
    import numpy as np  # noqa: PLC0415  an extra

    broken = len(gaussians) - int(gaussians.finite().sum())
    with np.errstate(invalid="ignore", over="ignore"):
        unturned = int((np.linalg.norm(gaussians.rotations, axis=1) < 1e-6).sum())  # noqa: PLR2004  no length
    told = ((broken, "no number"), (unturned, "no rotation"))
    return tuple(Problem(str(path), f"{what} in {words.count(count, 'Gaussian')}") for count, what in told if count)


def convert(request: ConvertRequest) -> Report:
    """Write a splat in the format of the target's suffix; what is no number is left out and told.

    Raises:
        UsageError: no such format.
        ReconError: the target is there already.
    """
    with _extra():
        from recon_cli.reconstruction.splats import export, files  # noqa: PLC0415  numpy

        form = files.form_of(request.target)
        _free(request.target, force=request.force)
        gaussians = files.read(request.source)
        good = gaussians.take(gaussians.finite())
        if not len(good):
            raise ReconError(f"there is nothing to write of {request.source}", cause="it holds no valid Gaussian")
        if request.share < 1:
            good = export.seen_most(good, request.share)
        good = good.with_degree(min(request.degree, good.degree))
        size_bytes = 0 if request.dry_run else files.write(good, request.target)
    left_out = len(gaussians) - int(gaussians.finite().sum())
    problems = (Problem(str(request.source), f"{words.count(left_out, 'Gaussian')} left out: no number"),)
    body: dict[str, Json] = {
        "source": str(request.source), "target": str(request.target), "format": form, "read": len(gaussians),
        "gaussians": len(good), "size_bytes": size_bytes, "written": not request.dry_run,
    }  # fmt: skip
    verb = "would write" if request.dry_run else "wrote"
    size = "" if request.dry_run else f", {words.size(size_bytes)}"
    summary = f"{verb} {words.count(len(good), 'Gaussian')} as {form}{size} ({request.target})"
    return _report("recon.splat-convert/1", summary, body, problems if left_out else ())


def clean(source: Path, target: Path, *, force: bool) -> Report:
    """Leave out floaters; see `reconstruction.cleaning`."""
    with _extra():
        from recon_cli.reconstruction import cleaning  # noqa: PLC0415  numpy

        _free(target, force=force)
        done = cleaning.clean(source, target, cleaning.CleanOptions())
    body: dict[str, Json] = {
        "source": str(source), "target": str(target), "before": done.before, "after": done.after,
        "removed_by_neighbours": done.removed_by_neighbours, "removed_by_clusters": done.removed_by_clusters,
    }  # fmt: skip
    summary = (
        f"{done.after} of {words.count(done.before, 'Gaussian')} kept; "
        f"{done.removed_by_neighbours} far from others, {done.removed_by_clusters} in small clusters ({target})"
    )
    return _report("recon.splat-clean/1", summary, body, ())


def view(source: Path, scene: Path, target: Path, title: str, *, force: bool) -> Report:
    """Make one HTML file that shows a splat from the cameras of a scene."""
    with _extra():
        from recon_cli.reconstruction import viewer  # noqa: PLC0415  numpy

        _free(target, force=force)
        viewer.write(source, scene, target, title)
    size_bytes = target.stat().st_size
    body: dict[str, Json] = {"source": str(source), "target": str(target), "size_bytes": size_bytes}
    return _report("recon.splat-view/1", f"wrote a page of {words.size(size_bytes)} ({target})", body, ())


def _report(
    schema: str, summary: str, body: dict[str, Json], problems: tuple[Problem, ...], tables: tuple[Table, ...] = ()
) -> Report:
    code = ExitCode.PARTIAL if problems else ExitCode.DONE
    return Report(schema, summary, body, tables, problems, code)


def _free(target: Path, *, force: bool) -> None:
    if target.exists() and not force:
        raise ReconError(f"{target} is there already", hint="use another name, or `--force` to replace it")


@contextmanager
def _extra() -> Iterator[None]:
    """What is done in here needs numpy and numba."""
    for name in ("numpy", "numba"):
        if find_spec(name) is None:
            raise ToolMissingError("cannot work on splats", cause=f"{name} is not installed", hint=HINT)
    yield
