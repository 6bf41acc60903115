"""The compiled reader of `recon migrate`; recon finds it by itself when it is installed."""

from recon_native import reader
from recon_native.reader import ABI, Reading

FILE = reader.__file__
"""What SQLite loads as an extension, so that both share one SQLite."""
ENTRY = "sqlite3_recon_init"
__all__ = ["ABI", "ENTRY", "FILE", "Reading"]
