"""Lines of commits that a git destination writes to: a branch of a repository here, or one behind a network.

`land` moves the line from one commit to the next, or says that somebody else was faster (`RejectedError`); the caller
then makes its commit anew on what is there now.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from recon_cli.core.errors import AuthError, GuardError, NotFoundError, ReconError, UnreachableError
from recon_cli.ops.gitrepo import RejectedError, Repo, Signature
from recon_cli.snapshot import gitpack
from recon_cli.snapshot import manifest as manifests

ATTRIBUTES = ".gitattributes"
TRAILER = "Recon-Snapshot"
_THEIRS = "refs/recon/upstream"
_LOOSE_BEFORE_PACKING = 50
_LOOSE_BEFORE_GC = 500
_TRIES = 6
_SHOW_TRIES = 5


def owned(folder: str) -> tuple[str, ...]:
    """What of a folder of the repository belongs to the snapshot; everything else is the user's."""
    start = f"{folder}/" if folder else ""
    return f"{start}data", f"{start}{manifests.NAME}", f"{start}{ATTRIBUTES}"


class Line(Protocol):
    """Where commits go."""

    @property
    def repo(self) -> Repo:
        """The repository here."""

    def current(self) -> str:
        """The commit it stands at now; empty where there is none yet."""

    def land(self, new: str, old: str) -> tuple[str, str]:
        """Move from `old` to `new`. What it stands at then, and a note.

        Raises:
            RejectedError: it does not stand at `old` any more.
        """

    def settle(self) -> str:
        """Finish what a killed run may have left undone, when there is nothing new; a note."""


@dataclass(frozen=True, slots=True)
class LocalLine:
    """The branch that is checked out in a repository of this machine; with `remote` it is pushed there too."""

    repo: Repo
    folder: str = ""
    remote: str = ""

    def current(self) -> str:
        """The commit of HEAD."""
        return self.repo.head()

    def land(self, new: str, old: str) -> tuple[str, str]:
        """Move HEAD's branch, show the change in the work tree, push."""
        self.repo.move("HEAD", new, old)
        note = self._show(self._there(old))
        note = self._push() or note
        pack(self.repo)
        return self.repo.head(), note

    def settle(self) -> str:
        """Show HEAD's files again and push what was not pushed."""
        note = self._show(self._there(""))
        return self._push() or note

    def _there(self, old: str) -> list[str]:
        """Our paths that are, or were, in a commit: git refuses others."""
        return [path for path in owned(self.folder) if self._known("HEAD", path) or (old and self._known(old, path))]

    def _known(self, commit: str, path: str) -> bool:
        return bool(self.repo.line("rev-parse", "--verify", "--quiet", f"{commit}:{path}"))

    def _show(self, paths: Sequence[str]) -> str:
        """Show the committed files in the work tree; the snapshot is safe also where that cannot be done."""
        for attempt in range(_SHOW_TRIES):
            try:
                self.repo.show(paths)
            except RejectedError:
                time.sleep(0.1 * 2**attempt)
            except ReconError as exc:
                return f"committed, but not shown in the work tree: {exc.cause or exc.message}"
            else:
                return ""
        return "committed, but not shown in the work tree: another git holds its index"

    def _push(self) -> str:
        if not self.remote or not self.repo.head():
            return ""
        branch = self.repo.branch()
        for attempt in range(_TRIES):
            try:
                self.repo.run("push", "--quiet", "--no-verify", self.remote, f"HEAD:refs/heads/{branch}")
            except RejectedError:
                if attempt + 1 == _TRIES:
                    raise
                self._replay(branch)
                time.sleep(0.1 * 2**attempt)
            except (AuthError, UnreachableError, NotFoundError) as exc:
                hint = f"the snapshot is committed here; the next run pushes it. {exc.hint or ''}".strip()
                raise type(exc)(exc.message, cause=exc.cause, hint=hint) from exc
            else:
                return ""
        raise AssertionError

    def _replay(self, branch: str) -> None:
        """Put our unpushed commits on top of what the other side has."""
        repo = self.repo
        repo.run("fetch", "--quiet", "--no-tags", self.remote, f"+refs/heads/{branch}:{_THEIRS}")
        theirs, head = repo.head(_THEIRS), repo.head()
        top = theirs
        for commit in repo.run("rev-list", "--reverse", f"{theirs}..{head}").decode().split():
            top = self._again(commit, top)
        repo.run("read-tree", "-m", "-u", head, top)
        repo.move("HEAD", top, head)

    def _again(self, commit: str, parent: str) -> str:
        repo = self.repo
        message = repo.run("log", "-1", "--format=%B", commit).decode("utf-8", "replace")
        if f"\n{TRAILER}: " not in message:
            raise GuardError(
                f"{repo.work_tree or repo.git_dir} and {self.remote} have gone different ways",
                cause=f"the commit {commit[:12]} is not recon's and is not there",
                hint="bring them together yourself: `git pull --rebase`, then run again",
            )
        told = repo.run("ls-tree", "-r", "-z", commit, "--", *owned(self.folder)).split(b"\0")
        blobs = {line.partition(b"\t")[2].decode(): line.split()[2].decode() for line in told if line}
        tree = repo.tree(parent, owned(self.folder), blobs)
        if repo.line("rev-parse", f"{parent}^{{tree}}") == tree:
            return parent
        return repo.commit(tree, parent, message, _signature(repo, commit))


@dataclass(frozen=True, slots=True)
class RemoteLine:
    """A branch of a repository elsewhere; `repo` is a private bare copy of it."""

    repo: Repo
    url: str
    named: str = ""

    def current(self) -> str:
        """What the branch stands at there, fetched."""
        branch = self._branch()
        if not self.repo.run("ls-remote", "--heads", self.url, f"refs/heads/{branch}").strip():
            return ""
        self.repo.run("fetch", "--quiet", "--no-tags", self.url, f"+refs/heads/{branch}:{_THEIRS}")
        return self.repo.head(_THEIRS)

    def land(self, new: str, old: str) -> tuple[str, str]:  # noqa: ARG002  git compares with what is there
        """Push; git refuses where the branch is not at `old`."""
        self.repo.run("push", "--quiet", "--no-verify", self.url, f"{new}:refs/heads/{self._branch()}")
        self.repo.run("update-ref", _THEIRS, new)
        pack(self.repo)
        return new, ""

    def settle(self) -> str:
        """Nothing is ever left undone here."""
        return ""

    def _branch(self) -> str:
        if self.named:
            return self.named
        told = self.repo.run("ls-remote", "--symref", self.url, "HEAD").decode("utf-8", "replace")
        found = next((line.split()[1] for line in told.splitlines() if line.startswith("ref: ")), "")
        return found.removeprefix("refs/heads/") or "main"


def pack(repo: Repo) -> None:
    """Pack when much is loose, since that is where a day's change becomes small; git's wish decides, if it has any."""
    try:
        wish = repo.line("config", "--get", "gc.auto")
        if not wish and gitpack.is_small(repo):
            if gitpack.loose(repo) > _LOOSE_BEFORE_PACKING:
                gitpack.pack(repo)
            return
        mine = [] if wish else ["-c", f"gc.auto={_LOOSE_BEFORE_GC}"]
        repo.run(*mine, "gc", "--auto", "--quiet")
    except ReconError:
        return  # a snapshot is no less safe unpacked, and the next run tries again


def _signature(repo: Repo, commit: str) -> Signature:
    name, email = repo.run("log", "-1", "--format=%an%x00%ae", commit).decode("utf-8", "replace").strip().split("\0")
    (when,) = (one.when for one in repo.commits(commit))
    return Signature(name, email, when)
