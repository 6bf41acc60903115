"""A folder of this machine that keeps snapshots as folders: `DEST/20261121T030000Z/manifest.json`, `data/`, `run.json`.

Every snapshot has its own files, also where nothing changed since the last one. Hard links would save the space, but
then one flipped bit or one careless edit would spoil every snapshot at once, and a floor of good ones would be a floor
of one. Who wants growth by change alone keeps snapshots in git.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from recon_cli.core import retention
from recon_cli.core.errors import NotFoundError, ReconError
from recon_cli.jobs.backup import names, runfile, staging
from recon_cli.jobs.backup.destination import LATEST, NO_RUN, Held, Published, Run
from recon_cli.jobs.backup.shape import check_staged, missing_or_cut
from recon_cli.ops import paths
from recon_cli.ops.atomic import write_file
from recon_cli.ops.clock import Clock, SystemClock
from recon_cli.snapshot import manifest as manifests
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import Manifest, NewerFormatError
from recon_cli.snapshot.reader import Snapshot

_REMOVED = ".removed-"


class LocalFolder:
    """Snapshots as folders in `root`, which is made when the first one comes."""

    def __init__(self, root: Path, clock: Clock | None = None) -> None:
        self._root = root.expanduser().absolute()
        self._clock = clock or SystemClock()
        self.url = str(self._root)

    def held(self) -> tuple[Held, ...]:
        """Every folder with a snapshot's name, oldest first."""
        try:
            found = [path.name for path in self._root.iterdir() if names.made_at(path.name)]
        except FileNotFoundError:
            return ()
        except OSError as exc:
            hint = f"look at `ls -ld {self._root}`"
            raise ReconError(f"cannot list {self.url}", cause=exc.strerror, hint=hint) from exc
        return tuple(self._held(name) for name in sorted(found, key=names.order))

    def latest(self) -> Manifest | None:
        """The manifest of the newest good snapshot."""
        newest = retention.newest(retention.readable(self.held()), self._clock.now())
        return self._manifest(newest.name) if newest else None

    @contextmanager
    def open(self, name: str = LATEST) -> Iterator[Snapshot]:
        """A snapshot to read where it lies."""
        with closing(FolderSnapshot(self._root / self._named(name))) as snapshot:
            yield snapshot

    @contextmanager
    def staging(self, name: str) -> Iterator[Path]:
        """A folder beside the snapshots."""
        paths.private_dir(self._root)
        with staging.folder(self._root, name) as folder:
            yield folder

    def publish(self, name: str, folder: Path, manifest: Manifest, run: Run = NO_RUN) -> Published:
        """Read the staged folder back, rename it; where the name is taken, the next free one is used."""
        check_staged(folder, manifest)
        before = self._unchanged_since(manifest)
        write_file(folder / runfile.NAME, runfile.run_file(names.made_at(name), manifest, run))
        with staging.translated(self._root):
            for inner in [path for path in folder.rglob("*") if path.is_dir()]:
                staging.sync_folder(inner)
            staging.sync_folder(folder)
            taken = self._move(name, folder)
            staging.sync_folder(self._root)
        size = sum(shard.size_bytes for shard in manifest.paths().values())
        note = f"the same content as {before}" if before else ""
        return Published(taken, str(self._root / taken), size_bytes=size, note=note)

    def _move(self, name: str, folder: Path) -> str:
        """Rename never replaces a folder that holds something, so nobody's snapshot is lost to another's."""
        for taken in names.candidates(name):
            try:
                folder.rename(self._root / taken)
            except OSError:
                if not (self._root / taken).exists():
                    raise
            else:
                return taken
        raise AssertionError

    def remove(self, name: str) -> None:
        """Rename it out of sight, then delete: a kill in between leaves no half snapshot."""
        if not names.made_at(name):
            raise NotFoundError(f"no snapshot {name} in {self.url}", hint="`recon backup list` shows which are there")
        hidden = self._root / f"{_REMOVED}{name}-{os.getpid()}"
        with staging.translated(self._root):
            try:
                (self._root / name).rename(hidden)
            except FileNotFoundError:
                return
            staging.sync_folder(self._root)
        shutil.rmtree(hidden, ignore_errors=True)

    def sweep(self) -> tuple[str, ...]:
        """What killed runs left."""
        if not self._root.is_dir():
            return ()
        gone = sorted(self._root.glob(f"{_REMOVED}*"))
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)
        return (*staging.sweep(self._root), *(path.name for path in gone))

    def close(self) -> None:
        """Nothing is held open."""

    def _held(self, name: str) -> Held:
        made = names.made_at(name)
        assert made is not None
        try:
            manifest = self._manifest(name)
        except NewerFormatError as exc:
            return Held(name, made, newer=exc.format)
        except ReconError as exc:
            return Held(name, made, fault=exc.message)
        size = sum(shard.size_bytes for shard in manifest.paths().values())
        return Held(name, made, size, missing_or_cut(self._root / name, manifest))

    def _manifest(self, name: str) -> Manifest:
        path = self._root / name / manifests.NAME
        try:
            return manifests.decode(path.read_bytes())
        except OSError as exc:
            raise NotFoundError(f"no {manifests.NAME} in {name}", cause=exc.strerror) from exc

    def _named(self, name: str) -> str:
        newest = retention.newest(self.held(), self._clock.now()) if name == LATEST else None
        chosen = newest.name if newest else name
        if not names.made_at(chosen) or not (self._root / chosen).is_dir():
            raise NotFoundError(f"no snapshot {name} in {self.url}", hint="`recon backup list` shows which are there")
        return chosen

    def _unchanged_since(self, manifest: Manifest) -> str:
        """The newest good snapshot if it holds the same, else nothing."""
        newest = retention.newest(retention.readable(self.held()), self._clock.now())
        same = newest is not None and self._manifest(newest.name) == manifest
        return newest.name if newest and same else ""
