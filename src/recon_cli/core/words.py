"""Numbers and nouns for one-line summaries."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 file`, `2 files`, `1 234 directories`: digits grouped by a space."""
    return f"{grouped(number)} {noun if number == 1 else plural or f'{noun}s'}"


def grouped(number: int) -> str:
    """`1 234`: digits grouped by a space."""
    return f"{number:,}".replace(",", " ")


def size(size_bytes: int) -> str:
    """`12.3 MB`: decimal units, three significant digits."""
    amount, unit = float(size_bytes), 0
    while amount >= 999.5 and unit < len(_UNITS) - 1:  # noqa: PLR2004  999.5 rounds to the next unit
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.3g} {_UNITS[unit]}"


def seconds(duration_s: float) -> str:
    """`0.42 s`, `4.1 s`, `3 min 20 s`."""
    if duration_s < 1:
        return f"{duration_s:.2f} s"
    if duration_s < 60:  # noqa: PLR2004  seconds in a minute
        return f"{duration_s:.1f} s"
    return f"{int(duration_s // 60)} min {int(duration_s % 60)} s"
