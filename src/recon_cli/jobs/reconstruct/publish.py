"""publish: a finished job's files, copied to where the operator wants them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import ReconError
from recon_cli.core.report import Report
from recon_cli.ops import atomic
from recon_cli.reconstruction.work import Work


def published(report: Report, work: Work, out: Path | None) -> Report:
    """The report with the files where they are now; each is copied whole or not at all.

    Raises:
        ReconError: the folder cannot be written.
    """
    if out is None:
        return report
    copied: list[str] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path in sorted(one for one in work.result.iterdir() if one.is_file()):
            part = out / f".{path.name}.part"
            shutil.copyfile(path, part)
            atomic.sync_file(part)
            part.replace(out / path.name)
            copied.append(str(out / path.name))
    except OSError as exc:
        hint = f"the result itself is safe in {work.result}"
        raise ReconError(f"cannot copy the result to {out}", cause=exc.strerror, hint=hint) from exc
    body: dict[str, Json] = {**report.body, "out": str(out), "files": [*copied]}
    viewer = next((path for path in copied if path.endswith(".html")), "")
    return replace(report, body=body, hints=(f"open {viewer} in a browser",) if viewer else report.hints)
