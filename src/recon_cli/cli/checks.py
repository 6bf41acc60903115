"""One finding of `recon doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recon_cli.core.canonical import Json
from recon_cli.core.errors import ExitCode, ReconError


class Status(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `mend` is what to type or to look at, `code` the exit code that a failure deserves."""

    name: str
    status: Status
    detail: str
    mend: str = ""
    code: ExitCode = ExitCode.DONE

    def document(self) -> dict[str, Json]:
        """JSON-ready form."""
        return {
            "check": self.name,
            "status": self.status.value,
            "detail": self.detail,
            "mend": self.mend,
            "code": int(self.code),
        }


def failed(name: str, exc: ReconError) -> Check:
    """An error as a finding."""
    detail = f"{exc.message}: {exc.cause}" if exc.cause else exc.message
    return Check(name, Status.FAIL, detail, exc.hint or "", exc.code)
