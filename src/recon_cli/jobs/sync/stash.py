"""Stash: values whose column the target has no more, kept beside the queue until somebody gives it back."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from recon_cli.core import canonical
from recon_cli.core.canonical import Json
from recon_cli.core.landing import Load


class Stash:
    """A file of JSON lines: target, table, key, and the values that were left out. On disk before the row is sent.

    A value of a document column is not repeated: it is in the file it came from.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept = 0

    def keep(self, target: str, loads: Sequence[Load]) -> None:
        """Append what the shapes leave out, and wait for the disk."""
        lines = [line for load in loads for line in _lines(target, load)]
        if not lines:
            return
        number = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(number, b"".join(lines))
            os.fsync(number)
        finally:
            os.close(number)
        self.kept += len(lines)


def _lines(target: str, load: Load) -> list[bytes]:
    shape = load.shape
    gone = [one.name for one in shape.landing.schema.columns if one.name not in shape.columns]
    lines = []
    for parcel in load.parcels if gone else ():
        values = parcel.record.values
        left: dict[str, Json] = {name: canonical.encode(values[name]) for name in gone if values.get(name) is not None}
        key: list[Json] = [canonical.encode(values.get(name)) for name in shape.key]
        body: dict[str, Json] = {"target": target, "table": shape.table, "key": key, "values": left}
        lines += [json.dumps(body, ensure_ascii=False).encode() + b"\n"] if left else []
    return lines
