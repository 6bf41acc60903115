from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recon_cli.files.ftp.encoding import Names

HANGUL = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1)


def taught(*names: bytes, encoding: str = "auto") -> Names:
    made = Names(encoding)
    made.learn(names)
    return made


@given(HANGUL)
def test_korean_names_in_utf8_are_their_own_bytes(text: str) -> None:
    assert taught(text.encode()).decode(text.encode()) == (text, True)


def test_korean_names_in_euc_kr_are_read_and_marked() -> None:
    raw = "한글 이름.png".encode("euc-kr")
    assert taught(raw).decode(raw) == ("한글 이름.png", False)


def test_a_short_name_that_both_encodings_can_read_follows_the_server() -> None:
    raw = "책.png".encode("cp949")
    assert raw.decode() == "å.png"
    assert taught(raw, "그림.png".encode("cp949")).decode(raw).text == "책.png"
    assert taught(raw, "그림.png".encode()).decode(raw).text == "å.png"


def test_bytes_that_nothing_reads_survive_the_round_trip() -> None:
    names = taught(b"caf\xe9.png")
    text, same = names.decode(b"caf\xe9.png")
    assert not same
    assert text.encode("utf-8", "surrogateescape") == b"caf\xe9.png"
    assert names.encode(text) == b"caf\xe9.png"


def test_a_given_encoding_is_not_second_guessed() -> None:
    assert taught("책".encode("cp949"), encoding="cp949").decode("책".encode("cp949")).text == "책"
    assert Names("latin-1").decode(b"caf\xe9").text == "café"


@given(st.binary(min_size=1))
def test_no_name_is_refused(raw: bytes) -> None:
    text, same = taught(raw).decode(raw)
    assert text
    assert same == (text.encode("utf-8", "replace") == raw)
