"""File names are bytes first: how they read is decided per server, from the names it shows.

A name that UTF-8 cannot read is Korean (CP949, a superset of EUC-KR) where most such names there read as Hangul; else
its bytes are carried in the text unchanged (`surrogateescape`). Names with three-byte letters speak for UTF-8: they
settle the few short names that both encodings can read (EUC-KR `책` is UTF-8 `å`). Each single name must come back as
the same bytes, whatever was decided for the server. Pure: no I/O.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable

from recon_cli.core.errors import UsageError

UTF8 = "utf-8"
CP949 = "cp949"
_THREE_BYTE_LEAD = 0xE0


class NameCodec:
    """Decodes the names of one server. `encoding` fixes the answer; "auto" lets the names decide."""

    def __init__(self, encoding: str = "auto") -> None:
        self._fixed = "" if encoding == "auto" else _known(encoding)
        self._korean = 0
        self._foreign = 0
        self._utf8 = 0

    @property
    def encoding(self) -> str:
        """What the names seen so far say."""
        return self._fixed or (CP949 if self._korean > max(self._foreign, self._utf8) else UTF8)

    def see(self, names: Iterable[bytes]) -> None:
        """Take names as evidence; do so for a whole directory before decoding any of it."""
        if self._fixed:
            return
        for raw in names:
            if not raw.isascii():
                self._weigh(raw)

    def _weigh(self, raw: bytes) -> None:
        if _strict(raw, UTF8) is not None:
            self._utf8 += max(raw) >= _THREE_BYTE_LEAD
        elif _has_hangul(_strict(raw, CP949)):
            self._korean += 1
        else:
            self._foreign += 1

    def decode(self, raw: bytes) -> str:
        """The name or path as text; every name can be told apart, and `encode` or the kept bytes lead back to it."""
        return raw.decode("ascii") if raw.isascii() else "/".join(map(self._part, raw.split(b"/")))

    def _part(self, raw: bytes) -> str:
        if raw.isascii():
            return raw.decode("ascii")
        text = _strict(raw, self._fixed) if self._fixed else self._guess(raw)
        return raw.decode(UTF8, "surrogateescape") if text is None or "/" in text else text

    def _guess(self, raw: bytes) -> str | None:
        text, korean = _strict(raw, UTF8), _strict(raw, CP949)
        if text is None:
            return korean if self._korean > self._foreign else None
        either = max(raw) < _THREE_BYTE_LEAD and _has_hangul(korean)
        return korean if either and self.encoding == CP949 else text

    def encode(self, text: str) -> bytes:
        """The bytes of a name or path that a person typed, in the encoding decided for the server."""
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError:
            return text.encode(UTF8, "surrogateescape")

    def candidates(self, text: str) -> tuple[bytes, ...]:
        """The byte strings `text` may stand for, the likeliest first: for looking up what no scan has seen yet."""
        found = [self.encode(text), text.encode(UTF8, "surrogateescape")]
        if not self._fixed and not text.isascii():
            found += [text.encode(CP949, "ignore")] if _strict(text.encode(CP949, "ignore"), CP949) == text else []
        return tuple(dict.fromkeys(found))


def raw_unless_utf8(text: str, raw: bytes) -> bytes | None:
    """What belongs in `Entry.raw_path`: None where `text` is simply the UTF-8 reading of `raw`."""
    return None if _strict(raw, UTF8) == text else raw


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        hint = "try `auto`, `utf-8` or `cp949` (Korean)"
        raise UsageError(f"no encoding `{encoding}`", hint=hint) from None


def _strict(raw: bytes, encoding: str) -> str | None:
    """The text, or None where it would not lead back to the same bytes."""
    try:
        text = raw.decode(encoding)
        return text if encoding == UTF8 or text.encode(encoding) == raw else None
    except UnicodeError:
        return None


def _has_hangul(text: str | None) -> bool:
    return text is not None and any("가" <= letter <= "힣" for letter in text)
