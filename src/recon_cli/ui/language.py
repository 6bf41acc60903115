"""The language that recon speaks with its operator: English, or Korean where that is asked for.

`--lang`, then `RECON_LANG`, then the locale: `LANGUAGE`, `LC_ALL`, `LC_MESSAGES`, `LANG`, the first that is set, in the
order of GNU gettext; a locale of `C` or `POSIX` is English, whatever `LANGUAGE` wishes. JSON is never translated.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recon_cli.ui.catalogue import Catalogue

VARIABLE = "RECON_LANG"
FLAG = "--lang"


class Language(StrEnum):
    """A language with a catalogue; the code itself speaks English."""

    ENGLISH = "en"
    KOREAN = "ko"


def choose(words: Sequence[str]) -> None:
    """Let a `--lang` on the command line hold for this process and its children.

    Read from the words, because help and the errors of parsing itself come before any option is known.
    """
    wish = _flag(words)
    if wish in set(Language):
        os.environ[VARIABLE] = wish


def current(environ: Mapping[str, str] | None = None) -> Language:
    """The language asked for, where the terminal can show it."""
    wish = _wished(os.environ if environ is None else environ)
    return Language.KOREAN if _primary(wish) == Language.KOREAN and _shows_korean() else Language.ENGLISH


def said(text: str, *, ours: bool = True) -> str:
    """A text in the language asked for; one that has no translation stays as it is.

    `ours` is false for a text that may be another program's: then only what is surely recon's is translated.
    """
    return text if current() is Language.ENGLISH else _catalogue().said(text, ours=ours)


@cache
def _catalogue() -> Catalogue:
    from recon_cli.ui.catalogue import Catalogue  # noqa: PLC0415  English costs nothing

    return Catalogue.read(Language.KOREAN)


def _flag(words: Sequence[str]) -> str:
    before = words[: words.index("--")] if "--" in words else words
    wish = ""
    for at, word in enumerate(before):
        name, equals, value = word.partition("=")
        if name == FLAG:
            wish = value if equals else "".join(before[at + 1 : at + 2])
    return wish


def _wished(environ: Mapping[str, str]) -> str:
    if environ.get(VARIABLE):
        return environ[VARIABLE]
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    if locale.partition(".")[0] in {"C", "POSIX"}:
        return Language.ENGLISH
    wishes = [one for one in environ.get("LANGUAGE", "").split(":") if one] or [locale]
    return next((one for one in wishes if _primary(one) in set(Language)), Language.ENGLISH)


def _primary(locale: str) -> str:
    """`ko` of `ko_KR.UTF-8`."""
    return locale.replace("-", "_").partition(".")[0].partition("_")[0].lower()


def _shows_korean() -> bool:
    """Whether standard error can write Hangul; else escapes would stand there in place of words."""
    try:
        "가".encode(getattr(sys.stderr, "encoding", None) or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
