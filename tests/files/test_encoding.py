"""How names read is decided per server, from evidence; every name leads back to its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.core.errors import UsageError
from recon_cli.files.encoding import NameCodec, raw_unless_utf8

HANGUL = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1)
SYLLABLES = "".join(chr(code) for code in range(0xAC00, 0xD7A4))


def taught(*names: bytes, encoding: str = "auto") -> NameCodec:
    codec = NameCodec(encoding)
    codec.see(names)
    return codec


def test_a_server_that_shows_utf8_names_only_is_utf8() -> None:
    assert taught("로고.png".encode(), b"plain").encoding == "utf-8"


def test_undecodable_names_with_korean_syllables_mean_cp949() -> None:
    codec = taught("로고.png".encode("cp949"), b"plain")
    assert codec.encoding == "cp949"
    assert codec.decode("로고.png".encode("cp949")) == "로고.png"


def test_a_server_of_both_kinds_reads_each_name_right() -> None:
    codec = taught("로고.png".encode("cp949"), "앞면.png".encode())
    assert codec.decode("앞면.png".encode()) == "앞면.png"
    assert codec.decode("로고/앞면".encode("cp949")) == "로고/앞면"


def test_two_bytes_that_could_be_one_latin_letter_are_korean_on_a_korean_server() -> None:
    ambiguous = "짱".encode("cp949")
    assert ambiguous.decode("utf-8") != "짱"
    assert taught("로고".encode("cp949")).decode(ambiguous) == "짱"
    assert taught("é".encode()).decode("é".encode()) == "é"


def test_latin_names_are_not_taken_for_korean() -> None:
    codec = taught(b"caf\xe9.txt", b"stra\xdfe.txt")
    assert codec.encoding == "utf-8"
    assert codec.decode(b"caf\xe9.txt") == "caf\udce9.txt"


@given(st.lists(st.binary(max_size=12).filter(lambda raw: b"/" not in raw)))
def test_any_bytes_lead_back_to_themselves(names: list[bytes]) -> None:
    codec = taught(*names)
    for raw in names:
        text = codec.decode(raw)
        kept = raw_unless_utf8(text, raw)
        assert (text.encode() if kept is None else kept) == raw
        assert kept is not None or codec.decode(raw) == raw.decode()


@given(st.lists(st.text(SYLLABLES, min_size=2, max_size=8), min_size=1, max_size=20))
def test_korean_names_in_cp949_come_back_as_they_were(names: list[str]) -> None:
    raws = [name.encode("cp949") for name in names]
    codec = taught("견적서".encode("cp949"), "견적서".encode("cp949"), *raws)
    assert all(raw in codec.candidates(codec.decode(raw)) for raw in raws)


def test_distinct_names_stay_distinct_when_one_of_them_is_fixed_by_option() -> None:
    codec = NameCodec("cp949")
    assert codec.encode("로고") == "로고".encode("cp949")
    assert codec.decode("로고".encode("cp949")) == "로고"
    assert codec.decode(b"\xff\xff") == "\udcff\udcff"


def test_an_unknown_encoding_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        NameCodec("klingon")


@given(HANGUL)
def test_korean_names_in_utf8_are_their_own_bytes(text: str) -> None:
    raw = text.encode()
    assert taught(raw).decode(raw) == text
    assert raw_unless_utf8(text, raw) is None


def test_korean_names_in_euc_kr_are_read_and_marked() -> None:
    raw = "한글 이름.png".encode("euc-kr")
    assert taught(raw).decode(raw) == "한글 이름.png"
    assert raw_unless_utf8("한글 이름.png", raw) == raw


def test_a_short_name_that_both_encodings_can_read_follows_the_server() -> None:
    raw = "책.png".encode("cp949")
    assert raw.decode() == "å.png"
    assert taught(raw, "그림.png".encode("cp949")).decode(raw) == "책.png"
    assert taught(raw, "그림.png".encode()).decode(raw) == "å.png"


def test_a_latin_name_that_cp949_could_read_stays_as_it_is_among_latin_names() -> None:
    raw = "Ägypten.txt".encode("latin-1")
    assert raw.decode("cp949") != raw.decode("utf-8", "surrogateescape")
    assert taught(raw, b"caf\xe9.txt").decode(raw) == "\udcc4gypten.txt"


def test_a_korean_name_without_a_syllable_is_read_on_a_korean_server() -> None:
    raw = "①全面.png".encode("cp949")
    assert taught(raw, *(name.encode("cp949") for name in ("앞면", "뒷면"))).decode(raw) == "①全面.png"


def test_bytes_that_nothing_reads_survive_the_round_trip() -> None:
    codec = taught(b"caf\xe9.png")
    text = codec.decode(b"caf\xe9.png")
    assert text.encode("utf-8", "surrogateescape") == b"caf\xe9.png"
    assert codec.encode(text) == b"caf\xe9.png"


def test_a_given_encoding_is_not_second_guessed() -> None:
    assert taught("책".encode("cp949"), encoding="cp949").decode("책".encode("cp949")) == "책"
    assert NameCodec("latin-1").decode(b"caf\xe9") == "café"


@given(st.binary(min_size=1))
def test_no_name_is_refused(raw: bytes) -> None:
    text = taught(raw).decode(raw)
    assert text
    assert (raw_unless_utf8(text, raw) is None) == (text.encode("utf-8", "replace") == raw)
