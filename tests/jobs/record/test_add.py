"""`recon record add`: on disk first, then to the table; what cannot go waits, what is no reading is kept apart."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.gate import START, Gate, Seen, logs, shuffled, traffic
from tests.support.postgres import free_port

VIDEO = "Gate_In_Upper-20250214-100249-1739552569200-7"
BEGAN = datetime.fromtimestamp(1739552569.2, UTC)
LIST = "시간,owner,number\n0:00:12,TCNU,897179\n0:01:12,TCNU,8971796\n0:09:00,MSKU,907032\n0:09:10,UNKNOWN,\n"


def test_readings_in_any_order_and_twice_end_in_the_rows_of_the_rule(gate: Gate) -> None:
    seen = traffic(1, 400, 12)
    given = shuffled(seen, 2, twice=80)
    told = gate("add", gate.write(given[:300], "a.jsonl"))
    assert (told["refused"], told["waiting"]) == (0, 0)
    gate("add", gate.write(given[300:], "b.jsonl"))
    assert gate.logs() == logs(seen)
    assert gate.count() == len(seen)


def test_a_number_by_hand_is_taken_and_what_is_none_is_refused_with_its_reason(small: Gate) -> None:
    told = small("add", "TCNU 897179", "ABCD 123456", "UNKNOWN", "TCNU-897179-5", "--at", "2026-03-01T12:00Z", expect=3)
    assert (told["put"], told["delivered"], told["refused"], told["unusual"]) == (2, 2, 2, 1)
    assert [(one["item"], one["reason"]) for one in told["problems"]] == [
        ("UNKNOWN", "not read"),
        ("TCNU-897179-5", "check digit"),
    ]
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert small.logs() == {(at, "TCNU897179"), (at, "ABCD123456")}
    dead = json.loads(small.recon("queue", "dead", "list", "--json").out)
    assert len(dead["dead"]) == 2 if "dead" in dead else dead["summary"].startswith("2 dead")


def test_the_cameras_lists_land_by_the_epoch_of_the_name_and_the_time_into_the_video(small: Gate) -> None:
    (small.folder / f"{VIDEO}.csv").write_text(LIST)
    entry = {
        "id": "TCNU 897179",
        "time": "0:00:12",
        "frame": 3,
        "bbox": [1, 2],
        "confidence": 0.9,
        "image_path": "1.png",
    }
    (small.folder / f"{VIDEO}_log.json").write_text(json.dumps([entry, {"id": "ERROR", "time": "0:00:13"}]))
    told = small("add", f"{VIDEO}.csv", f"{VIDEO}_log.json", expect=3)
    assert (told["delivered"], told["refused"]) == (4, 2)
    first, other = BEGAN + timedelta(seconds=12), BEGAN + timedelta(minutes=9)
    assert small.logs() == {(first, "TCNU897179"), (other, "MSKU907032")}
    assert small.count() == 4
    again = small("add", f"{VIDEO}.csv", f"{VIDEO}_log.json", expect=3)
    assert (again["put"], again["known"], small.count()) == (0, 4, 4)


def test_a_sheet_lands_like_its_list(small: Gate) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["시간", "owner", "number"])
    book.active.append([timedelta(seconds=12), "TCNU", 897179])
    book.active.append(["0:09:00", "MSKU", "907032"])
    book.active.append(["0:09:30", "TCNU", 1234])
    book.save(small.folder / f"{VIDEO}.xlsx")
    told = small("add", f"{VIDEO}.xlsx")
    assert (told["delivered"], told["unusual"]) == (3, 1)
    assert {number for _at, number in small.logs()} == {"TCNU897179", "MSKU907032", "TCNU001234"}


def test_a_name_without_epoch_needs_a_zone_and_one_with_both_is_compared(small: Gate) -> None:
    (small.folder / "Gate-20250214-100249.csv").write_text(LIST)
    told = small("add", "Gate-20250214-100249.csv", expect=3)
    assert (told["put"], told["refused"], told["problems"][0]["reason"]) == (0, 4, "no start")
    small("add", "Gate-20250214-100249.csv", "--zone", "Asia/Seoul", expect=3)
    assert min(at for at, _number in small.logs()) == datetime(2025, 2, 14, 1, 3, 1, tzinfo=UTC)
    (small.folder / f"{VIDEO}.csv").write_text(LIST)
    small("add", f"{VIDEO}.csv", "--zone", "Asia/Seoul", expect=3)
    notes = {note for (note,) in small.target.ask("SELECT notes FROM container_logs_readings WHERE notes IS NOT NULL")}
    assert notes == {"the name says 2025-02-14 10:02:49, its epoch is 2025-02-15 02:02:49 in Asia/Seoul"}


def test_what_cannot_be_delivered_waits_and_replay_delivers_it_by_the_same_rule(gate: Gate) -> None:
    if gate.target.name == "sqlite":
        url = f"sqlite:///{gate.folder / 'away' / 'gate.db'}"
    else:
        url = f"{gate.target.place.url.partition('//')[0]}//someone@127.0.0.1:{free_port()}/away"
    seen = traffic(3, 120, 5)
    gate.settings(url)
    told = gate("add", gate.write(shuffled(seen, 4)), expect=None)
    assert (told["exit_code"], told["put"], told["delivered"], told["waiting"]) == (
        (13, 120, 0, 120) if gate.target.name != "sqlite" else (4, 120, 0, 120)
    )
    gate.settings()
    gate.recon("queue", "replay", env=gate.env)
    assert gate.logs() == logs(seen)
    gate.recon("queue", "verify")


def test_later_only_puts_and_resend_sends_again_what_the_target_lost(small: Gate) -> None:
    path = small.write([Seen(START, "TCNU897179")])
    assert small("add", path, "--later")["waiting"] == 1
    assert not small.logs()
    small("add", path)
    assert len(small.logs()) == 1
    small.target.ask("DELETE FROM container_logs")
    small.target.ask("DELETE FROM container_logs_readings")
    assert small("add", path)["known"] == 1
    assert not small.logs()
    assert small("add", path, "--resend")["delivered"] == 1
    assert len(small.logs()) == 1


def test_a_dry_run_puts_nothing(small: Gate) -> None:
    told = small("add", small.write(traffic(5, 20, 3)), "UNKNOWN", "--dry-run", expect=3)
    assert (told["put"], told["refused"]) == (20, 1)
    assert not small.count()
    assert not (small.folder / "state" / "queue.db").exists()


def test_lines_are_taken_as_they_come_and_each_is_in_the_table_before_the_writer_is_done(small: Gate) -> None:
    seen = traffic(6, 30, 3)
    argv = small.recon.argv("record", "add", "-", "--records", "gate", "--json")
    with subprocess.Popen(
        argv, cwd=small.folder, env=small.recon.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write("".join(f"{one.line()}\n" for one in seen[:10]).encode())
        process.stdin.flush()
        while small.count() < 10:
            assert process.poll() is None
        process.stdin.write(b"garbage\n" + "".join(f"{one.line()}\n" for one in seen[10:]).encode())
        process.stdin.close()
        assert process.stdout is not None
        told = json.loads(process.stdout.read())
    assert (process.returncode, told["put"], told["refused"]) == (3, 30, 1)
    assert small.logs() == logs(seen)


def test_a_folder_of_lists_is_kept_in_step_by_sync(small: Gate) -> None:
    (small.folder / "cameras" / "gate1").mkdir(parents=True)
    path = small.folder / "cameras" / "gate1" / f"{VIDEO}.csv"
    path.write_text(LIST)
    words = ("sync", "--system", "containers", "--from", small.folder / "cameras", "--to", "target", "--once", "--json")
    told = json.loads(small.recon(*words, expect=3).out)
    assert (told["put"], told["delivered"], told["refused"]) == (1, 1, 1)
    assert told["problems"][0]["reason"] == "not read"
    path.write_text(f"{LIST}0:20:00,TCNU,897179\n")
    (small.folder / "cameras" / "broken.xlsx").write_bytes(b"PK\x03\x04 no sheet")
    told = json.loads(small.recon(*words, expect=None).out)
    assert (told["put"], told["delivered"]) == (1, 1)
    assert len(small.logs()) == 3
    assert small.count() == 4
    verify = (
        "sync",
        "verify",
        "--system",
        "containers",
        "--from",
        small.folder / "cameras",
        "--to",
        "target",
        "--json",
    )
    assert json.loads(small.recon(*verify, expect=None).out)["agree"]


def test_a_file_that_is_not_there_or_no_list_is_told_and_the_others_are_taken(small: Gate, tmp_path: Path) -> None:
    (small.folder / "half.json").write_text('[{"id": "TCNU 897179"')
    told = small("add", "gone.csv", "half.json", small.write(traffic(7, 3, 1)), expect=3)
    assert (told["put"], told["unread"]) == (3, 2)
    assert {one["item"]: one["reason"] for one in told["problems"]} == {
        "gone.csv": "cannot be read",
        "half.json": "no JSON",
    }
