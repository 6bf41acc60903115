"""Numbers, names, times and lists: what is meant is read, what is not is refused with a reason, nothing ever raises."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon_cli.systems.containers import lists, names, number, sheet, times
from recon_cli.systems.containers.names import origin
from recon_cli.systems.containers.number import Number
from recon_cli.systems.containers.reading import Reading, of_payload, of_row
from recon_cli.systems.feed import Unfit

EPOCH = "Gate_In_Upper-20250214-100249-1739552569200-7"


@pytest.mark.parametrize(
    "text",
    [
        "TCNU 897179",
        "TCNU8971796",
        "TCNU-897179-6",
        "tcnu 897179 6",
        " TCNU897179\n",
        "TCNU/897179.6",
        "ＴＣＮＵ８９７１７９",
    ],
)
def test_a_number_is_read_however_it_is_written(text: str) -> None:
    assert number.parse(text) == Number("TCNU", "897179", 6)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("UNKNOWN", "not read"),
        ("error", "not read"),
        ("", "not read"),
        ("N/A", "not read"),
        ("TCNU 89717", "no container number"),
        ("TCN 897179", "no container number"),
        ("TCNU 89717966", "no container number"),
        ("TCNU 8971795", "check digit"),
    ],
)
def test_what_is_no_number_is_refused_with_the_reason(text: str, reason: str) -> None:
    found = number.parse(text)
    assert isinstance(found, Unfit)
    assert found.reason == reason


def test_an_unusual_category_is_told_and_taken() -> None:
    found = number.parse("ABCD 123456")
    assert isinstance(found, Number)
    assert found.notes[0] == "category D is unusual"


@pytest.mark.parametrize(
    ("owner", "serial", "digit"),
    [("CSQU", "305438", 3), ("MSKU", "907032", 3), ("TOLU", "473478", 7), ("TCNU", "897179", 6)],
)
def test_check_digits_are_those_of_known_containers(owner: str, serial: str, digit: int) -> None:
    assert number.check_digit(owner, serial) == digit


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=4, max_size=4), st.from_regex(r"[0-9]{6}", fullmatch=True))
def test_with_or_without_its_digit_a_number_is_the_same(owner: str, serial: str) -> None:
    digit = number.check_digit(owner, serial)
    bare, whole = number.parse(f"{owner}{serial}"), number.parse(f"{owner} {serial}-{digit}")
    assert bare == whole
    assert isinstance(number.parse(f"{owner}{serial}{(digit + 1) % 10}"), Unfit)


def test_the_moment_of_a_reading_is_the_epoch_and_the_time_into_the_video() -> None:
    found = origin(f"/gate/{EPOCH}_log.json")
    assert found.source == EPOCH == origin(f"{EPOCH}.mp4").source == origin(f"{EPOCH}.mp4.csv").source
    assert found.began == datetime(2025, 2, 14, 17, 2, 49, 200_000, tzinfo=UTC)
    assert not found.notes
    assert not origin(EPOCH, ZoneInfo("America/Denver")).notes
    assert "in Asia/Seoul" in origin(EPOCH, ZoneInfo("Asia/Seoul")).notes[0]


@pytest.mark.parametrize(
    ("name", "zone", "began", "told"),
    [
        ("Gate-20250214-100249", None, None, ""),
        ("Gate-20250214-100249", "Asia/Seoul", datetime(2025, 2, 14, 1, 2, 49, tzinfo=UTC), ""),
        ("Gate-20251102-013000", "America/Denver", datetime(2025, 11, 2, 7, 30, tzinfo=UTC), "clocks changed"),
        (
            "Gate-20250214-100749-1739552569200",
            None,
            datetime(2025, 2, 14, 17, 2, 49, 200_000, tzinfo=UTC),
            "no time zone",
        ),
        ("Gate-20259914-100249-1739552569200", None, datetime(2025, 2, 14, 17, 2, 49, 200_000, tzinfo=UTC), "is none"),
        ("Gate-20250214-100249-0000000000001", None, None, "is not a time of a camera"),
        ("notes", None, None, ""),
    ],
)
def test_odd_names_say_what_is_odd(name: str, zone: str | None, began: datetime | None, told: str) -> None:
    found = origin(f"{name}.csv", ZoneInfo(zone) if zone else None)
    assert found.began == began
    assert told in "; ".join(found.notes)
    assert bool(found.notes) is bool(told)


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("0:00:12", 12),
        ("1:02:03", 3723),
        ("26:00:00", 93_600),
        ("02:03", 123),
        ("0:00:12.5", 12.5),
        ("12", 12),
        (time(0, 1, 2), 62),
        (timedelta(seconds=7), 7),
        (datetime.fromisoformat("1899-12-31 01:00"), 90_000),
        (12.25, 12.25),
        ("0:60:00", None),
        ("-0:00:01", None),
        ("soon", None),
        (float("nan"), None),
        (True, None),
    ],
)
def test_how_far_into_the_video(cell: object, seconds: float | None) -> None:
    assert times.elapsed(cell) == (None if seconds is None else timedelta(seconds=seconds))


def test_a_reading_comes_out_of_the_outbox_as_it_went_in() -> None:
    row = {"시간": "0:00:12", "owner": "ABCD", "number": "123456", "image_path": "1.png", "confidence": 0.5}
    found = of_row(row, origin(EPOCH), None)
    assert isinstance(found, Reading)
    again = of_payload(found.payload())
    assert again == found
    assert isinstance(again, Reading)
    assert again.id == found.id


def test_rows_are_refused_one_by_one_and_keep_their_moment_so_that_they_can_be_mended() -> None:
    listed = lists.read(
        f"{EPOCH}.csv", "시간,owner,number\r\n0:00:01,TCNU,897179\r\n0:00:02,,UNKNOWN\r\n".encode("cp949")
    )
    assert isinstance(listed, lists.Listed)
    assert len(listed.readings) == 1
    (refused,) = listed.refused
    assert (refused.where, refused.why.reason) == ("line 3", "not read")
    mended = json.loads(refused.said) | {"number": "TCNU897179"}
    found = of_payload(json.dumps(mended).encode())
    assert isinstance(found, Reading)
    assert (found.source, found.captured_at) == (EPOCH, datetime(2025, 2, 14, 17, 2, 51, 200_000, tzinfo=UTC))


def test_a_log_that_is_still_being_written_is_waited_for_and_another_fault_is_not() -> None:
    whole = json.dumps([{"id": "TCNU 897179", "time": "0:00:12"}] * 3).encode()
    for size in range(1, len(whole)):
        found = lists.read(f"{EPOCH}_log.json", whole[:size])
        assert isinstance(found, Unfit)
        assert found.waits
    broken = lists.read(f"{EPOCH}_log.json", b'[{"id": }, {"time": 1}]')
    assert isinstance(broken, Unfit)
    assert not broken.waits


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([".csv", "_log.json", ".jsonl", ".xlsx", ".txt", ".tsv", ".exe", ""]))
def test_no_bytes_make_a_list_raise(raw: bytes, ending: str) -> None:
    assert isinstance(lists.read(f"{EPOCH}{ending}", raw), Unfit | lists.Listed)


CELLS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.integers())
WORDS = st.sampled_from(["time", "captured_at", "owner", "number", "id", "source_video", "image", "confidence", "시간"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(WORDS, CELLS), st.text(max_size=40), st.sampled_from([None, "Asia/Seoul", "America/Denver"]))
def test_no_row_makes_a_reading_raise(row: dict[str, object], name: str, zone: str | None) -> None:
    where = ZoneInfo(zone) if zone else None
    found = of_row(row, names.origin(name, where), where)
    if isinstance(found, Reading):
        assert of_payload(found.payload()) == found


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_no_text_makes_a_number_raise(text: str) -> None:
    assert isinstance(number.parse(text), Number | Unfit)
    number.search_parts(text)
    times.elapsed(text)


def test_a_sheet_that_would_unpack_to_too_much_is_refused_before_it_is_read() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as parts, parts.open("xl/worksheets/sheet1.xml", "w") as part:
        for _ in range((sheet.MOST_BYTES >> 20) + 1):
            part.write(b" " * (1 << 20))
    found = lists.read(f"{EPOCH}.xlsx", held.getvalue())
    assert isinstance(found, Unfit)
    assert found.reason == "too big"


def test_a_deep_document_and_an_endless_list_are_refused() -> None:
    deep = lists.read("x_log.json", b"[" * 100_000)
    assert isinstance(deep, Unfit)
    many = b"\n".join([b"number"] + [b"TCNU897179"] * (lists.MOST_ROWS + 2))
    endless = lists.read("x.csv", many)
    assert isinstance(endless, Unfit)
    assert endless.reason == "too long"
