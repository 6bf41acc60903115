"""A git repository, through the `git` program: trees and commits are made beside the user's index and work tree.

Nothing is asked of the user's settings, and none of them may change what is stored: no hooks, no signing, no filters,
no line ends. Names and contents go through standard input, never through a shell.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from recon_cli.core.errors import AuthError, NotFoundError, ReconError, ToolMissingError, UnreachableError, UsageError

NOBODY = "0" * 40
TIMEOUT_S = 600.0
_TRIES = 6
FORMAT_TRAILER = "Recon-Format"
_LOG = f"--format=%H%x00%ct%x00%s%x00%(trailers:key={FORMAT_TRAILER},valueonly,separator=%x20)"
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.autocrlf=false",
    "core.attributesFile=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.logAllRefUpdates=true",
    "commit.gpgSign=false",
    "log.showSignature=false",
    "gc.autoDetach=false",
    "protocol.ext.allow=never",
    "advice.detachedHead=false",
)
_LOGIN = (
    "authentication failed",
    "permission denied",
    "could not read username",
    "error: 403",
    "error: 401",
    "host key verification",
)
_AWAY = (
    "could not resolve",
    "connection refused",
    "timed out",
    "unable to access",
    "could not read from remote",
    "rpc failed",
    "hung up unexpectedly",
    "unexpected disconnect",
    "early eof",
)
_NO_REPOSITORY = re.compile(r"repository (\S+ )?not found")
_DECLINED = "[remote rejected]"
_PROTECTED = "protected branch"
_BUSY = ("index.lock", "unable to create", "another git process", "could not lock", "file exists")
_REJECTED = (
    "[rejected]",
    "fetch first",
    "non-fast-forward",
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value",
)
_AFAR = frozenset({"fetch", "push", "ls-remote"})
_SSH = "ssh -oBatchMode=yes -oConnectTimeout=60 -oServerAliveInterval=15"
_GRACE_S = 5.0

_FROM_USER = frozenset({"GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"}) | frozenset(
    {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM"}
)


class RejectedError(ReconError):
    """Somebody else was faster: the branch is no longer where it was."""

    slug = "rejected"
    retryable = True


@dataclass(frozen=True, slots=True)
class Signature:
    """Who commits, and when."""

    name: str
    email: str
    when: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as the log tells it. `format` is what its trailer says the snapshot is written in."""

    id: str
    when: datetime
    subject: str
    format: str = ""


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository at `git_dir`; `work_tree` None where it is bare. `env` goes to every call, for credentials.

    `remote` is what errors call the other side, where there is one: without any secret.
    """

    git_dir: Path
    work_tree: Path | None = None
    timeout_s: float = TIMEOUT_S
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    remote: str = ""

    def run(
        self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, fine: Sequence[int] = (0,)
    ) -> bytes:
        """What a git command says on standard output; exit codes other than `fine` are errors.

        Raises:
            ReconError: git refuses; AuthError, UnreachableError, NotFoundError where its words tell.
            ToolMissingError: git is not installed.
        """
        with self._started(words, env) as child:
            try:
                out, err = child.communicate(stdin, timeout=self.timeout_s)
            except subprocess.TimeoutExpired as exc:
                cause = f"no end after {self.timeout_s:.0f} s"
                raise UnreachableError(f"`git {words[0]}` hangs", cause=cause, hint="run it by hand") from exc
        if child.returncode not in fine:
            raise refusal(words[0], err.decode("utf-8", "replace"), self._where(words[0]))
        return out

    def _where(self, command: str) -> str:
        return self.remote if self.remote and command in _AFAR else str(self.work_tree or self.git_dir)

    def line(self, *words: str) -> str:
        """One line of output; empty where git has nothing to say."""
        return self.run(*words, fine=(0, 1, 128)).decode("utf-8", "replace").strip()

    @contextmanager
    def _started(self, words: Sequence[str], env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        where = [f"--git-dir={self.git_dir}", *([f"--work-tree={self.work_tree}"] if self.work_tree else [])]
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        with started([*settings, *where, *words], {**self.env, **(env or {})}, self.work_tree or self.git_dir) as child:
            yield child

    def head(self, ref: str = "HEAD") -> str:
        """The commit that a ref stands at; empty where it has none yet."""
        return self.line("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")

    def branch(self) -> str:
        """The branch that HEAD names."""
        return self.line("symbolic-ref", "--quiet", "--short", "HEAD") or "main"

    def store(self, files: Mapping[str, Path]) -> dict[str, str]:
        """The files as blobs, byte for byte: path → id."""
        listed = b"".join(os.fsencode(path) + b"\n" for path in files.values())
        ids = self.run("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=listed).decode().split()
        return dict(zip(files, ids, strict=True))

    def tree(self, base: str, replaced: Sequence[str], blobs: Mapping[str, str]) -> str:
        """A tree like `base`'s, but for the paths and folders in `replaced`, instead of which there are `blobs`."""
        with tempfile.TemporaryDirectory(prefix="recon-index-") as name:
            env = {"GIT_INDEX_FILE": f"{name}/index"}
            self.run("read-tree", *([base] if base else ["--empty"]), env=env)
            old = self.run("ls-files", "-z", "--full-name", "--", *replaced, env=env).split(b"\0") if base else []
            gone = b"".join(b"0 " + NOBODY.encode() + b"\t" + path + b"\0" for path in old if path)
            new = b"".join(f"100644 {one}\t{path}\0".encode() for path, one in blobs.items())
            self.run("update-index", "-z", "--index-info", stdin=gone + new, env=env)
            return self.run("write-tree", env=env).decode().strip()

    def commit(self, tree: str, parent: str, message: str, by: Signature) -> str:
        """A commit that no ref knows yet."""
        env = {
            **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), by.name),
            **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), by.email),
            **dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"{int(by.when.timestamp())} +0000"),
        }
        parents = ["-p", parent] if parent else []
        return (
            self.run("commit-tree", "--no-gpg-sign", tree, *parents, stdin=message.encode(), env=env).decode().strip()
        )

    def move(self, ref: str, new: str, old: str, why: str = "recon backup") -> None:
        """Let a ref stand at `new`, if it still stands at `old`.

        Raises:
            RejectedError: it stands elsewhere by now.
        """
        self.run("update-ref", "-m", why, ref, new, old or NOBODY)

    def show(self, paths: Sequence[str]) -> None:
        """Let these paths of index and work tree be what HEAD says; all others stay as they are."""
        if self.work_tree is not None and paths:
            env = {"GIT_LITERAL_PATHSPECS": "1"}
            self.run("restore", "--source=HEAD", "--staged", "--worktree", "--", *paths, env=env)

    def log(self, path: str, ref: str = "HEAD", most: int = 0) -> list[Commit]:
        """The commits that changed a path and left it there, newest first."""
        if not self.head(ref):
            return []
        limit = [f"--max-count={most}"] if most else []
        words = ["log", "--no-show-signature", "--diff-filter=AM", _LOG, *limit, ref, "--", path]
        return _commits(self.run(*words, env={"GIT_LITERAL_PATHSPECS": "1"}))

    def commits(self, only: str) -> list[Commit]:
        """One commit, told."""
        return _commits(self.run("log", "-1", "--no-show-signature", _LOG, only))

    def blob(self, name: str) -> bytes | None:
        """The bytes of `COMMIT:PATH`, or None."""
        found = self.line("rev-parse", "--verify", "--quiet", "--end-of-options", name)
        return self.run("cat-file", "blob", found) if found else None

    def blobs(self, names: Iterable[tuple[str, Path, int]]) -> None:
        """Write blobs (`COMMIT:PATH`, target, size in bytes) to files of this machine.

        Raises:
            NotFoundError: one is missing, no file, or not of that size.
        """
        with self._started(("cat-file", "--batch")) as child:
            try:
                for name, target, size in names:
                    _fetch(child, name, target, size)
            finally:
                child.kill()


@contextmanager
def started(words: Sequence[str], env: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start git with clean surroundings: a hook that calls recon sets variables that would lead it astray.

    It has no terminal, so that nothing it starts (ssh, helpers) can wait for an answer there. All of these end with it
    where the block fails: one that waits for a silent remote would keep our pipes open.
    """
    program = shutil.which("git")
    if program is None:
        raise ToolMissingError("`git` is not installed", hint="run `apt-get install git`")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key in _FROM_USER}
    own = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "GCM_INTERACTIVE": "never"}
    own |= {"SSH_ASKPASS_REQUIRE": "never"}
    own |= {} if "GIT_SSH_COMMAND" in kept or "GIT_SSH" in kept else {"GIT_SSH_COMMAND": _SSH}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [program, *words],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env={**kept, **own, **env},
        cwd=folder,
        start_new_session=True,
    ) as child:
        try:
            yield child
        except BaseException:
            _end(child)
            raise


def _end(child: subprocess.Popen[bytes]) -> None:
    """End git with all it started; asked first, so that it takes its locks and half files away."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)


def open_repo(path: Path, timeout_s: float = TIMEOUT_S, env: Mapping[str, str] | None = None) -> Repo:
    """The repository at `path`, made where there is none.

    Raises:
        UsageError: `path` lies inside another repository, or holds something else.
    """
    here = Repo(path, None, timeout_s, env or {})
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        _refuse_nested(path)
        return _made(path, here)
    with started(["rev-parse", "--git-dir", "--is-bare-repository"], here.env, path) as child:
        out, err = child.communicate(timeout=timeout_s)
    if child.returncode:
        if "not a git repository" in err.decode("utf-8", "replace"):
            return _made(path, here)
        raise refusal("rev-parse", err.decode("utf-8", "replace"), str(path))
    git_dir, bare = out.decode().splitlines()
    found = (path / git_dir).resolve()
    if bare == "true" and found == path.resolve():
        return Repo(found, None, timeout_s, env or {})
    if found != (path / ".git").resolve() and not (path / ".git").is_file():
        _refuse_nested(path)
    return Repo(found, path.resolve(), timeout_s, env or {})


def _made(path: Path, here: Repo) -> Repo:
    for attempt in range(_TRIES):
        try:
            init(path, bare=False)
        except RejectedError:  # another run makes it just now
            time.sleep(0.05 * 2**attempt)
        else:
            break
    return Repo((path / ".git").resolve(), path.resolve(), here.timeout_s, here.env)


def init(path: Path, *, bare: bool) -> None:
    """Make an empty repository, whatever templates the user has."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    words = ["init", "--quiet", "--template=", "--initial-branch=main", *(["--bare"] if bare else []), str(path)]
    with started(words, {}, path) as child:
        err = child.communicate(timeout=TIMEOUT_S)[1]
    if child.returncode:
        raise refusal("init", err.decode("utf-8", "replace"), str(path))


def _refuse_nested(path: Path) -> None:
    outer = next((one for one in path.absolute().parents if (one / ".git").exists()), None)
    if outer is not None:
        inside = path.absolute().relative_to(outer)
        raise UsageError(
            f"{path} lies inside the git repository {outer}",
            cause="a repository inside another is not what most people mean",
            hint=f"write it as `git:{outer}#{inside}`, or make one there yourself with `git init`",
        )


def refusal(command: str, said: str, where: str) -> ReconError:
    """What git said no to."""
    words, cause = said.lower(), redacted(said.strip())[-500:]
    if any(sign in words for sign in _REJECTED) or ("but expected" in words) or ("reference already exists" in words):
        return RejectedError(f"{where} was changed by another writer", cause=cause, hint="run again")
    if _DECLINED in words:
        return _declined(words, cause, where)
    if "dubious ownership" in words:
        hint = f"run `git config --global --add safe.directory {where}`"
        return AuthError(f"git does not trust {where}", cause="it belongs to another user", hint=hint)
    if any(sign in words for sign in _LOGIN):
        hint = "try `git ls-remote` with the same URL; look at the key or the token"
        return AuthError(f"not allowed to use {where}", cause=cause, hint=hint)
    if _NO_REPOSITORY.search(words) or "does not appear to be a git repository" in words:
        return NotFoundError(f"no repository {where}", cause=cause, hint="look at the URL")
    if any(sign in words for sign in _BUSY):
        return RejectedError(f"another git is at work in {where}", cause=cause, hint="run again when it has ended")
    if any(sign in words for sign in _AWAY):
        return UnreachableError(f"cannot reach {where}", cause=cause, hint="run again when it is back")
    return ReconError(f"`git {command}` failed in {where}", cause=cause, hint="run `git fsck` there")


def _declined(words: str, cause: str, where: str) -> ReconError:
    """A push that the other side took and would not keep: no room, a hook, a branch that is not ours to move."""
    if _PROTECTED in words:
        hint = "let this key push to the branch, or set another `branch`"
        return AuthError(f"not allowed to push to {where}", cause=cause, hint=hint)
    hint = "make room there, or do what its hook asks for; then run again"
    return UnreachableError(f"{where} does not keep what is pushed", cause=cause, hint=hint)


def login(url: str, secret: Callable[[], str | None]) -> Mapping[str, str]:
    """A token for HTTPS as git's environment takes it: no argument, so that no list of processes shows it."""
    found = secret() if url.startswith("http") else None
    if not found:
        return {}
    pair = f"{unquote(urlsplit(url).username or 'git')}:{found}"
    value = f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}"
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": value}


def patience(timeout_s: float) -> Mapping[str, str]:
    """Git's environment for a remote that may fall silent: over HTTP it gives up when that long hardly a byte came.

    A large push over a slow line goes on for as long as it moves.
    """
    return {"GIT_HTTP_LOW_SPEED_LIMIT": "100", "GIT_HTTP_LOW_SPEED_TIME": str(max(1, round(timeout_s)))}


def without_user(url: str) -> str:
    """An HTTPS URL without its user, whom the header names; SSH needs it."""
    parts = urlsplit(url)
    if not url.startswith("http"):
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def redacted(text: str) -> str:
    """Text without the logins of URLs."""
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1", text)


def _commits(told: bytes) -> list[Commit]:
    parts = [line.split("\0") for line in told.decode("utf-8", "replace").split("\n") if line]
    return [Commit(one[0], datetime.fromtimestamp(int(one[1]), UTC), one[2], one[3]) for one in parts]


def _fetch(child: subprocess.Popen[bytes], name: str, target: Path, size: int) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(name.encode() + b"\n")
    child.stdin.flush()
    told = child.stdout.readline().decode("utf-8", "replace").split()
    if told[1:] != ["blob", str(size)]:
        found = "it is missing" if "missing" in told else f"{told[-1]} bytes instead of {size}" if told else "git ended"
        raise NotFoundError(
            f"no {name.partition(':')[2]} in the commit {name[:12]}", cause=found, hint="run `git fsck`"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while size:
            chunk = child.stdout.read(min(size, 1 << 20))
            if not chunk:
                raise NotFoundError(f"{name} is cut short", cause="git ended", hint="run `git fsck`")
            file.write(chunk)
            size -= len(chunk)
    child.stdout.read(1)
