"""age encryption (https://age-encryption.org/v1) through pyrage, from stream to stream."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from recon_cli.core.errors import AuthError, DataError, NotFoundError, ReconError, ToolMissingError, UsageError

if TYPE_CHECKING:
    from recon_cli.snapshot.archive import Sink
    from recon_cli.snapshot.packed import Source

MAGIC = b"age-encryption.org/v1"
_LARGEST_KEY = 1 << 20


def encrypt(pieces: Iterable[bytes], sink: Sink, recipients: Sequence[str]) -> None:
    """Write the pieces, encrypted for every recipient: `age1…` or an SSH public key, with or without `age:` before it.

    Raises:
        UsageError: a recipient is none.
        ToolMissingError: the extra `encrypt` is not installed.
    """
    pyrage = _pyrage()
    keys = [_recipient(pyrage, text) for text in recipients]
    reader, writer = _Reader(pieces), _Writer(sink)
    try:
        pyrage.encrypt_io(reader, writer, keys)
    except Exception as exc:
        raise _first(reader.error, writer.error, exc) from exc
    if writer.error is not None:  # what fails while the last piece is flushed does not come through
        raise _first(writer.error)


def check_recipients(recipients: Sequence[str]) -> None:
    """Whether `encrypt` can work: before a long export, not after it.

    Raises:
        UsageError, ToolMissingError: see `encrypt`.
    """
    pyrage = _pyrage()
    for text in recipients:
        _recipient(pyrage, text)


@contextmanager
def decrypted(source: Source, identity: Path, where: str) -> Iterator[Source]:
    """The plain bytes of an encrypted stream. `identity` is a file of age keys, or an SSH private key.

    Raises:
        AuthError: the identity is none, or not one of those it was encrypted for.
        NotFoundError: there is no such file.
        DataError: the stream is damaged.
        ToolMissingError: the extra `encrypt` is not installed.
    """
    pyrage = _pyrage()
    pipe = _Pipe(pyrage, source, _identities(pyrage, identity), where)
    try:
        yield pipe
    finally:
        pipe.close()


def _pyrage() -> ModuleType:
    try:
        import pyrage  # type: ignore[import-untyped]  # noqa: PLC0415  an extra; without types
    except ImportError as exc:
        hint = "run `pip install 'recon-cli[encrypt]'`"
        raise ToolMissingError("encrypted snapshots need the extra `encrypt`", cause=str(exc), hint=hint) from exc
    return pyrage  # type: ignore[no-any-return]  # has no types


def _recipient(pyrage: ModuleType, text: str) -> Any:  # noqa: ANN401  pyrage has no types
    key = text.removeprefix("age:").strip()
    kind = pyrage.ssh.Recipient if key.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return kind.from_str(key)
    except (pyrage.RecipientError, ValueError) as exc:
        hint = "a recipient is `age1…`, as `age-keygen` prints it, or an SSH public key (`ssh-ed25519 AAAA…`)"
        raise UsageError(f"{key[:20]!r} is not a recipient", cause=str(exc), hint=hint) from exc


def _identities(pyrage: ModuleType, path: Path) -> list[Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_KEY)
    except FileNotFoundError as exc:
        hint = "name the file of your key with `--identity FILE`"
        raise NotFoundError(f"no identity file {path}", hint=hint) from exc
    except OSError as exc:
        raise AuthError(
            f"cannot read the identity file {path}", cause=exc.strerror, hint=f"look at `ls -l {path}`"
        ) from exc
    try:
        if b"PRIVATE KEY-----" in raw:
            return [pyrage.ssh.Identity.from_buffer(raw)]
        lines = [line.strip() for line in raw.decode("ascii").splitlines()]
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (pyrage.IdentityError, ValueError):
        found = []  # the error may hold a part of the key
    if not found:
        hint = "it holds a line `AGE-SECRET-KEY-…`, as `age-keygen` writes it, or an SSH private key without passphrase"
        raise AuthError(f"{path} holds no identity that can be used", hint=hint)
    return found


class _Reader:
    """An iterable of pieces as a file that Rust reads from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._kept = b""
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            while not self._kept:
                self._kept = next(self._pieces)
        except StopIteration:
            return b""
        except BaseException as exc:
            self.error = exc  # what comes through Rust is no longer the same error
            raise
        end = len(self._kept) if size < 0 else size
        found, self._kept = self._kept[:end], self._kept[end:]
        return found


class _Writer:
    """A sink as a file that Rust writes to."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.error: BaseException | None = None

    def write(self, piece: bytes) -> int:
        try:
            self._sink.write(bytes(piece))
        except BaseException as exc:
            self.error = exc
            raise
        return len(piece)

    def flush(self) -> None:
        """Every write went through."""


def _first(*errors: BaseException | None) -> BaseException:
    """The error that came first; one that is not ours is told as one of ours."""
    found = next(one for one in errors if one is not None)
    if isinstance(found, ReconError | OSError) or not isinstance(found, Exception):
        return found
    return ReconError("cannot encrypt the snapshot", cause=str(found), hint="report this bug")


class _Pipe:
    """What a thread decrypts, to be read from; the pipe between them holds the thread back."""

    def __init__(self, pyrage: ModuleType, source: Source, identities: list[Any], where: str) -> None:
        self._pyrage = pyrage
        self._where = where
        self._error: Exception | None = None
        self._source_error: BaseException | None = None
        self._out, inward = os.pipe()
        self._closed = False
        self._thread = threading.Thread(target=self._run, args=(source, inward, identities), daemon=True)
        self._thread.start()

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; none at the end, once it is certain that it was the end."""
        found = os.read(self._out, size if size >= 0 else 1 << 16)
        if not found:
            self._thread.join()
            if self._error is not None:
                raise self._told(self._error) from self._error
        return found

    def close(self) -> None:
        """Stop the thread."""
        if not self._closed:
            self._closed = True
            os.close(self._out)
            self._thread.join()

    def _run(self, source: Source, inward: int, identities: list[Any]) -> None:
        reader = _Reader(iter(lambda: source.read(1 << 16), b""))
        try:
            with os.fdopen(inward, "wb") as writer:
                self._pyrage.decrypt_io(reader, writer, identities)
        except Exception as exc:  # noqa: BLE001  it is told where it is read
            self._error, self._source_error = exc, reader.error

    def _told(self, error: Exception) -> ReconError | OSError:
        if isinstance(self._source_error, ReconError | OSError):
            return self._source_error
        if "no matching keys" in str(error).lower():
            hint = "name the file of the right key with `--identity FILE`"
            return AuthError(f"the identity does not open {self._where}", cause="no matching key", hint=hint)
        return DataError(
            f"{self._where} cannot be decrypted",
            cause=str(error),
            hint="take another snapshot; this one is damaged or cut short",
        )
