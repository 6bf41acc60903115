"""How names read is decided per server, from evidence; every name leads back to its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.core.errors import UsageError
from recon_cli.files.encoding import NameCodec, raw_unless_utf8

SYLLABLES = "".join(chr(code) for code in range(0xAC00, 0xD7A4))


def taught(*names: bytes) -> NameCodec:
    codec = NameCodec()
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
