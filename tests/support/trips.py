"""Databases into snapshots and back, in this process and without a destination: for proofs that nothing is lost."""

from __future__ import annotations

import json
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

from recon_cli.core.place import Place
from recon_cli.jobs.backup.export import ExportRequest, written
from recon_cli.jobs.backup.restore import RestoreRequest, restore
from recon_cli.ops.clock import SystemClock
from recon_cli.snapshot.manifest import Compression, Manifest
from recon_cli.snapshot.opened import open_snapshot
from recon_cli.snapshot.write import finish
from recon_cli.stores.bulk.base import Mode
from recon_cli.stores.bulk.registry import open_bulk


def place(where: Path | str, password: str = "") -> Place:
    """A SQLite file, or a database on a server."""
    url = f"sqlite:///{where}" if isinstance(where, Path) else where
    return Place(url, secret=lambda: password or None)


def exported(
    source: Place, folder: Path, *, compression: Compression = Compression.NONE, shard_rows: int = 20
) -> Manifest:
    """A snapshot of `source` in `folder`."""
    folder.mkdir(parents=True)
    request = ExportRequest(compression=compression, shard_rows=shard_rows, workers=1)
    with closing(open_bulk(source)) as store:
        manifest = written(store, source, folder, request)
    finish(folder, manifest)
    return manifest


def imported(snapshot: Path, target: Place, state: Path, mode: Mode = Mode.INSERT) -> list[str]:
    """Restore a snapshot (a folder or an archive), which reads it back and compares; what was told about it."""
    with closing(open_snapshot(snapshot)) as opened, closing(open_bulk(target)) as store:
        report = restore(opened, store, state, RestoreRequest(mode=mode, trusted=True), SystemClock())
    return [str(note) for note in report.body["notes"]]  # type: ignore[union-attr]  # a list, by its schema


def exact(path: Path) -> dict[str, object]:
    """Everything in a SQLite file: declarations as written, settings, and every cell by storage class and bit."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.text_factory = bytes
        found: dict[str, object] = {
            name: db.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id", "encoding")
        }
        declared = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()
        shadows = {name for name, kind in db.execute("SELECT name, type FROM pragma_table_list") if kind == b"shadow"}
        found["declared"] = declared
        for kind, name, _, _ in declared:
            if kind == b"table" and name not in shadows:
                found[name.decode()] = _cells(db, name.decode())
        return found


def _cells(db: sqlite3.Connection, table: str, columns: str = "hidden <> 1") -> list[object]:
    found = db.execute(f"SELECT name FROM pragma_table_xinfo(?) WHERE {columns} ORDER BY cid", (table,))  # noqa: S608  constants
    names = ['"' + name.decode().replace('"', '""') + '"' for (name,) in found]
    parts = ", ".join(
        f"typeof({name}), CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END" for name in names
    )
    quoted = table.replace('"', '""')
    rows = db.execute(f'SELECT {parts} FROM "{quoted}"')  # noqa: S608  its own names, quoted
    return sorted((tuple(_bits(cell) for cell in row) for row in rows), key=repr)


def stored(path: Path) -> dict[str, object]:
    """What goes from engine to engine: every cell of every ordinary table, but for computed columns."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.text_factory = bytes
        names = db.execute("SELECT name FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        return {name.decode(): _cells(db, name.decode(), "hidden = 0") for (name,) in names.fetchall()}


def shaped(path: Path) -> dict[str, object]:
    """Columns with type and default, keys and foreign keys of the ordinary tables."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        names = db.execute("SELECT name FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        columns = "SELECT name, type, dflt_value, pk FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid"
        links = 'SELECT "table", "from", "to", on_delete, on_update FROM pragma_foreign_key_list(?) ORDER BY "from"'
        return {
            name: (db.execute(columns, (name,)).fetchall(), db.execute(links, (name,)).fetchall())
            for (name,) in names.fetchall()
        }


def _bits(cell: object) -> object:
    return struct.pack(">d", cell) if isinstance(cell, float) else cell


def content(folder: Path) -> dict[str, bytes]:
    """A snapshot's files; of the manifest all but where it came from, and the sum over that."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    manifest = json.loads(files["manifest.json"])
    for name in ("source", "sha256"):
        manifest.pop(name, None)
    manifest["catalog"].get("settings", {}).pop("schema", None)  # in MariaDB that is the database
    return {**files, "manifest.json": json.dumps(manifest, sort_keys=True).encode()}
