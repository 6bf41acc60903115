"""Which pairs are matched, and how they are shared out."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon_cli.reconstruction.solving import matching
from recon_cli.reconstruction.solving.base import pairs

NAMES = [f"{number:03d}" for number in range(200)]


def test_in_a_small_set_every_pair_is_matched_once() -> None:
    found = list(pairs(NAMES[:30], 30))
    assert len(found) == len(set(found)) == 30 * 29 // 2


def test_a_large_set_has_neighbours_and_ever_rarer_pairs_further_away() -> None:
    found = set(pairs(NAMES, 12))
    assert len(found) < 200 * 16
    assert all((NAMES[n], NAMES[n + gap]) in found for n in range(60) for gap in (*range(1, 13), 16, 32, 64, 128))
    assert ("000", "013") not in found


@pytest.mark.parametrize("count", [1, 3, 19, 20, 66, 153, 1000, 4950])
def test_parts_hold_every_pair_once_in_order_whatever_their_number(tmp_path: Path, count: int) -> None:
    wanted = [(f"{n}", f"{n + 1}") for n in range(count)]
    parts = matching.cut(wanted, tmp_path)
    assert [pair for part in parts for pair in part.pairs] == wanted
    assert max(len(part.pairs) for part in parts) <= 251
    assert len(parts) >= 2 or count < 40
