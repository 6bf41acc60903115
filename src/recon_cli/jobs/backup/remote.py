"""Archives in a file store: FTP, FTPS, SFTP, S3, or a folder of this machine. One folder is for one database.

`NAME.tar.zst[.age]` is a snapshot, `NAME.manifest.json` its manifest (where nothing is encrypted), and `NAME.json` the
sidecar with size and SHA-256 of the archive. The sidecar comes last, after the archive was read back whole, and goes
first: an archive without one never counts, and the next run sweeps it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core import retention
from recon_cli.core.entry import EntryType
from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.files.base import FileStore, ScanOptions, read_all
from recon_cli.jobs.backup import memory, names, runfile, staging
from recon_cli.jobs.backup.destination import LATEST, NO_RUN, Held, Published, Run
from recon_cli.jobs.backup.runfile import Archived
from recon_cli.jobs.backup.shape import Packing, check_staged, open_archive
from recon_cli.jobs.backup.written import Passed, write_archive
from recon_cli.ops.clock import Clock, SystemClock
from recon_cli.snapshot import manifest as manifests
from recon_cli.snapshot.manifest import Manifest, NewerFormatError
from recon_cli.snapshot.reader import Snapshot

_ARCHIVE = re.compile(r"(\d{8}T\d{6}Z(?:-\d+)?)(\.tar(?:\.zst|\.gz)?(?:\.age)?)")
_LEFT = re.compile(r"\.?(\d{8}T\d{6}Z(?:-\d+)?)\..*(\.recon-part|\.tmp|\.old)")
_MANIFEST = f".{manifests.NAME}"
_SIDECAR = ".json"
_LARGEST_SIDECAR = 1 << 20
_CHUNK_BYTES = 1 << 18


def is_archive(file: str) -> bool:
    """Whether a file of this name is the archive of a snapshot."""
    return _ARCHIVE.fullmatch(file) is not None


def snapshot_of(file: str) -> str:
    """The name of the snapshot that an archive, or a folder of a snapshot, is called after; else nothing."""
    found = _ARCHIVE.fullmatch(file)
    stem = found[1] if found else file
    return stem if names.made_at(stem) else ""


@dataclass(frozen=True, slots=True)
class _There:
    """What a folder of archives holds: every file's size, by name."""

    sizes: dict[str, int | None]

    def snapshots(self) -> list[str]:
        """The names that an archive or a sidecar stands for, oldest first."""
        stems = {self.stem(file) for file in self.sizes}
        return sorted((stem for stem in stems if stem), key=names.order)

    def archive(self, name: str) -> str:
        """The file of a snapshot, or nothing."""
        return next((file for file in self.sizes if (found := _ARCHIVE.fullmatch(file)) and found[1] == name), "")

    def stem(self, file: str) -> str:
        """The snapshot that a file belongs to, or nothing."""
        found = _ARCHIVE.fullmatch(file)
        stem = found[1] if found else file.removesuffix(_MANIFEST).removesuffix(_SIDECAR)
        return stem if names.made_at(stem) and file != stem else ""


class Archives:
    """Snapshots as archives in one folder of a file store."""

    def __init__(self, store: FileStore, packing: Packing | None = None, clock: Clock | None = None) -> None:
        self._store = store
        self._packing = packing or Packing()
        self._clock = clock or SystemClock()
        self._sidecars: dict[str, Archived] = {}
        self.url = store.url

    def held(self) -> tuple[Held, ...]:
        """Every archive, oldest first; those whose upload did not finish have a fault."""
        there = self._look()
        return tuple(self._held(there, name) for name in there.snapshots())

    def latest(self) -> Manifest | None:
        """The manifest of the newest good one; of an encrypted one as this machine remembers it, or by its identity."""
        newest = retention.newest(retention.readable(self.held()), self._clock.now())
        if newest is None:
            return None
        return self._manifest(newest.name)

    @contextmanager
    def open(self, name: str = LATEST) -> Iterator[Snapshot]:
        """An archive, fetched whole and compared with its sidecar before anything is read from it."""
        chosen = self._named(name)
        with staging.folder(staging.home(), chosen) as folder:
            archive = self._sidecar(chosen)
            target = folder / archive.file
            self._fetch(archive, target)
            with open_archive(target, f"{archive.file} in {self.url}", self._packing) as snapshot:
                yield snapshot

    @contextmanager
    def staging(self, name: str) -> Iterator[Path]:
        """A private folder of this machine."""
        with staging.folder(staging.home(), name) as folder:
            yield folder

    def publish(self, name: str, folder: Path, manifest: Manifest, run: Run = NO_RUN) -> Published:
        """Send the archive, read it back, then send the sidecar that makes it count."""
        check_staged(folder, manifest)
        for candidate in names.candidates(name):
            with memory.claimed(self.url, candidate) as mine:
                if mine and candidate not in self._look().snapshots():
                    return self._publish(candidate, folder, manifest, run)
        raise AssertionError

    def _publish(self, name: str, folder: Path, manifest: Manifest, run: Run) -> Published:
        archive = self._send(folder / f"{name}{self._packing.suffix}", folder)
        told = manifests.encode(manifest)
        if not self._packing.encrypted:
            self._store.write(f"{name}{_MANIFEST}", [told])
        self._store.write(f"{name}{_SIDECAR}", [runfile.sidecar(archive, names.made_at(name), manifest, run)])
        self._sidecars[name] = archive
        memory.remember(self.url, archive.sha256, told)
        where = f"{self.url.rstrip('/')}/{archive.file}"
        return Published(name, where, size_bytes=archive.size_bytes)

    def remove(self, name: str) -> None:
        """The sidecar first, so that a kill in between leaves what does not count and is swept."""
        if not names.made_at(name):
            raise NotFoundError(f"no snapshot {name} in {self.url}", hint="`recon backup list` shows which are there")
        there = self._look()
        self._store.remove(f"{name}{_SIDECAR}")
        self._sidecars.pop(name, None)
        for file in sorted(there.sizes):
            if there.stem(file) == name and file != f"{name}{_SIDECAR}":
                self._store.remove(file)

    def sweep(self) -> tuple[str, ...]:
        """Uploads that did not finish."""
        there = self._look()
        whole = {name for name in there.snapshots() if f"{name}{_SIDECAR}" in there.sizes}
        gone = [file for file in sorted(there.sizes) if _LEFT.fullmatch(file) or self._lost(there, file, whole)]
        for file in gone:
            self._store.remove(file)
        return (*gone, *staging.sweep(staging.home()))

    def close(self) -> None:
        """Give the store's connections back."""
        self._store.close()

    def _lost(self, there: _There, file: str, whole: set[str]) -> bool:
        stem = there.stem(file)
        return bool(stem) and stem not in whole

    def _look(self) -> _There:
        """The files of the folder; none where it was not made yet."""
        try:
            (listing,) = self._store.scan("", ScanOptions(max_depth=0, skip=lambda _path: True))
        except NotFoundError:
            return _There({})
        if listing.incomplete:
            cause = f"{listing.incomplete.value} {listing.detail}".strip()
            raise DataError(f"cannot list {self.url} whole", cause=cause, hint="look at it with `recon scan`")
        return _There({one.name: one.size_bytes for one in listing.entries if one.type is EntryType.FILE})

    def _held(self, there: _There, name: str) -> Held:
        made = names.made_at(name)
        assert made is not None
        file = there.archive(name)
        size = there.sizes.get(file)
        if f"{name}{_SIDECAR}" not in there.sizes:
            return Held(name, made, size, "its upload did not finish")
        try:
            archive = self._sidecar(name)
        except (DataError, NotFoundError) as exc:
            return Held(name, made, size, exc.message)
        if archive.file not in there.sizes:
            return Held(name, made, None, f"{archive.file} is missing")
        if size is not None and size != archive.size_bytes:
            return Held(name, made, size, f"{archive.file} has {size} bytes instead of {archive.size_bytes}")
        return Held(name, made, archive.size_bytes, newer=archive.newer)

    def _sidecar(self, name: str) -> Archived:
        if name not in self._sidecars:
            where = f"{name}{_SIDECAR}"
            told = b"".join(self._store.read(where, size_bytes=_LARGEST_SIDECAR))
            archive = runfile.read_sidecar(told, f"{where} in {self.url}")
            found = _ARCHIVE.fullmatch(archive.file)
            if found is None or found[1] != name:
                raise DataError(f"{where} in {self.url} describes another archive", hint="remove both by hand")
            self._sidecars[name] = archive
        return self._sidecars[name]

    def _manifest(self, name: str) -> Manifest | None:
        archive = self._sidecar(name)
        known = memory.recall(self.url, archive.sha256)
        if known is not None:
            return manifests.decode(known)
        try:
            return manifests.decode(read_all(self._store, f"{name}{_MANIFEST}"))
        except NotFoundError:
            if archive.file.endswith(".age") and self._packing.identity is None:
                return None
            with self.open(name) as snapshot:
                return snapshot.manifest

    def _named(self, name: str) -> str:
        held = self.held()
        newest = retention.newest(held, self._clock.now())
        chosen = newest.name if name == LATEST and newest else name
        found = next((one for one in held if one.name == chosen), None)
        if found is None:
            raise NotFoundError(f"no snapshot {name} in {self.url}", hint="`recon backup list` shows which are there")
        if found.newer:
            raise NewerFormatError(found.newer)
        if found.fault:
            raise DataError(f"the snapshot {chosen} in {self.url} is not whole", cause=found.fault, hint="use another")
        return chosen

    def _send(self, beside: Path, folder: Path) -> Archived:
        """Pack, send, read back; what differs is removed again."""
        archive = write_archive(beside, folder, self._packing)
        with staging.translated(beside), beside.open("rb") as file:
            self._store.write(archive.file, iter(lambda: file.read(_CHUNK_BYTES), b""))
        back = Passed(self._store.read(archive.file))
        for _chunk in back:
            pass
        if (back.size_bytes, back.digest) != (archive.size_bytes, archive.sha256):
            self._store.remove(archive.file)
            cause = f"{archive.size_bytes} bytes were sent, {back.size_bytes} came back, or others"
            raise DataError(f"{archive.file} in {self.url} is not what was sent", cause=cause, hint="run again")
        return archive

    def _fetch(self, archive: Archived, target: Path) -> None:
        got = Passed(self._store.read(archive.file))
        with staging.translated(target), target.open("xb") as file:
            for chunk in got:
                if got.size_bytes > archive.size_bytes:
                    break
                file.write(chunk)
        if (got.size_bytes, got.digest) != (archive.size_bytes, archive.sha256):
            cause = f"{got.size_bytes} bytes with another SHA-256 than its sidecar says ({archive.size_bytes} bytes)"
            raise DataError(f"{archive.file} in {self.url} is damaged", cause=cause, hint="use another snapshot")
