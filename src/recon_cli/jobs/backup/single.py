"""One archive file that holds the newest snapshot and nothing else: `backup.tar.zst`, replaced whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.jobs.backup import memory, names, staging
from recon_cli.jobs.backup.destination import LATEST, NO_RUN, Held, Published, Run
from recon_cli.jobs.backup.shape import Packing, check_staged, open_archive
from recon_cli.jobs.backup.written import write_archive
from recon_cli.ops import paths
from recon_cli.snapshot import manifest as manifests
from recon_cli.snapshot.manifest import Manifest
from recon_cli.snapshot.reader import Snapshot

ENDINGS = tuple(f".tar{how}{locked}" for how in (".zst", ".gz", "") for locked in ("", ".age"))


class SingleArchive:
    """The archive at `path`. Its time of change is the time of its making."""

    def __init__(self, path: Path, packing: Packing) -> None:
        self._path = path.expanduser().absolute()
        self._packing = packing
        self.url = str(self._path)

    def held(self) -> tuple[Held, ...]:
        """The archive, if it is there."""
        try:
            seen = self._path.stat()
        except FileNotFoundError:
            return ()
        made = datetime.fromtimestamp(int(seen.st_mtime), UTC)
        return (Held(names.name_of(made), made, seen.st_size, "" if seen.st_size else "it is empty"),)

    def latest(self) -> Manifest | None:
        """Its manifest; of an encrypted one as this machine remembers it, or by its identity."""
        if not any(not one.fault for one in self.held()):
            return None
        known = memory.recall(self.url, self._digest(self._path))
        if known is not None:
            return manifests.decode(known)
        if self._path.suffix == ".age" and self._packing.identity is None:
            return None
        with self.open() as snapshot:
            return snapshot.manifest

    @contextmanager
    def open(self, name: str = LATEST) -> Iterator[Snapshot]:
        """The archive to read."""
        if name not in {LATEST, *(one.name for one in self.held())} or not self._path.exists():
            raise NotFoundError(f"no snapshot {name} in {self.url}", hint="it keeps the newest one only")
        with open_archive(self._path, self.url, self._packing) as snapshot:
            yield snapshot

    @contextmanager
    def staging(self, name: str) -> Iterator[Path]:
        """A folder beside the archive."""
        paths.private_dir(self._path.parent)
        with staging.folder(self._path.parent, f"{self._path.name}-{name}") as folder:
            yield folder

    def publish(self, name: str, folder: Path, manifest: Manifest, run: Run = NO_RUN) -> Published:  # noqa: ARG002  there is no place beside it for run data
        """Write beside, read back, rename over the old one."""
        check_staged(folder, manifest)
        made = names.made_at(name) or datetime.now(UTC)
        beside = folder / self._path.name
        with staging.translated(self._path):
            sent = write_archive(beside, folder, self._packing)
            if self._digest(beside) != sent.sha256:
                hint = "the disk or the memory of this machine is failing: look at `dmesg`"
                raise DataError(f"{self.url} reads back as other bytes than were written", hint=hint)
            os.utime(beside, (made.timestamp(), made.timestamp()))
            size = beside.stat().st_size
            beside.replace(self._path)
            staging.sync_folder(self._path.parent)
        memory.remember(self.url, sent.sha256, manifests.encode(manifest))
        return Published(names.name_of(made), self.url, size_bytes=size)

    def remove(self, name: str) -> None:
        """Delete the archive, if it is the one of that name."""
        if name in {one.name for one in self.held()}:
            with staging.translated(self._path), suppress(FileNotFoundError):
                self._path.unlink()

    def sweep(self) -> tuple[str, ...]:
        """What killed runs left."""
        return tuple(staging.sweep(self._path.parent, f"{self._path.name}-"))

    def close(self) -> None:
        """Nothing is held open."""

    def _digest(self, path: Path) -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
