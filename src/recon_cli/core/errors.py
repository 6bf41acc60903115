"""The error tree: one place for messages, hints and exit codes.

::

    ReconError (1 failed)
    ├── UsageError (2)            the command line says something impossible
    ├── GuardError (5)            refused: going on could lose records
    ├── ConfigError (10)          recon.toml or a setting is wrong
    ├── LockedError (11)          another run holds the lock
    ├── AuthError (12)            the other side does not accept the credentials
    ├── UnreachableError (13)     the other side does not answer; retryable
    ├── DataError (14)            bytes that cannot be what they claim to be
    ├── ToolMissingError (15)     an extra, a driver or a program is not installed
    ├── StageError (16)           a stage of a longer job failed
    └── NotFoundError (17)        no such path, table, run or name

Adapters translate a library's error once, at their edge; `cli` catches once. Problems of single items are not
errors: they are data in the Report (`report.Problem`).
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What a command's exit status means; the table in docs/reference/exit-codes.md is generated from this."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    DRIFT = 4
    GUARD = 5
    CONFIG = 10
    LOCKED = 11
    AUTH = 12
    UNREACHABLE = 13
    DATA = 14
    TOOL_MISSING = 15
    STAGE = 16
    NOT_FOUND = 17
    SIGINT = 130
    SIGTERM = 143


class ReconError(Exception):
    """What went wrong, why, and the way out.

    Args:
        message: what could not be done, lower case, no full stop.
        cause: why, in the other side's words where there are any.
        hint: what to type or to look at next.
    """

    code: ClassVar[ExitCode] = ExitCode.FAILED
    slug: ClassVar[str] = "failed"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint

    def document(self) -> dict[str, str | int | bool | None]:
        """The error as one JSON-ready mapping (`--json` prints it as one line on stderr)."""
        return {
            "code": int(self.code),
            "slug": self.slug,
            "message": self.message,
            "cause": self.cause,
            "hint": self.hint,
            "retryable": self.retryable,
        }


class UsageError(ReconError):
    """The command line asks for something impossible."""

    code = ExitCode.USAGE
    slug = "usage"


class GuardError(ReconError):
    """Refused, because going on could lose records."""

    code = ExitCode.GUARD
    slug = "guard"


class ConfigError(ReconError):
    """A setting is wrong."""

    code = ExitCode.CONFIG
    slug = "config"


class LockedError(ReconError):
    """Another run holds the lock."""

    code = ExitCode.LOCKED
    slug = "locked"
    retryable = True


class AuthError(ReconError):
    """The other side does not accept the credentials."""

    code = ExitCode.AUTH
    slug = "auth"


class UnreachableError(ReconError):
    """The other side does not answer, or stopped answering."""

    code = ExitCode.UNREACHABLE
    slug = "unreachable"
    retryable = True


class DataError(ReconError):
    """Bytes that cannot be what they claim to be, or a value its column cannot hold."""

    code = ExitCode.DATA
    slug = "data"


class ToolMissingError(ReconError):
    """An extra, a driver or a program is not installed."""

    code = ExitCode.TOOL_MISSING
    slug = "tool-missing"


class StageError(ReconError):
    """A stage of a longer job failed."""

    code = ExitCode.STAGE
    slug = "stage"


class NotFoundError(ReconError):
    """No such path, table, run or name."""

    code = ExitCode.NOT_FOUND
    slug = "not-found"
