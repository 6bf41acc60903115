"""Whatever the bytes are: a session or a refusal, never an exception, never a float, and the bytes stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from recon_cli.core.errors import ConfigError
from recon_cli.core.record import Record
from recon_cli.systems.gfx import document, registry
from recon_cli.systems.gfx.document import Parsed, Reason, Refusal
from recon_cli.systems.gfx.parse import Session, parse
from recon_cli.systems.gfx.rows import Observation, body, session_row
from recon_cli.systems.gfx.table import SENT
from tests.systems.gfx import odd

FAST = settings(max_examples=200, deadline=None)
NUMBERS = st.one_of(st.integers(), st.integers(-(2**64), 2**64), st.floats(allow_nan=False, allow_infinity=False))
TEXTS = st.one_of(
    st.text(max_size=8),
    st.text(st.characters(categories=("Cs", "Cc")), max_size=3),
    st.sampled_from(
        ["PT3M26.98S", "P99999999D", "2025-10-16T08:28:10.2381337Z", "9999-12-31T23:59:59-23:59", "PT" + "9" * 40]
    ),
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, NUMBERS.map(str))
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


def keyed(*names: str) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON))


PLAYERS = st.lists(keyed("Name", "PlayerNum", "LongName") | JSON, max_size=3)
HANDS = st.lists(
    st.builds(
        lambda hand, players: {**hand, "Players": players}, keyed("HandNum", "Duration", "StartDateTimeUTC"), PLAYERS
    )
    | JSON,
    max_size=3,
)
SHAPES = st.builds(
    lambda keys, hands, inner: {**keys, "Hands": hands, "session": inner},
    keyed("ID", "session_id", "id", "Type", "tableType", "EventTitle", "Payouts", "CreatedDateTimeUTC", "hand_count"),
    HANDS | JSON,
    keyed("id", "Type", "Hands", "payouts") | JSON,
)


def judge(raw: bytes, path: str = "x.json") -> Session | Refusal:
    kept = bytes(bytearray(raw))
    found = parse(raw, path)
    assert raw == kept
    if isinstance(found, Refusal):
        assert found.reason in Reason
        return found
    assert found.raw is raw
    row = session_row(found, Observation.of("PC01", path, found.file_hash))
    assert_fit(row, found)
    return found


def assert_fit(row: Record, found: Session) -> None:
    """Every column has the type that its column has, fits into it, and can be sent as UTF-8."""
    assert tuple(row.values) == SENT
    assert type(row.values["session_id"]) is int
    assert -(2**63) <= found.session_id < 2**63
    assert all(type(one) is int and -(2**63) <= one < 2**63 for one in found.payouts or ())
    for name in ("hand_count", "player_count", "total_duration_seconds"):
        value = row.values[name]
        assert value is None or (type(value) is int and 0 <= value < 2**31)
    for name, value in row.values.items():
        assert not isinstance(value, float)
        if isinstance(value, str) and name != "raw_json":
            assert "\0" not in value.encode().decode()
        if isinstance(value, datetime):
            assert value.utcoffset() is not None
    sent = json.loads(body(row), parse_float=Decimal)
    assert sent["session_id"] == found.session_id
    assert sent["raw_json"] == json.loads(found.text, parse_float=Decimal)


@FAST
@given(st.binary(max_size=200))
def test_any_bytes_are_a_session_or_a_refusal(raw: bytes) -> None:
    judge(raw)


@FAST
@given(SHAPES, TEXTS | st.just("GameID=7.json"))
def test_any_json_under_the_names_of_an_export_is_a_session_or_a_refusal(keys: object, path: str) -> None:
    judge(json.dumps(keys).encode(), path)


@FAST
@given(st.sampled_from([one.raw for one in odd.WHOLE]), st.integers(0, 3000), st.binary(max_size=4))
def test_an_export_with_bytes_changed_is_a_session_or_a_refusal(raw: bytes, place: int, change: bytes) -> None:
    place %= len(raw)
    judge(raw[:place] + change + raw[place + len(change) :])


@FAST
@given(JSON.map(lambda inner: {"ID": 1, "x": inner}), st.data(), st.sampled_from([None, 1]), st.booleans())
def test_a_document_cut_anywhere_waits(keys: object, data: st.DataObject, indent: int | None, plain: bool) -> None:  # noqa: FBT001  hypothesis gives it
    text = json.dumps(keys, indent=indent, ensure_ascii=plain)
    raw = text.encode("utf-8", "replace")
    assert not isinstance(judge(raw), Refusal)
    found = judge(raw[: data.draw(st.integers(0, len(raw) - 1))])
    assert isinstance(found, Refusal)
    assert found.waits, found


@FAST
@given(JSON)
def test_no_number_is_ever_a_float(keys: object) -> None:
    found = document.read(json.dumps({"x": keys}).encode())
    assert not isinstance(found, Refusal)
    seen: list[Parsed] = []
    walk(found.keys, seen.append)
    assert not any(isinstance(one, float) for one in seen)
    assert found.keys["x"] == json.loads(json.dumps(keys), parse_float=Decimal)


def walk(value: Parsed, see: Callable[[Parsed], None]) -> None:
    see(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        walk(one, see)


@FAST
@given(st.lists(keyed("id", "watch_path", "path", "enabled", "name", "ip") | JSON, max_size=4) | JSON, TEXTS)
def test_any_registry_is_read_or_refused_and_never_leads_out(entries: object, path: str) -> None:
    try:
        found = registry.parse(json.dumps({"pcs": entries}).encode())
    except ConfigError:
        return
    found.pc_of(path)
    assert len({pc.id for pc in found.pcs}) == len(found.pcs)
    assert len({pc.folder for pc in found.enabled}) == len(found.enabled)
    assert isinstance(entries, list)
    assert len(found.pcs) + len(found.problems) == len(entries)
    for pc in found.pcs:
        assert not pc.folder.startswith("/")
        assert ".." not in pc.folder.split("/")
