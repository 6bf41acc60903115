"""Korean particles follow the last sound of the word before them: `파일을`, `저장소를`, `FTP로`.

The catalogue writes both forms, `{0}을(를)`; which one is right is known when `{0}` is. Latin words are read as Korean
speakers read them: `table` ends in ㄹ (테이블), `server` in a vowel (서버), letters without a vowel by their names.
"""

from __future__ import annotations

import re

PAIRS = {
    "을(를)": ("을", "를"),
    "를(을)": ("을", "를"),
    "이(가)": ("이", "가"),
    "가(이)": ("이", "가"),
    "은(는)": ("은", "는"),
    "는(은)": ("은", "는"),
    "과(와)": ("과", "와"),
    "와(과)": ("과", "와"),
    "(으)로": ("으로", "로"),
    "으로(로)": ("으로", "로"),
    "(이)라": ("이라", "라"),
    "(이)나": ("이나", "나"),
}
"""Each spelling of a pair: the form behind a closing consonant, the form behind a vowel."""

MARKER = "|".join(map(re.escape, PAIRS))
_AFTER_RIEUL = {"으로": "로"}
"""ㄹ takes the short form of this pair only."""
_FIRST, _LAST, _FINALS, _RIEUL = 0xAC00, 0xD7A3, 28, 8
_DIGITS = {"0": "c", "1": "l", "2": "", "3": "c", "4": "", "5": "", "6": "c", "7": "l", "8": "l", "9": ""}
_LETTERS = {"L": "l", "M": "c", "N": "c", "R": "l"}
"""Names of letters that end in a consonant: 엘, 엠, 엔, 알."""
_SPELLED_OUT = 3
"""Capitals up to so many are read by their names: `URL`; more are a word: `NAME`."""
_READ_OTHERWISE = {"check": "", "job": "c"}
"""체크, 잡."""
_NO_FINAL, _FINAL, _L = "", "c", "l"


def particle(word: str, marker: str) -> str:
    """The form of a pair that follows a word; the marker itself where the sound is not known.

    >>> particle("`models`", "을(를)"), particle("FTP", "(으)로")
    ('를', '로')
    """
    sound = last_sound(word)
    if sound is None:
        return marker
    closed, opened = PAIRS[marker]
    if sound == _L:
        return _AFTER_RIEUL.get(closed, closed)
    return closed if sound == _FINAL else opened


def last_sound(word: str) -> str | None:
    """`c` for a closing consonant, `l` for ㄹ, empty for a vowel; None where a word ends in no letter and no digit."""
    bare = re.sub(r"[^\w%]+$", "", word.replace("_", " "))
    if not bare:
        return None
    last = bare[-1]
    if _FIRST <= ord(last) <= _LAST:
        final = (ord(last) - _FIRST) % _FINALS
        return _NO_FINAL if not final else _L if final == _RIEUL else _FINAL
    if last == "%":
        return _NO_FINAL  # 퍼센트
    if last in _DIGITS:
        return _DIGITS[last]
    latin = re.search(r"[A-Za-z]+$", bare)
    return _latin(latin[0]) if latin else None


def _latin(word: str) -> str:
    if word.lower() in _READ_OTHERWISE:
        return _READ_OTHERWISE[word.lower()]
    if (word.isupper() and len(word) <= _SPELLED_OUT) or not re.search(r"[aeiouyAEIOUY]", word):
        return _LETTERS.get(word[-1].upper(), _NO_FINAL)
    word = word.lower()
    if re.search(r"l$|[^aeiouy]le$|[aeiou]le$", word):
        return _L
    if re.search(r"[mn]$|ng$|[aeiou][mn]e$|(?<![aeiou])[aeiouy][bkpt]$|ck$", word):
        return _FINAL
    return _NO_FINAL
