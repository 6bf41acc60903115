"""The settings reference as data, for docs/reference/settings.md and for whoever asks."""

from __future__ import annotations

from typing import NamedTuple

from recon_cli.config.keys import KEYS, NAMED, Key


class Row(NamedTuple):
    """One key as the reference page shows it."""

    key: str
    expected: str
    default: str
    variable: str
    doc: str


def rows() -> tuple[Row, ...]:
    """Every known key, in the order of the table."""
    return tuple(Row(key.shown, key.expected, _default(key), variable(key), key.doc) for key in KEYS)


def variable(key: Key, name: str = "NAME") -> str:
    """The environment variable that sets `key`; empty for the format's version, which a file alone can have."""
    if not key.section:
        return ""
    middle = f"{variable_part(name)}_" if key.section in NAMED else ""
    return f"RECON_{key.section}_{middle}{key.name}".upper()


def variable_part(name: str) -> str:
    """A place's name as variables spell it: `my-host` is `MY_HOST`."""
    return "".join(letter if letter.isalnum() else "_" for letter in name).upper()


def _default(key: Key) -> str:
    if isinstance(key.default, bool):
        return str(key.default).lower()
    return "" if key.default is None else str(key.default)
