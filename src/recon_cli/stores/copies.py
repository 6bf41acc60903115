"""Reading database copies and JSON backups: what can be read, and a Problem for what cannot. Never an exception.

A copy is evidence: it is opened so that nothing beside it or in it changes.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from recon_cli.core.canonical import Value
from recon_cli.core.copies import Copy
from recon_cli.core.report import Problem
from recon_cli.stores import backups, salvage

_MAGIC = b"SQLite format 3\0"
_BESIDE = ("-wal", "-journal")


def read_copy(path: Path, source: str, origin: str, zone: str = "") -> Copy:
    """The rows of a SQLite file (with its `-wal` or `-journal` if they lie beside it) or of a JSON backup.

    Args:
        path: the file as it lies on this machine.
        source: what to call it.
        origin: `store` if it lay on the scanned store, `also` if the operator gave it.
        zone: the IANA zone of its naive times, where known.

    Returns:
        A Copy; one without tables and with a Problem when the file is neither.
    """
    try:
        tables, problems = _read(path, source)
    except (OSError, sqlite3.Error) as exc:
        tables, problems = {}, [Problem(source, "unreadable", str(exc))]
    return Copy(source, origin, tables, tuple(problems), zone)


def _read(path: Path, source: str) -> tuple[Mapping[str, Sequence[Mapping[str, Value]]], list[Problem]]:
    if path.is_dir():
        return {}, [Problem(source, "not-a-copy", "this is a folder; name the database file in it")]
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
    if head == _MAGIC:
        return _database(path, source)
    if not head:
        return {}, [Problem(source, "empty", "the file holds no bytes")]
    return backups.read_json(path, source)


def _database(path: Path, source: str) -> tuple[dict[str, list[dict[str, Value]]], list[Problem]]:
    tables: dict[str, list[dict[str, Value]]] = {}
    with _opened(path) as connection:
        names, problems = salvage.table_names(connection, source)
        for name in names:
            tables[name], found = salvage.rows_of(connection, source, name)
            problems += found
    return tables, problems


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file itself, immutable; or, with a log beside it, a private copy of both, for reading a log writes."""
    beside = [Path(f"{path}{suffix}") for suffix in _BESIDE if Path(f"{path}{suffix}").is_file()]
    if not any(one.stat().st_size for one in beside):
        with closing(salvage.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1")) as connection:
            yield connection
        return
    with tempfile.TemporaryDirectory(prefix="recon-copy-") as folder:
        for one in (path, *beside):
            shutil.copyfile(one, Path(folder, f"copy{one.name.removeprefix(path.name)}"))
        with closing(salvage.connect(f"file:{quote(folder)}/copy?mode=rw")) as connection:
            yield connection
