"""A connection that ended while a scan was under way: what that costs, and what is then known."""

from __future__ import annotations

from recon_cli.core.entry import Incomplete, Listing
from recon_cli.core.errors import UnreachableError
from recon_cli.files.walk import Frontier


class Cut(Exception):  # noqa: N818  a state of the connection, turned into data or a ReconError further up
    """The connection ended or fell silent; `timed_out` tells which."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause) or type(cause).__name__)
        self.timed_out = isinstance(cause, TimeoutError)


def cost(trouble: Cut | UnreachableError | None) -> int:
    """How many failures it counts for: silence cost a time limit already."""
    return 2 if isinstance(trouble, Cut) and trouble.timed_out else 1


def give_up(frontier: Frontier, trouble: Cut | UnreachableError, url: str, *, answered: bool) -> list[Listing]:
    """Settle what still waits, as not listed because of `trouble`.

    Raises:
        UnreachableError: the server never answered, so nothing is known.
    """
    if not answered:
        raise _unheard(trouble, url) from trouble
    if isinstance(trouble, Cut):
        return frontier.give_up(Incomplete.TIMEOUT if trouble.timed_out else Incomplete.CUT, str(trouble))
    return frontier.give_up(Incomplete.CUT, trouble.cause or trouble.message)


def _unheard(trouble: Cut | UnreachableError, url: str) -> UnreachableError:
    if isinstance(trouble, UnreachableError):
        return trouble
    hint = "run again; `recon doctor` shows what answers"
    return UnreachableError(f"lost {url} before its first answer", cause=str(trouble), hint=hint)
