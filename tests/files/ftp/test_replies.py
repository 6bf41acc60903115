from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.files.ftp.replies import OutOfStepError, Replies, Reply

STREAM = b'220-hello\r\n 220 not yet\r\n220 done\r\n250 ok\r\n213-Status\r\n-rw x\r\n213 End\r\n257 "/" here\r\n'


def replies(*parts: bytes) -> list[Reply]:
    reader, found = Replies(), []
    for part in parts:
        reader.feed(part)
        while (reply := reader.next()) is not None:
            found.append(reply)
    return found


def test_replies_are_cut_out_of_the_stream() -> None:
    found = replies(STREAM)
    assert [reply.code for reply in found] == [220, 250, 213, 257]
    assert found[2].body == b"-rw x\r\n"
    assert found[2].last == b"213 End"


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_it_does_not_matter_where_packets_end(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    assert replies(*(STREAM[a:b] for a, b in pairwise(edges))) == replies(STREAM)


def test_an_empty_listing_has_an_empty_body() -> None:
    assert replies(b"220 x\r\n213-STAT\r\n213 End.\r\n")[1].body == b""


def test_a_server_that_ends_lines_with_lf_alone_is_understood() -> None:
    assert [reply.code for reply in replies(b"220-a\n220 b\n250 ok\n")] == [220, 250]


def test_a_line_that_is_no_reply_is_noticed() -> None:
    with pytest.raises(OutOfStepError):
        replies(b"220 hello\r\n-rw-r--r-- 1 x\r\n")
