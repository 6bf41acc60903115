"""The mass-loss guard: a scan that saw nothing, half, or not everything never turns into missing marks."""

from __future__ import annotations

from recon_cli.core import words
from recon_cli.core.errors import GuardError


def missing_marks(*, missing: int, known: int, seen: int, incomplete: int, max_missing: float) -> None:
    """Refuse to mark rows missing when the scan is no proof of it.

    Args:
        missing: rows whose files were not seen.
        known: rows that the target or a copy knows.
        seen: items found on the store.
        incomplete: directories that are not proven complete.
        max_missing: the largest share (0..1) of the known rows that may be missing.

    Raises:
        GuardError: nothing was written.
    """
    if not missing:
        return
    rows = words.count(missing, "row")
    if not seen:
        raise _refusal(f"the store looks empty, so {rows} would be marked missing")
    if incomplete:
        unproven = words.count(incomplete, "folder is", "folders are")
        raise _refusal(f"{unproven} not proven complete, so {rows} cannot be called missing")
    if missing > known * max_missing:
        raise _refusal(f"{missing} of {words.count(known, 'row')} would be marked missing, more than {max_missing:.0%}")


def _refusal(cause: str) -> GuardError:
    return GuardError(
        "refused to mark rows as missing",
        cause=cause,
        hint="see what `recon scan` lists; `--no-missing` recovers the rest and marks nothing",
    )
