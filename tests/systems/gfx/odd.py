"""Files made by hand, as they turn up beside real exports: each with what has to become of it."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass

from recon_cli.demo import twin_sessions as twin
from recon_cli.systems.gfx.document import Reason

ID = 638961224831992165
"""More than 2**53: a float would make 638961224831992192 of it."""


@dataclass(frozen=True, slots=True)
class Odd:
    """One file. `expected` is the session's id, or why there is no session."""

    path: str
    raw: bytes
    expected: int | Reason


_GOOD = twin.dumped(twin.document(ID, 2, events=3))
_STRINGS = json.dumps({"ID": ID, "Hands": [{"HandNum": 1, "Players": ["Kim", "Lee", "Kim"]}]}).encode()
_NFD = unicodedata.normalize("NFD", "연습 GameID=638961224831992165.json")

WHOLE = (
    Odd("players as strings.json", _STRINGS, ID),
    Odd("bom.json", b"\xef\xbb\xbf" + _GOOD, ID),
    Odd("bom and windows newlines.json", b"\xef\xbb\xbf" + _STRINGS.replace(b", ", b",\r\n"), ID),
    Odd("utf-16.json", _GOOD.decode().encode("utf-16"), ID),
    Odd("snake.json", json.dumps({"session_id": str(ID), "table_type": "cash"}).encode(), ID),
    Odd("nested.json", json.dumps({"session": {"id": ID, "tableType": "final"}}).encode(), ID),
    Odd("lower.json", json.dumps({"id": ID, "hands": []}).encode(), ID),
    Odd("number with an exponent.json", b'{"ID": 6.38961224831992165e17}', ID),
    Odd(twin.name_of(ID), b"{}", ID),
    Odd(_NFD, b'{"ID": null}', ID),
)
POISON = (
    Odd("comma.json", b'{"ID": 1,}', Reason.NOT_JSON),
    Odd("nan.json", b'{"ID": 1, "Pot": NaN}', Reason.NOT_JSON),
    Odd("two.json", _GOOD + _GOOD, Reason.NOT_JSON),
    Odd("a newline in a text.json", b'{"ID": 1, "EventTitle": "a\nb"}', Reason.NOT_JSON),
    Odd("endless number.json", b'{"ID": ' + b"9" * 5000 + b"}", Reason.NOT_JSON),
    Odd("exponent.json", b'{"ID": 1, "Pot": 1e' + b"9" * 30 + b"}", Reason.NOT_JSON),
    Odd("deep.json", b"[" * 200_000 + b"]" * 200_000, Reason.NOT_JSON),
    Odd("korean windows.json", '{"ID": 1, "EventTitle": "겨울"}'.encode("cp949"), Reason.NOT_TEXT),
    Odd("list.json", b"[1]", Reason.NOT_AN_OBJECT),
    Odd("no id.json", b'{"Hands": []}', Reason.NO_SESSION_ID),
    Odd("too large.json", b'{"ID": 9223372036854775808}', Reason.NO_SESSION_ID),
    Odd("true.json", b'{"ID": true}', Reason.NO_SESSION_ID),
    Odd("huge.json", b'{"ID": 1e99999999}', Reason.NO_SESSION_ID),
)
HALF = (
    Odd("empty.json", b"", Reason.NOT_WHOLE),
    Odd("blank.json", b" \r\n", Reason.NOT_WHOLE),
    Odd("half a bom.json", b"\xef\xbb", Reason.NOT_WHOLE),
    Odd("half.json", _GOOD[: len(_GOOD) // 2], Reason.NOT_WHOLE),
    Odd("reserved.json", _GOOD[:900] + b"\0" * 3000, Reason.NOT_WHOLE),
    Odd("half a letter.json", '{"ID": 1, "EventTitle": "겨'.encode()[:-1], Reason.NOT_WHOLE),
)
EVERY = (*WHOLE, *POISON, *HALF)
