"""A git repository as a store of rows: lines of JSON in small files, one commit for a batch, a branch for each host.

No two hosts write to one branch, so nothing is ever merged by text. Where two do all the same (two processes of one
host), git refuses the second push: what is there is fetched, and the batch decided anew on top of it. Whoever reads
sees all branches as one.
"""

from __future__ import annotations

import hashlib
import re
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from recon_cli.core import words
from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.errors import AuthError, NotFoundError, ReconError, UsageError
from recon_cli.core.place import Place, redact
from recon_cli.ops import gitrepo, lock, paths
from recon_cli.ops.gitrepo import RejectedError, Repo, Signature
from recon_cli.stores.documents.base import HEADS, Doc, Write, sum_of

_BRANCHES = "recon/"
_HERE = "refs/recon/here/"
_ROW = ',"row":'
_SPELLED = re.compile(r"[^A-Za-z0-9._-]+")
_PATIENCE_S = 60.0
_NETWORK = ("git+ssh://", "git+https://", "git+http://")


class GitDocuments:
    """Tables as folders, each of 256 files of lines `{"key":…,"row":…}`, sorted; heads in `recon_tables`.

    Args:
        repo: a private bare copy.
        url: the repository.
        branch: the branch to write to; what others wrote is read too, and stays theirs.
        shown: the URL without any secret.
    """

    engine = "git"
    most_writes = 20_000
    most_bytes = 64 << 20

    def __init__(self, repo: Repo, url: str, branch: str, shown: str) -> None:
        self._repo, self._remote, self._branch = repo, url, branch
        self.url = shown
        self._tip: str | None = None
        self._held: dict[str, dict[str, str]] = {}

    def get(self, table: str, keys: Sequence[str]) -> dict[str, Doc]:
        """See `Documents.get`; of our own branch alone: each host tells what it saw."""
        tip = self._current()
        found: dict[str, Doc] = {}
        for key in keys:
            text = self._shard(tip, _path(table, key)).get(key)
            if text is not None:
                found[key] = Doc(text, sum_of(text))
        return found

    def scan(self, table: str) -> Iterator[tuple[str, Doc]]:
        """See `Documents.scan`; of all branches, our own first, then by name. What others wrote has no token."""
        self._tip = None
        own = self._current()
        seen: set[str] = set()
        for commit in dict.fromkeys(filter(None, [own, *self._others()])):
            for path in self._files(commit, table):
                for key, text in _lines(self._blob(commit, path)).items():
                    if key not in seen:
                        seen.add(key)
                        yield key, Doc(text, sum_of(text) if commit == own else "")

    def put(self, writes: Sequence[Write]) -> bool:
        """See `Documents.put`: one commit, pushed. False where somebody else pushed to our branch meanwhile."""
        tip = self._current()
        shards: dict[str, dict[str, str]] = {}
        for one in writes:
            path = _path(one.table, one.key)
            rows = shards.setdefault(path, dict(self._shard(tip, path)))
            if (sum_of(rows[one.key]) if one.key in rows else "") != (one.before or ""):
                return False
            if one.after is None:
                if not one.before:
                    raise DeliveryError(Failure.POISON, "another host's branch holds this row: it can only go there")
                del rows[one.key]
            else:
                rows[one.key] = one.after
        return self._publish(tip, shards, len(writes))

    def probe(self) -> dict[str, str]:
        """See `Documents.probe`."""
        branches = {f"branch {name}": commit[:12] for name, commit in self._fetched().items()}
        return {"engine": "git", "url": self.url, "writes to": self._branch, **branches}

    def close(self) -> None:
        """See `Documents.close`."""
        self._held.clear()
        self._tip = None

    def _publish(self, tip: str, shards: Mapping[str, Mapping[str, str]], rows: int) -> bool:
        with _told(), self._alone():
            tree = self._repo.tree(tip, list(shards), self._blobs({path: _bytes(one) for path, one in shards.items()}))
            message = f"{words.count(rows, 'row')} in {words.count(len(shards), 'file')}\n"
            new = self._repo.commit(tree, tip, message, Signature("recon", "recon@localhost", datetime.now(UTC)))
            try:
                where = f"refs/heads/{self._branch}"
                self._repo.run("push", "--quiet", "--no-verify", self._remote, f"{new}:{where}")
            except RejectedError:
                self.close()
                return False
            self._repo.run("update-ref", f"{_HERE}{self._branch}", new)
            self._repo.run("gc", "--auto", "--quiet", fine=(0, 1, 128))
        self._tip = new
        self._held = {path: dict(one) for path, one in shards.items()}
        return True

    def _blobs(self, contents: Mapping[str, bytes]) -> dict[str, str]:
        """Contents as blobs: path → id; files without any line go."""
        with tempfile.TemporaryDirectory(prefix="recon-git-") as name:
            files = {}
            for place, (path, raw) in enumerate(contents.items()):
                if raw:
                    files[path] = Path(name) / str(place)
                    files[path].write_bytes(raw)
            return self._repo.store(files) if files else {}

    def _current(self) -> str:
        """The commit that our branch stands at; empty where there is none yet."""
        if self._tip is None:
            self._tip = self._fetched().get(self._branch, "")
            self._held.clear()
        return self._tip

    def _fetched(self) -> dict[str, str]:
        """Every branch of ours there, fetched: name → commit."""
        with _told(), self._alone():
            fetch = ["fetch", "--quiet", "--no-tags", "--prune", self._remote]
            mine = [f"+refs/heads/{_BRANCHES}*:{_HERE}{_BRANCHES}*"]
            if not self._branch.startswith(_BRANCHES) and self._is_there(self._branch):
                mine.append(f"+refs/heads/{self._branch}:{_HERE}{self._branch}")
            self._repo.run(*fetch, *mine)
            told = self._repo.run("for-each-ref", "--format=%(refname)%00%(objectname)", _HERE).decode()
        pairs = (line.split("\0") for line in told.splitlines())
        return {name.removeprefix(_HERE): commit for name, commit in pairs}

    def _is_there(self, branch: str) -> bool:
        return bool(self._repo.run("ls-remote", "--heads", self._remote, f"refs/heads/{branch}").strip())

    def _others(self) -> list[str]:
        with _told():
            told = self._repo.run("for-each-ref", "--format=%(objectname)", f"{_HERE}{_BRANCHES}").decode()
        return told.split()

    def _alone(self) -> AbstractContextManager[None]:
        """Hold our copy: another process of this host may use it, too."""
        return lock.waited_for(self._repo.git_dir / "recon.lock", self._repo.timeout_s)

    def _files(self, commit: str, table: str) -> list[str]:
        with _told():
            told = self._repo.run("ls-tree", "-r", "-z", "--name-only", commit, "--", f"{_folder(table)}/")
        return [path.decode() for path in told.split(b"\0") if path]

    def _shard(self, tip: str, path: str) -> dict[str, str]:
        if path not in self._held:
            self._held[path] = _lines(self._blob(tip, path)) if tip else {}
        return self._held[path]

    def _blob(self, commit: str, path: str) -> bytes:
        with _told():
            return self._repo.blob(f"{commit}:{path}") or b""


def documents(place: Place) -> GitDocuments:
    """The repository at a `git:PATH`, `git+file://`, `git+ssh://` or `git+https://` address.

    Raises:
        UsageError: nothing serves the address.
    """
    url, _, _fragment = place.url.partition("#")
    if url.startswith(_NETWORK):
        remote = url.removeprefix("git+")
    elif url.startswith("git+file://"):
        remote = unquote(urlsplit(url.removeprefix("git+")).path)
    elif url.startswith("git:"):
        remote = str(Path(url.removeprefix("git:")).expanduser().absolute())
    else:
        hint = "use `git:PATH`, `git+file://`, `git+ssh://` or `git+https://`"
        raise UsageError(f"no git repository at {redact(url)}", hint=hint)
    host = _SPELLED.sub("-", socket.gethostname()).strip("-.") or "host"
    branch = place.text("branch") or f"{_BRANCHES}{host}"
    name = hashlib.sha256(f"rows\n{redact(remote)}\n{branch}".encode()).hexdigest()[:24]
    home = paths.private_dir(paths.state_dir() / "git") / f"{name}.git"
    with lock.waited_for(home.with_suffix(".lock"), _PATIENCE_S):
        if not (home / "HEAD").exists():
            gitrepo.init(home, bare=True)
    timeout_s, plain = place.number("timeout_s", 120), gitrepo.without_user(remote)
    env = {**gitrepo.login(remote, place.secret), **gitrepo.patience(timeout_s)}
    repo = Repo(home, None, max(gitrepo.TIMEOUT_S, timeout_s), env, redact(plain))
    return GitDocuments(repo, plain, branch, redact(url))


@contextmanager
def _told() -> Iterator[None]:
    """What git refuses, in its class."""
    try:
        yield
    except AuthError as exc:
        raise DeliveryError(Failure.AUTH, f"{exc.message}: {exc.cause}; {exc.hint}") from exc
    except NotFoundError as exc:
        hint = "make it: `git init --bare`, or create it where it is hosted"
        raise DeliveryError(Failure.DRIFT, f"{exc.message}: {exc.cause}; {hint}") from exc
    except ReconError as exc:
        raise DeliveryError(Failure.TRANSIENT, f"{exc.message}: {exc.cause}; {exc.hint}") from exc


def _folder(table: str) -> str:
    return quote(table, safe=" ")


def _path(table: str, key: str) -> str:
    """The file that holds a key; few enough to list, many enough that one row changes little."""
    if table == HEADS:
        return f"{HEADS}/tables.jsonl"
    return f"{_folder(table)}/{hashlib.sha256(key.encode()).hexdigest()[:2]}.jsonl"


def _lines(raw: bytes) -> dict[str, str]:
    """Key → row; both as they were written."""
    found: dict[str, str] = {}
    for line in raw.decode("utf-8", "surrogateescape").split("\n"):
        if line:
            key, sign, row = line.removeprefix('{"key":').removesuffix("}").partition(_ROW)
            if not sign:
                raise DeliveryError(Failure.DRIFT, "the repository holds a line that recon did not write")
            found[key] = row
    return found


def _bytes(rows: Mapping[str, str]) -> bytes:
    return "".join(f'{{"key":{key}{_ROW}{rows[key]}}}\n' for key in sorted(rows)).encode()
