"""Sidecars: a small `_recon.json` beside each item, so that the next recovery is exact without any database."""

from __future__ import annotations

import json

from recon_cli.core.errors import ReconError
from recon_cli.core.report import Problem
from recon_cli.files.base import FileStore, read_all
from recon_cli.jobs import marks
from recon_cli.jobs.survey import Survey
from recon_cli.systems.base import System


def write_all(system: System, files: FileStore, found: Survey) -> tuple[Problem, ...]:
    """Write the sidecar of every finding whose folder is there; one that is already right is left alone.

    Returns:
        One Problem for each sidecar that could not be written.
    """
    main = next(iter(found.derived.findings.values()), ())
    by_key = {marks.row_key(item.key): item for item in found.items}
    schema = system.schemas(system.shapes[0])[0]
    problems: list[Problem] = []
    for finding in main:
        item = by_key.get(marks.row_key(schema.key_of(finding.record)))
        wanted = None if item is None else system.sidecar(finding, item)
        if wanted is not None:
            path, body = wanted
            problems += _write(files, path, json.dumps(body, ensure_ascii=False, indent=1).encode() + b"\n")
    return tuple(problems)


def _write(files: FileStore, path: str, text: bytes) -> list[Problem]:
    try:
        if not _is_there(files, path, text):
            files.write(path, [text])
    except ReconError as exc:
        return [Problem(path, f"sidecar not written: {exc.message}", exc.cause or "")]
    return []


def _is_there(files: FileStore, path: str, text: bytes) -> bool:
    try:
        return read_all(files, path) == text
    except ReconError:
        return False
