"""The compiled readers and writers of `recon`; it finds them by itself when they are installed."""

from recon_native import reader
from recon_native.reader import ABI, CopyLines, CopyRows, Reading, SqliteFilling, SqliteLines, gather

FILE = reader.__file__
"""What SQLite loads as an extension, so that both share one SQLite."""
ENTRY = "sqlite3_recon_init"
__all__ = ["ABI", "ENTRY", "FILE", "CopyLines", "CopyRows", "Reading", "SqliteFilling", "SqliteLines", "gather"]

_LEAST, _GREATEST = -292, 324
_BITS = 128


def _power(exponent: int) -> int:
    """10 to that power, as the nearest integer of 128 bits not below it, times a power of two."""
    above, below = 10 ** max(exponent, 0), 10 ** max(-exponent, 0)
    shift = _BITS - (above.bit_length() - below.bit_length() + 1)
    for bits in (shift, shift + 1, shift - 1):
        found = -(-(above << max(bits, 0)) // (below << max(-bits, 0)))
        if found.bit_length() == _BITS:
            return found
    raise AssertionError(exponent)


def _words(number: int) -> bytes:
    from sys import byteorder  # noqa: PLC0415  used once

    mask = (1 << 64) - 1
    return (number >> 64).to_bytes(8, byteorder) + (number & mask).to_bytes(8, byteorder)


reader.powers(b"".join(_words(_power(exponent)) for exponent in range(_LEAST, _GREATEST + 1)), _LEAST)
