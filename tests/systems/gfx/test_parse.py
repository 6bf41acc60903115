"""An export becomes a session: every shape, nothing rounded, nothing lost, and what is half-written waits."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from recon_cli.demo import twin_sessions as twin
from recon_cli.systems.gfx import document, fields, names
from recon_cli.systems.gfx.document import Reason, Refusal
from recon_cli.systems.gfx.fields import TableType
from recon_cli.systems.gfx.parse import Session, parse
from recon_cli.systems.gfx.rows import Observation, body, observation_row, owner, session_row
from recon_cli.systems.gfx.table import SENT
from tests.systems.gfx import odd
from tests.systems.gfx.odd import ID, Odd

NAME = twin.name_of(ID)


def session(raw: bytes, path: str = NAME) -> Session:
    found = parse(raw, path)
    assert isinstance(found, Session), found
    return found


def of(path: str = "x.json", /, **keys: object) -> Session:
    return session(json.dumps({"ID": ID, "Hands": [], **keys}).encode(), path)


def reasons(found: Session) -> list[str]:
    return [problem.reason for problem in found.problems]


# what an export says


def test_a_real_shape_gives_every_column() -> None:
    content = twin.document(ID, 2, events=3)
    content["Hands"][0] |= {"StartDateTimeUTC": "2025-10-16T08:28:10.2381337Z", "Duration": "PT3M26.9876543S"}
    content["Hands"][1] |= {"StartDateTimeUTC": "2025-10-16T08:33:00.0000000Z", "Duration": "PT1H0.5S"}
    content["CreatedDateTimeUTC"] = "2025-10-16T08:20:00.1234567Z"
    raw = twin.dumped(content)
    row = session_row(session(raw), Observation.of("PC01", f"PC01/hands/{NAME}", hashlib.sha256(raw).hexdigest()))
    assert dict(row.values) == {
        "session_id": ID,
        "file_name": NAME,
        "file_hash": hashlib.sha256(raw).hexdigest(),
        "nas_path": f"PC01/hands/{NAME}",
        "table_type": "FINAL_TABLE",
        "event_title": "겨울 시리즈 – Main Event",
        "software_version": "PokerGFX 3.2",
        "payouts": [0, 0, 3_000_000_000, 0, 0, 0, 0, 0, 0, 0],
        "hand_count": 2,
        "player_count": len({player["Name"] for hand in content["Hands"] for player in hand["Players"]}),
        "total_duration_seconds": 3807,
        "session_created_at": datetime(2025, 10, 16, 8, 20, 0, 123456, UTC),
        "session_start_time": datetime(2025, 10, 16, 8, 28, 10, 238133, UTC),
        "session_end_time": datetime(2025, 10, 16, 9, 33, 0, 500000, UTC),
        "raw_json": raw.decode(),
        "sync_status": "synced",
        "sync_source": "recon",
        "gfx_pc_id": "PC01",
    }
    assert tuple(row.values) == SENT, "every row has the same columns, so no batch is refused for unequal ones"


@pytest.mark.parametrize("file", odd.WHOLE, ids=lambda one: ascii(one.path))
def test_every_hand_made_shape_gives_its_id_exactly(file: Odd) -> None:
    found = session(file.raw, file.path)
    assert found.session_id == file.expected
    assert isinstance(found.session_id, int)
    assert found.raw is file.raw
    assert found.file_hash == hashlib.sha256(file.raw).hexdigest()


@pytest.mark.parametrize("file", odd.POISON, ids=lambda one: one.path)
def test_what_can_never_be_a_session_says_why_and_does_not_wait(file: Odd) -> None:
    found = parse(file.raw, file.path)
    assert isinstance(found, Refusal)
    assert (found.reason, found.waits) == (file.expected, False)
    assert found.detail
    assert found.problem(file.path).reason == found.reason.value


@pytest.mark.parametrize("file", odd.HALF, ids=lambda one: one.path)
def test_what_somebody_may_still_be_writing_waits(file: Odd) -> None:
    found = parse(file.raw, file.path)
    assert isinstance(found, Refusal)
    assert (found.reason, found.waits) == (Reason.NOT_WHOLE, True)


def test_an_export_cut_at_any_byte_waits() -> None:
    awkward = {"a": [1.25e-7, -3, True, False, None, 'é\U0001f600\\"/\n'], "b": {}, "김": {"ID": ID}}
    raw = json.dumps(awkward).encode() + b"\n"
    for whole in (raw.strip(), json.dumps(awkward, ensure_ascii=False, indent=1).encode(), twin.exports()[0].raw):
        for end in range(len(whole)):
            found = parse(whole[:end], NAME)
            assert isinstance(found, Refusal), whole[:end]
            assert found.waits, (found, whole[:end][-20:])


def test_the_id_comes_from_the_first_place_that_can_be_read_and_the_others_are_told() -> None:
    found = of(twin.name_of(7), session_id=6, id=5, session={"id": 4})
    assert found.session_id == ID
    assert reasons(found) == ["several session ids"]
    assert session(b'{"ID": "none", "session_id": 6, "Hands": []}').session_id == 6
    assert reasons(session(b'{"ID": "none", "session_id": 6, "Hands": []}', "x")) == ["unreadable session id"]


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, -(2**63), ID])
@pytest.mark.parametrize("spelled", ["{}", '"{}"', "{}.0", '" {} "'])
def test_a_number_of_64_bits_survives_in_every_spelling(number: int, spelled: str) -> None:
    text = f'{{"ID": {spelled.format(number)}, "Payouts": [{number}], "Hands": []}}'
    found = session(text.encode(), "x.json")
    assert (found.session_id, found.payouts) == (number, (number,))
    sent = json.loads(body(session_row(found, Observation("a", "b", "c"))), parse_float=Decimal)
    assert (sent["session_id"], sent["payouts"]) == (number, [number])


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"Type": "FEATURE_TABLE"}, TableType.FEATURE_TABLE),
        ({"table_type": "side"}, TableType.SIDE_TABLE),
        ({"tableType": "Final Table"}, TableType.FINAL_TABLE),
        ({"session": {"Type": "MAIN-TABLE"}}, TableType.MAIN_TABLE),
        ({"session": {"table_type": "feature"}}, TableType.FEATURE_TABLE),
        ({"Type": "cash"}, TableType.MAIN_TABLE),
        ({"Type": "unknown"}, TableType.UNKNOWN),
        ({}, TableType.UNKNOWN),
    ],
)
def test_the_type_is_read_in_every_spelling(keys: dict[str, object], expected: TableType) -> None:
    found = of(**keys)
    assert (found.table_type, found.problems) == (expected, ())


@pytest.mark.parametrize("value", ["BALCONY", 3, ["x"], {}, True])
def test_a_type_that_nobody_knows_is_unknown_and_told(value: object) -> None:
    found = of(Type=value)
    assert (found.table_type, reasons(found)) == (TableType.UNKNOWN, ["unknown table type"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT3M26.98S", 206.98),
        ("PT0S", 0),
        ("PT26.9800001S", 26.9800001),
        ("P1DT2H3M4S", 93784),
        ("PT1H", 3600),
        ("PT0,5S", 0.5),
    ],
)
def test_a_duration_is_read_to_its_seventh_digit(text: str, seconds: float) -> None:
    assert fields.ticks(text) == round(seconds * 10**7)


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "3M", "P1Y", "P1M", "-PT3S", "PT3.S", "PT٣S", 206, None])
def test_what_is_no_duration_is_none(text: document.Parsed) -> None:
    assert fields.ticks(text) is None


def test_one_unreadable_hand_costs_only_itself() -> None:
    hands = [
        {"Duration": "soon", "StartDateTimeUTC": "yesterday"},
        {"Duration": "PT2S", "StartDateTimeUTC": "9999-12-31T23:59:59Z"},
        {"StartDateTimeUTC": "0001-01-01T00:00:00"},
        "a hand",
    ]
    found = of(Hands=hands)
    assert (found.hands.hand_count, found.hands.total_duration_seconds) == (4, 2)
    assert found.hands.started_at == found.hands.ended_at == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert sorted(reasons(found)) == ["a hand is no object", "unreadable duration"]


def test_hands_that_last_longer_than_the_column_holds_leave_it_empty() -> None:
    found = of(Hands=[{"Duration": "P30000D"}])
    assert found.hands.total_duration_seconds is None
    assert reasons(found) == ["the hands last too long"]


def test_players_are_counted_once_by_name_or_by_seat_also_as_strings() -> None:
    first = {"Players": [{"PlayerNum": 1, "Name": "Kim"}, {"PlayerNum": 2, "Name": ""}, "Lee", None, 7, []]}
    second = {"players": [{"PlayerNum": 9, "Name": "Kim"}, {"PlayerNum": 2}, "Lee", {}]}
    assert of(Hands=[first, second]).hands.player_count == 4


def test_a_doubled_hand_number_is_kept_and_told() -> None:
    found = of(Hands=[{"HandNum": 1}, {"HandNum": 2}, {"HandNum": 2}, {"HandNum": 3}])
    assert found.hands.hand_count == 4
    assert [(one.reason, one.detail) for one in found.problems] == [
        ("a HandNum stands twice", "2: every hand is kept"),
    ]


@pytest.mark.parametrize("value", ["no list", [1, "two"], [1.5], [None], [2**63]])
def test_payouts_that_are_no_whole_numbers_leave_the_column_empty_and_are_told(value: object) -> None:
    found = of(Payouts=value)
    assert (found.payouts, reasons(found)) == (None, ["unreadable payouts"])


def test_a_session_without_hands_is_one_all_the_same() -> None:
    found = session(b'{"ID": 5, "hand_count": 12, "player_count": 6}', "x.json")
    assert (found.hands.hand_count, found.hands.player_count) == (12, 6)
    assert reasons(found) == ["no hands"]
    assert reasons(session(b'{"ID": 5, "Hands": {"1": {}}}', "x.json")) == ["no hands"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (r"\u0000", r"\u0000"),
        (r"\ud83d", "half a surrogate pair"),
        (r"\ude00\ud83d", "half a surrogate pair"),
        (r"\ud83d \ude00", "half a surrogate pair"),
        (r"\ud83d\ude00", ""),
        (r"\\u0000", ""),
        (r"\\\u0000", r"\u0000"),
    ],
)
def test_a_text_that_postgres_refuses_is_told_and_its_column_is_made_fit(text: str, told: str) -> None:
    found = session(f'{{"ID": 1, "EventTitle": "a{text}b", "Hands": []}}'.encode(), "x.json")
    assert [one.detail for one in found.problems] == ([told] if told else [])
    assert found.event_title is not None
    assert found.event_title.isprintable() or not told
    found.event_title.encode()
    assert text in found.text, "the document itself stays as it was written"


# the bytes and their hashes


def test_the_document_is_sent_as_it_was_written() -> None:
    raw = b'\xef\xbb\xbf{ "ID":638961224831992165 ,"Pot": 1.0, "Pot": 1e2,\r\n "Hands":[] }'
    found = session(raw, "x.json")
    assert found.text == raw[3:].decode()
    sent = body(session_row(found, Observation("PC01", "x.json", found.file_hash)))
    assert raw[3:] in sent
    assert json.loads(sent)["session_id"] == ID


def test_a_row_of_the_service_before_is_found_by_the_hash_of_its_text(tmp_path: Path) -> None:
    for raw in (b'{"ID":\r\n 1}', b'{"ID":\r 1}', b'\xef\xbb\xbf{"ID": 1}\r\n', b'{"ID": 1}'):
        file = tmp_path / "x.json"
        file.write_bytes(raw)
        known = document.known_hashes(raw)
        assert known[0] == hashlib.sha256(raw).hexdigest()
        for encoding in ("utf-8", "utf-8-sig"):
            assert hashlib.sha256(file.read_text(encoding).encode()).hexdigest() in known
    assert len(document.known_hashes(b'{"ID": 1}')) == 1
    assert len(document.known_hashes(b"\xff\r\n")) == 1


# the loss bugs of the service before, as far as they are the parser's


def test_whoever_takes_something_out_of_a_row_takes_it_from_nobody_else() -> None:
    found = of()
    seen = Observation.of("PC01", "PC01/hands/x.json", found.file_hash)
    row = session_row(found, seen)
    with pytest.raises(AttributeError):
        row.values.pop("gfx_pc_id")  # type: ignore[attr-defined]  # that is the point
    taken = dict(row.values)
    taken.pop("gfx_pc_id")
    taken["payouts"] = None
    again = session_row(found, seen).values
    assert (again["gfx_pc_id"], again["nas_path"]) == ("PC01", "PC01/hands/x.json"), "a retry still knows the PC"
    assert again == row.values


def test_a_file_that_cannot_be_read_stays_where_and_as_it_is(tmp_path: Path) -> None:
    for place, file in enumerate(odd.EVERY):
        (tmp_path / f"{place}.json").write_bytes(file.raw)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    for path in before:
        parse(path.read_bytes(), str(path))
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()} == before


def test_the_same_content_of_two_pcs_is_one_row_with_two_observations_in_any_order() -> None:
    found = of()
    seen = [Observation.of(pc, f"{pc}/hands/x.json", found.file_hash) for pc in ("PC02", "PC01")]
    rows = [session_row(found, owner(order)).values for order in (seen, seen[::-1])]
    assert rows[0] == rows[1]
    assert rows[0]["gfx_pc_id"] == "PC01"
    assert len({one.id for one in seen}) == 2


def test_two_spellings_of_a_korean_path_are_one_observation() -> None:
    path = "PC01/hands/겨울 시리즈.json"
    both = {Observation.of("PC01", unicodedata.normalize(form, path), "0" * 64) for form in ("NFC", "NFD")}
    assert len(both) == 1
    assert both.pop().path == path


def test_a_path_whose_bytes_are_no_text_can_be_stored_all_the_same() -> None:
    path = b"PC01/hands/\xb0\xdc\xff.json".decode("utf-8", "surrogateescape")
    seen = Observation.of("PC01", path, "0" * 64)
    assert seen.path == r"PC01/hands/\xb0\xdc\xff.json"
    row = observation_row(seen, datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC))
    assert json.loads(body(row))["first_seen"] == "2025-01-01T00:00:00+00:00"


def test_a_column_boundary_cannot_be_moved_to_make_two_observations_one() -> None:
    assert Observation("a", "bc", "").id != Observation("ab", "c", "").id


# names


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("PGFX_live_data_export GameID=638961224831992165.json", ID),
        ("sub folder/PGFX gameid_638961224831992165 (1).json", ID),
        ("PGFX_live_data_export GameID=.json", None),
        (f"GameID={'9' * 20}.json", None),
        ("GameID=1/no.json", None),
    ],
)
def test_the_id_in_a_name(name: str, number: int | None) -> None:
    assert names.game_id(name) == number


def test_only_exports_are_wanted() -> None:
    wanted = names.is_export()
    assert all(wanted(f"PC01/hands/1015/{name}") for name in (NAME, "연습.json", "UPPER.JSON"))
    for name in ("x.txt", ".x.json", "~x.json", "x.json.tmp", "x.json.part", "pc_registry.json", "x.jsonl"):
        assert not wanted(f"PC01/hands/{name}"), name
    assert not wanted("PC01/@eaDir/x.json")
    assert not wanted("PC01/.Trash/x.json")
    assert names.is_export("PGFX*.json")(NAME)
    assert not names.is_export("PGFX*.json")("other.json")
