"""What DEST means: which destination serves an address."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from recon_cli.core.errors import UsageError
from recon_cli.core.place import Place, redact
from recon_cli.files.registry import open_files, scheme_of
from recon_cli.jobs.backup import names
from recon_cli.jobs.backup.destination import Destination
from recon_cli.jobs.backup.git import Author, GitHistory
from recon_cli.jobs.backup.gitline import LocalLine, RemoteLine
from recon_cli.jobs.backup.local import LocalFolder
from recon_cli.jobs.backup.remote import Archives, is_archive, snapshot_of
from recon_cli.jobs.backup.shape import Packing
from recon_cli.jobs.backup.single import ENDINGS, SingleArchive
from recon_cli.jobs.backup.stdout import Stream
from recon_cli.ops import gitrepo, paths
from recon_cli.ops.clock import Clock, SystemClock
from recon_cli.snapshot.manifest import Compression

_READ_ONLY = frozenset({"http", "https"})
_REMOTE_GIT = ("git+ssh://", "git+https://", "git+http://")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller wants of a destination.

    `archive`: archives instead of folders on a local disk, which is also what a disk gets that has archives already.

    `push` names the git remote to push to (`origin`), `branch` the branch of a remote repository; `stream` is what `-`
    writes to.
    """

    packing: Packing = field(default_factory=Packing)
    archive: bool = False
    push: str = ""
    branch: str = ""
    author: Author = field(default_factory=Author)
    stream: BinaryIO | None = None
    clock: Clock = field(default_factory=SystemClock)


def open_destination(place: Place, wish: Wish = Wish()) -> Destination:
    """The destination at an address: `-`, a folder, an archive file, `git:…`, or a file store's URL.

    Nothing is connected or created yet, but for the folder of a git repository.

    Raises:
        UsageError: nothing serves the address, or it cannot be written to.
        ToolMissingError: a library or program behind it is not installed.
    """
    url = place.url
    if url == "-":
        return Stream(wish.stream or sys.stdout.buffer, wish.packing)
    if url.startswith(("git:", "git+")):
        return _git(place, wish)
    scheme = scheme_of(url)
    if scheme in _READ_ONLY:
        hint = "use a folder, `git:`, `ftp://`, `sftp://` or `s3://`"
        raise UsageError(f"{redact(url)} cannot keep snapshots", cause="HTTP stores are read only", hint=hint)
    if scheme == "file":
        return _local(place, wish)
    return Archives(open_files(place), wish.packing, wish.clock)


def _local(place: Place, wish: Wish) -> Destination:
    path = _path(place.url)
    ending = next((one for one in ENDINGS if path.name.endswith(one)), "")
    if ending:
        return SingleArchive(path, _as_named(wish.packing, ending, path))
    if wish.archive or wish.packing.encrypted or _keeps_archives(path):
        return Archives(open_files(replace(place, url=str(path))), wish.packing, wish.clock)
    return LocalFolder(path, wish.clock)


def _keeps_archives(folder: Path) -> bool:
    """Whether the newest snapshot that lies in a folder of this machine is an archive, encrypted perhaps."""
    try:
        found = {snapshot_of(path.name): path.name for path in folder.iterdir() if snapshot_of(path.name)}
    except OSError:  # not there, or not to be read: whoever uses it says so
        return False
    return bool(found) and is_archive(found[max(found, key=names.order)])


def _as_named(packing: Packing, ending: str, path: Path) -> Packing:
    """The packing that a file's name promises.

    Raises:
        UsageError: the name says something else about encryption than the caller.
    """
    if ending.endswith(".age") != packing.encrypted and (packing.encrypted or packing.identity is None):
        hint = "say `--encrypt age:RECIPIENT`, and let the name end in `.age`"
        raise UsageError(f"{path.name} and the wish for encryption disagree", hint=hint)
    compression = next(one for one in (Compression.ZSTD, Compression.GZIP, Compression.NONE) if one.value in ending)
    return replace(packing, compression=compression)


def _path(url: str) -> Path:
    if not url.startswith("file:"):
        return Path(url).expanduser()
    return Path(unquote(urlsplit(url).path))


def _git(place: Place, wish: Wish) -> GitHistory:
    url, _, folder = place.url.partition("#")
    folder = unquote(folder).strip("/")
    if any(part in {"..", ".", ".git"} for part in folder.split("/")):
        raise UsageError(f"`{folder}` is not a folder of a repository", hint="name one such as `backups/models`")
    timeout_s = place.number("timeout_s", gitrepo.TIMEOUT_S)
    if url.startswith(_REMOTE_GIT):
        return _remote_git(place, url.removeprefix("git+"), folder, timeout_s, wish)
    if not url.startswith(("git:", "git+file://")):
        hint = "use `git:PATH`, `git+file://`, `git+ssh://` or `git+https://`"
        raise UsageError(f"no git repository at {redact(place.url)}", hint=hint)
    path = _path(url.removeprefix("git+")) if url.startswith("git+") else Path(url[len("git:") :]).expanduser()
    repo = gitrepo.open_repo(path.absolute(), timeout_s, gitrepo.login("", place.secret))
    push = wish.push or place.text("push")
    return GitHistory(_shown(f"git:{path}", folder), LocalLine(repo, folder, push), folder, wish.author)


def _remote_git(place: Place, url: str, folder: str, timeout_s: float, wish: Wish) -> GitHistory:
    """A repository behind a network, through a private bare copy of it."""
    home = paths.private_dir(paths.state_dir() / "git") / f"{hashlib.sha256(redact(url).encode()).hexdigest()[:24]}.git"
    if not (home / "HEAD").exists():
        gitrepo.init(home, bare=True)
    plain = gitrepo.without_user(url)
    repo = gitrepo.Repo(home, None, timeout_s, gitrepo.login(url, place.secret), redact(plain))
    line = RemoteLine(repo, plain, wish.branch or place.text("branch"))
    return GitHistory(_shown(f"git+{redact(url)}", folder), line, folder, wish.author)


def _shown(url: str, folder: str) -> str:
    return f"{url}#{folder}" if folder else url
