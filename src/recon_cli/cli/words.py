"""Words of the command line that need reading: shares."""

from __future__ import annotations

from recon_cli.core.errors import UsageError


def share(text: str, option: str) -> float:
    """`10%` or `0.1` as 0.1.

    Raises:
        UsageError: it is neither, or not between 0 and 100 %.
    """
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise UsageError(f"`{option} {text}` is not a share", hint=f"write it as `{option} 10%`")
    return number
