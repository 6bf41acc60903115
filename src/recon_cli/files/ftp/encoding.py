"""Names are bytes first. Which text they stand for is decided per server, with evidence. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_KOREAN = "cp949"
_HANGUL = ("\uac00", "\ud7a3")
_THREE_BYTE_LEAD = 0xE0


class Name(NamedTuple):
    """A decoded name; `same` says that its UTF-8 encoding is the server's bytes."""

    text: str
    same: bool


class Names:
    """Decodes a server's names. `encoding` other than "auto" is taken as given.

    Evidence for CP949: names that UTF-8 cannot decode and CP949 turns into Hangul. Evidence for UTF-8: names with
    three-byte characters. It settles the few byte pairs that both can decode (`책` in EUC-KR is `å` in UTF-8).
    """

    def __init__(self, encoding: str = "auto") -> None:
        self._forced = "" if encoding == "auto" else encoding
        self._utf8 = 0
        self._korean = 0

    @property
    def encoding(self) -> str:
        """The encoding in use as far as seen: for names to be written and for `doctor`."""
        return self._forced or (_KOREAN if self._korean > self._utf8 else "utf-8")

    def learn(self, names: Iterable[bytes]) -> None:
        """Weigh names before they are decoded; ASCII says nothing."""
        if self._forced:
            return
        for raw in names:
            if not raw.isascii():
                self._weigh(raw)

    def decode(self, raw: bytes) -> Name:
        """The text of one name; bytes that nothing decodes are kept by surrogate escapes."""
        if raw.isascii():
            return Name(raw.decode("ascii"), same=True)
        text = self._forced_text(raw) if self._forced else self._likely_text(raw)
        return Name(text, same=_same(text, raw))

    def encode(self, text: str) -> bytes:
        """The bytes of a name given as text."""
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError:
            return text.encode("utf-8", "surrogateescape")

    def _weigh(self, raw: bytes) -> None:
        if _decoded(raw, "utf-8") is None:
            self._korean += _has_hangul(_decoded(raw, _KOREAN))
        else:
            self._utf8 += max(raw) >= _THREE_BYTE_LEAD

    def _forced_text(self, raw: bytes) -> str:
        text = _decoded(raw, self._forced)
        return raw.decode("utf-8", "surrogateescape") if text is None else text

    def _likely_text(self, raw: bytes) -> str:
        utf8, korean = _decoded(raw, "utf-8"), _decoded(raw, _KOREAN)
        if utf8 is not None:
            ambiguous = max(raw) < _THREE_BYTE_LEAD and _has_hangul(korean)
            return korean if ambiguous and korean is not None and self._korean > self._utf8 else utf8
        if korean is not None and (_has_hangul(korean) or self._korean):
            return korean
        return raw.decode("utf-8", "surrogateescape")


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _has_hangul(text: str | None) -> bool:
    return text is not None and any(_HANGUL[0] <= letter <= _HANGUL[1] for letter in text)


def _same(text: str, raw: bytes) -> bool:
    try:
        return text.encode() == raw
    except UnicodeEncodeError:
        return False
