"""Opening SQLite files: read only wherever that leaves nothing behind, and errors said in our words."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import apsw

from recon_cli.core.catalog import Cell
from recon_cli.core.errors import DataError, LockedError, NotFoundError, ReconError, UsageError

_DENIED = (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError, apsw.AuthError)
_WAL = 2
_VERSIONS_AT = 18
_READ_ONLY = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
_READ_WRITE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI


def path_of(url: str) -> Path:
    """The file a SQLite URL or a plain path means."""
    if not url.lower().startswith("sqlite:"):
        return Path(url).expanduser()
    parts = urlsplit(url)
    if parts.netloc or not parts.path.strip("/"):
        raise UsageError(
            f"{url} names no database file", hint="write `sqlite:///relative.db` or `sqlite:////absolute/path.db`"
        )
    return Path(unquote(parts.path[1:])).expanduser()


def ask(db: apsw.Connection, sql: str, bound: Sequence[Cell] = ()) -> list[tuple[Any, ...]]:
    """All rows of a short answer."""
    return db.execute(sql, bound).fetchall()


def beside(path: Path, ending: str) -> Path:
    """`-wal`, `-shm` or `-journal` of a database."""
    return path.with_name(path.name + ending)


def filled(path: Path) -> bool:
    """Whether a file is there and has a byte in it."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


@contextmanager
def translated(path: Path, timeout_s: float) -> Iterator[None]:
    """Every error of SQLite as one of ours."""
    try:
        yield
    except (apsw.Error, OSError) as exc:
        raise explained(exc, path, timeout_s) from exc


def explained(error: Exception, path: Path, timeout_s: float) -> ReconError:
    """By the kind of error."""
    cause = str(error)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return LockedError(
            f"{path} is locked by another program",
            cause=f"{cause}, still after {timeout_s:g} s",
            hint="stop the program that writes to it, or raise `timeout_s` of this store",
        )
    if isinstance(error, apsw.NotADBError | apsw.CorruptError | apsw.FormatError):
        return DataError(
            f"{path} is not a sound SQLite database",
            cause=f"{cause}; it is damaged, encrypted, or something else",
            hint="`recon recover` with `--also` reads what can still be read",
        )
    if isinstance(error, apsw.FullError):
        return ReconError(f"no room to write {path}", cause=cause, hint=f"look at `df -h {path.absolute().parent}`")
    if isinstance(error, apsw.TooBigError):
        return DataError(f"{path} has a cell larger than SQLite allows", cause=cause)
    if isinstance(error, (*_DENIED, PermissionError)):
        return _denied(cause, path)
    return ReconError(f"SQLite cannot go on with {path}", cause=cause, hint="check the disk and the file")


def _denied(cause: str, path: Path) -> ReconError:
    folder = path.absolute().parent
    if not folder.exists():
        return NotFoundError(f"no folder {folder}", cause=cause, hint=f"run `mkdir -p {folder}`")
    if path.is_dir():
        return DataError(f"{path} is a folder, not a database file", cause=cause, hint="name the file in it")
    return ReconError(f"{path} cannot be opened", cause=cause, hint=f"look at `ls -ld {folder} {path}`")


def connect(path: Path, *, write: bool = False, timeout_s: float = 30, extra: str = "") -> apsw.Connection:
    """A connection, nothing more; the file must be there."""
    mode = "rw" if write else "ro"
    target = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}{extra}"
    connection = apsw.Connection(target, flags=_READ_WRITE if write else _READ_ONLY)
    connection.set_busy_handler(_waiting(timeout_s))
    return connection


def _waiting(timeout_s: float) -> Callable[[int], bool]:
    """Ask again every millisecond or so, at uneven steps.

    A writer that takes the lock again at once leaves gaps that SQLite's own handler, which soon asks ten times a second
    only, would hardly ever meet.
    """
    began = 0.0

    def again(tries: int) -> bool:
        nonlocal began
        began = began if tries else time.monotonic()
        time.sleep(0.0003 * (1 + tries % 7))
        return time.monotonic() - began < timeout_s

    return again


def uses_wal(connection: apsw.Connection) -> bool:
    """Whether the file is in WAL mode, by its header; nothing is locked and nothing made by asking.

    Read through SQLite: to open and close the file by ourselves would drop the locks that this process has on it.
    """
    _, header = connection.read("main", 0, 0, 100)  # zeros behind the end of a short file
    return header[_VERSIONS_AT + 1] == _WAL


def must_exist(path: Path) -> None:
    """NotFoundError, where there is no such file.

    Raises:
        NotFoundError: there is none.
        DataError: it is a folder.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a database file", hint="name the file in it")
    if not path.exists():
        raise NotFoundError(f"no database {path}", hint=f"look at `ls -l {path.absolute().parent}`")


class Opened(NamedTuple):
    """A connection. `immutable`: no lock is taken, whoever reads verifies at the end that nothing changed."""

    db: apsw.Connection
    immutable: bool = False


def open_to_read(path: Path, timeout_s: float) -> Opened:
    """A connection for reading that leaves the folder as it was.

    - no WAL: read only, unless a killed writer's journal has to be rolled back first;
    - WAL with a `-wal` file: read only, next to whoever uses it;
    - WAL without: with write access, for the last one to leave removes `-wal` and `-shm`, which only a writer may do;
      where there is none, as a file that nobody changes (`immutable`), which `View` verifies at its end.
    """
    must_exist(path)
    db = connect(path, timeout_s=timeout_s)
    wal = uses_wal(db)
    left_over = "-wal" if wal else "-journal"
    if filled(beside(path, left_over)) == wal:
        return Opened(db)
    db.close()
    if not wal or (os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK)):
        return Opened(connect(path, write=True, timeout_s=timeout_s))
    return Opened(connect(path, timeout_s=timeout_s, extra="&immutable=1"), immutable=True)


def state(path: Path) -> str:
    """What changes whenever somebody commits: size and time of the `-wal`, or of the file itself without one."""
    try:
        found = beside(path, "-wal").stat()
        if not found.st_size:
            found = path.stat()
    except OSError:
        found = path.stat()
    return f"{found.st_size}.{found.st_mtime_ns}"
