"""A git repository as a destination: one commit for each snapshot that differs from the one before.

The snapshot lives in one folder of the repository. Trees are made beside the index, so nothing else that is changed,
staged or untracked there is touched; two writers are kept apart by a lock here and by git's own compare-and-swap
elsewhere. Run data stands in the commit message: a time stamp inside the files would make git grow every day.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from recon_cli.core import words
from recon_cli.core.errors import NotFoundError, UsageError
from recon_cli.jobs.backup import names, staging
from recon_cli.jobs.backup.destination import LATEST, NO_RUN, Held, Published, Run
from recon_cli.jobs.backup.gitline import ATTRIBUTES, TRAILER, Line, owned
from recon_cli.jobs.backup.shape import check_staged
from recon_cli.ops import lock
from recon_cli.ops.gitrepo import FORMAT_TRAILER, Commit, RejectedError, Repo, Signature
from recon_cli.snapshot import manifest as manifests
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import Manifest, NewerFormatError
from recon_cli.snapshot.reader import Snapshot

TRIES = 6
_PATIENCE_S = 60.0
_SUBJECT = 72
_ATTRIBUTES = b"""# Written by recon: every byte stays as it is; compressed files are not worth a delta.
* -text
*.zst -delta -diff
*.gz -delta -diff
*.age -delta -diff
"""


@dataclass(frozen=True, slots=True)
class Author:
    """Who the commits are by."""

    name: str = "recon"
    email: str = "recon@localhost"


class GitHistory:
    """Snapshots as commits that change one folder. `line` says which branch, here or behind a network."""

    kept_because = "git packs old snapshots by itself, and a commit stays"

    def __init__(self, url: str, line: Line, folder: str = "", author: Author = Author()) -> None:
        self.url = url
        self._line = line
        self._folder = folder.strip("/")
        self._author = author

    def held(self) -> tuple[Held, ...]:
        """Every commit that wrote a snapshot, oldest first."""
        return tuple(Held(one.id, one.when, newer=_newer(one)) for one in reversed(self._log()))

    def latest(self) -> Manifest | None:
        """The manifest as the branch has it now, or as it was when last an older recon wrote it."""
        at = self._line.current()
        with suppress(NewerFormatError):
            return self._manifest(at) if at else None
        return next((self._manifest(one.id) for one in self._log() if not _newer(one)), None)

    def _manifest(self, commit: str) -> Manifest | None:
        found = self._repo.blob(f"{commit}:{self._path(manifests.NAME)}")
        return None if found is None else manifests.decode(found)

    @contextmanager
    def open(self, name: str = LATEST) -> Iterator[Snapshot]:
        """A commit's snapshot, fetched into a private folder; any name that git knows will do."""
        commit = self._commit(name)
        found = self._repo.blob(f"{commit}:{self._path(manifests.NAME)}") if commit else None
        if commit is None or found is None:
            raise NotFoundError(f"no snapshot {name} in {self.url}", hint="`recon backup list` shows which are there")
        manifest = manifests.decode(found)
        with staging.folder(staging.home(), commit[:12]) as folder:
            (folder / manifests.NAME).write_bytes(found)
            wanted = manifest.paths().items()
            self._repo.blobs(
                (f"{commit}:{self._path(path)}", folder / path, shard.size_bytes) for path, shard in wanted
            )
            yield FolderSnapshot(folder)

    @contextmanager
    def staging(self, name: str) -> Iterator[Path]:
        """A private folder; git takes copies."""
        with staging.folder(staging.home(), name) as folder:
            yield folder

    def publish(self, name: str, folder: Path, manifest: Manifest, run: Run = NO_RUN) -> Published:
        """Commit the staged folder where it differs, and push it where that is wished."""
        check_staged(folder, manifest)
        blobs = self._store(folder, manifest)
        with lock.waited_for(self._repo.git_dir / "recon.lock", _PATIENCE_S):
            for attempt in range(TRIES):
                try:
                    return self._publish(name, blobs, manifest, run)
                except RejectedError:
                    if attempt + 1 == TRIES:
                        raise
                    time.sleep(0.1 * 2**attempt)
        raise AssertionError

    def fetch(self, sizes: Mapping[str, int], folder: Path) -> None:
        """Single blobs of the branch as it is now."""
        at = self._line.current()
        self._repo.blobs((f"{at}:{self._path(path)}", folder / path, size) for path, size in sizes.items())

    def remove(self, name: str) -> None:
        """Refuse: history is what git is for."""
        raise UsageError(
            f"{name} is a commit, and commits stay",
            cause=f"{self.url} keeps its history",
            hint="`recon backup prune` is for folders and servers; git packs old snapshots by itself",
        )

    def sweep(self) -> tuple[str, ...]:
        """What killed runs left in the private folder; git clears its own loose objects."""
        return tuple(staging.sweep(staging.home()))

    def close(self) -> None:
        """Nothing is held open."""

    @property
    def _repo(self) -> Repo:
        return self._line.repo

    def _path(self, path: str) -> str:
        return f"{self._folder}/{path}" if self._folder else path

    def _log(self, most: int = 0) -> list[Commit]:
        at = self._line.current()
        return self._repo.log(self._path(manifests.NAME), at, most) if at else []

    def _commit(self, name: str) -> str | None:
        """The commit that a snapshot's name means: `latest`, what git knows, or the time of its making."""
        if name == LATEST:
            return next((one.id for one in self._log(1)), None)
        self._line.current()
        made = names.made_at(name)
        if made is not None:
            return next((one.id for one in self._log() if one.when == made), None)
        return self._repo.head(name) or None

    def _store(self, folder: Path, manifest: Manifest) -> dict[str, str]:
        attributes = folder / ATTRIBUTES
        attributes.write_bytes(_ATTRIBUTES)
        files = {path: folder / path for path in (ATTRIBUTES, manifests.NAME, *manifest.paths())}
        return {self._path(path): blob for path, blob in self._repo.store(files).items()}

    def _publish(self, name: str, blobs: Mapping[str, str], manifest: Manifest, run: Run) -> Published:
        at = self._line.current()
        mine = self._unless_theirs(at, blobs)
        tree = self._repo.tree(at, owned(self._folder), mine)
        if at and self._repo.line("rev-parse", f"{at}^{{tree}}") == tree:
            note = self._line.settle()
            return Published(self._log(1)[0].id, self.url, changed=False, note=note)
        made = names.made_at(name) or datetime.now(UTC)
        message = self._message(name, at, tree, manifest, run)
        new = self._repo.commit(tree, at, message, Signature(self._author.name, self._author.email, made))
        new, note = self._line.land(new, at)
        return Published(new, self.url, note=note)

    def _unless_theirs(self, at: str, blobs: Mapping[str, str]) -> dict[str, str]:
        """Without our attributes where the repository has some of its own."""
        path = self._path(ATTRIBUTES)
        theirs = self._repo.line("rev-parse", "--verify", "--quiet", f"{at}:{path}") if at else ""
        ours = not theirs or (self._repo.blob(theirs) or b"").startswith(_ATTRIBUTES.splitlines()[0])
        return {**blobs, **({} if ours else {path: theirs})}

    def _message(self, name: str, at: str, tree: str, manifest: Manifest, run: Run) -> str:
        rows = sum(table.rows for table in manifest.tables)
        subject, *more = self._words(at, tree, manifest, run)
        told = {
            TRAILER: name,
            FORMAT_TRAILER: manifest.format,
            "Recon-Source": manifest.source,
            "Recon-Rows": str(rows),
            "Recon-Host": run.host,
            "Recon-Took": f"{run.took_s:.1f} s" if run.took_s is not None else "",
        }
        trailers = [f"{key}: {_one_line(value)}" for key, value in told.items() if value]
        return "\n".join([_one_line(subject), "", *([*map(_one_line, more), ""] if more else []), *trailers, ""])

    def _words(self, at: str, tree: str, manifest: Manifest, run: Run) -> list[str]:
        """What changed: table by table where that is known, else in files."""
        if run.changes:
            joined = "; ".join(run.changes)
            return [joined] if len(joined) <= _SUBJECT else [f"{len(run.changes)} tables changed", *run.changes]
        if not at:
            return [f"first snapshot: {words.count(len(manifest.tables), 'table')}"]
        told = self._repo.run("diff-tree", "-r", "--no-renames", "--name-status", at, tree).decode("utf-8", "replace")
        kinds = [line[0] for line in told.splitlines() if line]
        named = {"A": "added", "M": "changed", "D": "removed"}
        return ["files: " + ", ".join(f"{kinds.count(one)} {word}" for one, word in named.items() if one in kinds)]


def _newer(commit: Commit) -> str:
    """The format of a commit's snapshot where it says that it is another than ours."""
    return commit.format if commit.format not in {"", manifests.OLDER, manifests.FORMAT} else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
