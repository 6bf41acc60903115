"""A synthetic twin of the 28 exports that were measured: the same shapes, sizes and growth, and nobody's hands.

27 contents of 24 sessions: one grows from 1 hand to 2 and to 82, one from 6 to 130, one stands on two PCs; five hold a
HandNum twice. The 27 contents hold 1 510 hands, the fullest of each session 1 501. Made anew, always the same bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

FILES, CONTENTS, SESSIONS, HANDS, LATEST_HANDS = 28, 27, 24, 1510, 1501
SMALLEST_BYTES, LARGEST_BYTES = 1_900, 819_000
GROWS_FROM_ONE, GROWS_FROM_SIX = 638961224831992165, 638962090655783818
TWICE = 638961999170907267
"""The session whose one export lies on both PCs, byte for byte: 49 hands."""
_FIRST_SINGLE = 638963847602984623
_SINGLES = (1, 3, 5, 8, 12, 17, 24, 33, 41, 47, 53, 60, 66, 71, 78, 84, 95, 106, 120, 128, 188)
_DUPLICATED = frozenset({17, 41, 60, 78, 106})
"""The five exports, by their hands, that hold one HandNum twice."""
_NAMES = ("김도윤", "이서연", "박하준", "SATO", "Müller", "O'Brien", "陳", "Ada", "최지우")
_EVENTS = ("FOLD", "CHECK", "CALL", "BET", "ALL IN", "BOARD CARD")


@dataclass(frozen=True, slots=True)
class Export:
    """One file on the NAS."""

    path: str
    pc: str
    session_id: int
    hands: int
    raw: bytes


def name_of(session_id: int) -> str:
    """As the table computer names its exports."""
    return f"PGFX_live_data_export GameID={session_id}.json"


@cache
def exports() -> tuple[Export, ...]:
    """All 28, in the order in which they were written."""
    return tuple(_exports())


def write(root: Path) -> None:
    """The NAS: both PCs, the `.txt` beside each export, and the registry."""
    for export in exports():
        path = root / export.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(export.raw)
        path.with_suffix(".txt").write_text("a log of the export\n")
    (root / "config").mkdir(exist_ok=True)
    pcs = [{"id": "PC01", "watch_path": "PC01/hands", "enabled": True}, {"id": "PC02", "path": "PC02/hands"}]
    (root / "config" / "pc_registry.json").write_text(json.dumps({"pcs": pcs, "version": "1.0"}))


def document(session_id: int, hands: int, *, events: int = 14, duplicate: bool = False) -> dict[str, Any]:
    """One session with that many hands; fewer hands of the same session are the beginning of more."""
    dice = random.Random(session_id)  # noqa: S311  made-up data, nothing secret
    began = datetime(2025, 10, 16, 8, 28, 10, tzinfo=UTC) + timedelta(minutes=session_id % 9000)
    played = []
    for number in range(1, hands + 1):
        played.append(_hand(dice, number, began, events))
        began += timedelta(minutes=4)
    if duplicate:
        played[-1]["HandNum"] = played[-2]["HandNum"]
    return {
        "CreatedDateTimeUTC": played[0]["StartDateTimeUTC"],
        "EventTitle": "겨울 시리즈 – Main Event",
        "Hands": played,
        "ID": session_id,
        "Payouts": [0, 0, 3_000_000_000, 0, 0, 0, 0, 0, 0, 0],
        "SoftwareVersion": "PokerGFX 3.2",
        "Type": ("FEATURE_TABLE", "FINAL_TABLE", "MAIN_TABLE", "SIDE_TABLE")[session_id % 4],
    }


def dumped(content: dict[str, Any]) -> bytes:
    """As an export is written: UTF-8, no BOM."""
    return json.dumps(content, ensure_ascii=False).encode()


def _exports() -> Iterator[Export]:
    small = document(GROWS_FROM_ONE, 1, events=3)
    pad = SMALLEST_BYTES - len(dumped(small))
    for pc, day, hands in (("PC01", "1016", 1), ("PC01", "1017", 2), ("PC02", "new", 82)):
        grown = document(GROWS_FROM_ONE, hands, events=3)
        grown["Hands"][0]["Description"] += "x" * pad
        yield _export(pc, day, grown)
    yield _export("PC01", "1016", document(GROWS_FROM_SIX, 6, events=30))
    large = document(GROWS_FROM_SIX, 130, events=30)
    large["Hands"][-1]["Description"] += "x" * (LARGEST_BYTES - len(dumped(large)))
    yield _export("PC02", "1018", large)
    for pc, day in (("PC01", "1018"), ("PC02", "1018")):
        yield _export(pc, day, document(TWICE, 49))
    for place, hands in enumerate(_SINGLES):
        made = document(_FIRST_SINGLE + 7919 * place, hands, events=8, duplicate=hands in _DUPLICATED)
        yield _export(("PC01", "PC02")[place % 2], f"10{19 + place % 5}", made)


def _export(pc: str, day: str, content: dict[str, Any]) -> Export:
    path = f"{pc}/hands/{day}/{name_of(content['ID'])}"
    return Export(path, pc, content["ID"], len(content["Hands"]), dumped(content))


def _hand(dice: random.Random, number: int, began: datetime, events: int) -> dict[str, Any]:
    seats = dice.sample(range(1, 10), 2 if events < 5 else 7)  # noqa: PLR2004  short hands have two players
    return {
        "AnteAmt": 0,
        "BetStructure": "NOLIMIT",
        "BombPotAmt": 0,
        "Description": "",
        "Duration": f"PT{dice.randrange(1, 4)}M{dice.randrange(60)}.{dice.randrange(1, 10**7):07d}S",
        "Events": [_event(dice, seats) for _ in range(events)],
        "FlopDrawBlinds": {"AnteType": "BB_ANTE_BB1ST", "BigBlindAmt": 20_000, "ButtonPlayerNum": seats[0]},
        "GameClass": "FLOP",
        "GameVariant": "HOLDEM",
        "HandNum": number,
        "NumBoards": 1,
        "Players": [_player(dice, seat) for seat in seats],
        "RecordingOffsetStart": f"P739538DT16H{dice.randrange(60)}M20.9005907S",
        "RunItNumTimes": 1,
        "StartDateTimeUTC": f"{began:%Y-%m-%dT%H:%M:%S}.{dice.randrange(10**7):07d}Z",
        "StudLimits": {},
    }


def _player(dice: random.Random, seat: int) -> dict[str, Any]:
    return {
        "CumulativeWinningsAmt": dice.randrange(-(10**6), 10**6),
        "EliminationRank": -1,
        "EndStackAmt": dice.randrange(10**7),
        "HoleCards": [f"{dice.choice('23456789tjqka')}{dice.choice('cdhs')}" for _ in range(2)],
        "LongName": "",
        "Name": _NAMES[seat - 1],
        "PlayerNum": seat,
        "SittingOut": False,
        "StartStackAmt": dice.randrange(10**7),
    }


def _event(dice: random.Random, seats: list[int]) -> dict[str, Any]:
    kind = dice.choice(_EVENTS)
    cards = "jh" if kind == "BOARD CARD" else None
    return {
        "BetAmt": dice.randrange(10**5),
        "BoardCards": cards,
        "DateTimeUTC": None,
        "EventType": kind,
        "PlayerNum": dice.choice(seats),
        "Pot": 1.5 * dice.randrange(10**4),
    }
