"""What is told beside a snapshot: when, where and how it was made, and for an archive its size and SHA-256."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError
from recon_cli.core.json_text import loads
from recon_cli.jobs.backup.destination import Run
from recon_cli.snapshot.manifest import FORMAT, OLDER, Manifest

NAME = "run.json"
RUN_SCHEMA = "recon.snapshot-run/1"
ARCHIVE_SCHEMA = "recon.snapshot-archive/1"


@dataclass(frozen=True, slots=True)
class Archived:
    """One archive as its sidecar describes it. `newer` names the snapshot's format where this recon cannot read it."""

    file: str
    size_bytes: int
    sha256: str
    newer: str = ""


def run_file(made: datetime | None, manifest: Manifest, run: Run) -> bytes:
    """The `run.json` of a snapshot."""
    return _written({"schema": RUN_SCHEMA, **_told(made, manifest, run)})


def sidecar(archive: Archived, made: datetime | None, manifest: Manifest, run: Run) -> bytes:
    """The sidecar of an archive; with it the archive counts."""
    body: dict[str, Json] = {"file": archive.file, "size_bytes": archive.size_bytes, "sha256": archive.sha256}
    return _written({"schema": ARCHIVE_SCHEMA, **body, **_told(made, manifest, run)})


def read_sidecar(text: bytes, where: str) -> Archived:
    """What a sidecar says.

    Raises:
        DataError: it is none.
    """
    try:
        body = loads(text)
        newer = _newer(body.get("format", FORMAT), body["schema"])
        archive = Archived(str(body["file"]), int(body["size_bytes"]), str(body["sha256"]), newer)
    except (ValueError, KeyError, TypeError) as exc:
        raise DataError(f"{where} describes no archive", cause=str(exc), hint="remove it with its archive") from exc
    return archive


def _newer(form: object, schema: object) -> str:
    """The format of the snapshot, or else of its sidecar, where it is not one of ours.

    Raises:
        ValueError: it is not a version of either.
    """
    for told, known in ((form, FORMAT), (schema, ARCHIVE_SCHEMA)):
        if not re.fullmatch(re.escape(known.rpartition("/")[0]) + "/[0-9]+", str(told)):
            raise ValueError(f"{told!r} is not a version of {known!r}")
    return next(
        (str(told) for told, known in ((form, FORMAT), (schema, ARCHIVE_SCHEMA)) if told not in (known, OLDER)), ""
    )


def _told(made: datetime | None, manifest: Manifest, run: Run) -> dict[str, Json]:
    return {
        "format": manifest.format,
        "made": made.isoformat() if made else None,
        "took_s": run.took_s,
        "host": run.host,
        "rows": sum(table.rows for table in manifest.tables),
        "source": manifest.source,
        "tool": manifest.tool,
        "changes": list(run.changes),
    }


def _written(body: Mapping[str, Json]) -> bytes:
    return (json.dumps(body, ensure_ascii=False, indent=2) + "\n").encode()
