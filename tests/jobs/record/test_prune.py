"""`recon record prune`: into an archive that was read back, and only then out of the table."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import zstandard

from recon_cli.core.errors import DataError
from recon_cli.jobs.record import archive
from recon_cli.jobs.record import prune as pruning
from recon_cli.jobs.record.archive import Packing
from recon_cli.stores.records.keepers import open_keeper
from recon_cli.systems.containers.feed import ContainersFeed
from tests.support.gate import START, Gate, logs, shuffled, traffic

SEEN = traffic(21, 500, 14)
BEFORE = START + timedelta(days=1, hours=12)
KEPT = pruning.kept_of(ContainersFeed())


@pytest.fixture
def filled(gate: Gate) -> Gate:
    if gate.target.name == "rest":
        pytest.skip("nothing is pruned over REST")
    return fill(gate)


def fill(gate: Gate) -> Gate:
    gate("add", gate.write(shuffled(SEEN, 22)))
    (gate.folder / "archive").mkdir()
    return gate


def prune(gate: Gate, *words: str, before: datetime = BEFORE, expect: int = 0) -> Any:
    return gate("prune", "--older-than", before.isoformat(), "--archive-to", "archive", *words, expect=expect)


def archived(gate: Gate) -> list[Any]:
    lines: list[Any] = []
    for path in sorted((gate.folder / "archive").iterdir()):
        raw = path.read_bytes()
        text = zstandard.ZstdDecompressor().decompressobj().decompress(raw) if path.suffix == ".zst" else raw
        lines += map(json.loads, text.splitlines())
    return lines


def numbers(gate: Gate) -> set[tuple[datetime, str]]:
    """The logs that the archives hold."""
    rows = [line["row"] for line in archived(gate) if line.get("table") == "container_logs"]
    return {(moment(row["captured_at"]), f"{row['container_owner']}{row['container_number']}") for row in rows}


def moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def test_old_logs_go_with_their_readings_and_what_stays_stands_as_it_stood(gate: Gate) -> None:
    if gate.target.name == "rest":
        fill(gate)
        assert "postgresql://" in prune(gate, expect=5)
        return
    fill(gate)
    wanted = logs(SEEN)
    old = {one for one in wanted if one[0] < BEFORE}
    assert prune(gate, "--dry-run")["records"] == len(old)
    assert gate.logs() == wanted
    told = prune(gate)
    assert (told["archived"], told["deleted"]) == (len(old), len(old))
    assert gate.logs() == wanted - old
    assert numbers(gate) == old
    rows = sum(line.get("table") == "container_logs_readings" for line in archived(gate))
    assert rows + gate.count() == len(SEEN)
    again = prune(gate)
    assert (again["archive"], again["archived"]) == (None, 0)
    gate("add", gate.folder / "seen.jsonl", "--resend")
    assert gate.logs() == wanted


def test_what_an_archive_holds_comes_back_by_adding_its_lines(small: Gate) -> None:
    fill(small)
    told = prune(small, "--compress", "none")
    assert small.logs() != logs(SEEN)
    small("add", told["archive"], "--resend")
    assert small.logs() == logs(SEEN)


@pytest.mark.parametrize("packing", list(Packing))
def test_an_archive_that_was_cut_on_the_disk_deletes_nothing(small: Gate, packing: Packing) -> None:
    fill(small)

    def step(name: str) -> None:
        if name == "read back":
            (path,) = (small.folder / "archive").iterdir()
            path.write_bytes(path.read_bytes()[:-200])

    now, folder = datetime.now(UTC), small.folder / "archive"
    with closing(open_keeper(small.target.place)) as keeper, pytest.raises(DataError):
        pruning.prune(keeper, KEPT, BEFORE, folder, packing, now=now, step=step)
    assert small.logs() == logs(SEEN)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.99])
def test_every_changed_byte_of_an_archive_is_noticed(small: Gate, cut: float) -> None:
    fill(small)
    path = small.folder / prune(small, "--compress", "none")["archive"]
    raw = bytearray(path.read_bytes())
    assert len(list(archive.read(path, KEPT))) > 0
    at = int(len(raw) * cut)
    raw[at] = raw[at] ^ 1
    path.write_bytes(raw)
    with pytest.raises(DataError):
        list(archive.read(path, KEPT))


def test_a_log_that_got_a_late_reading_meanwhile_stays_with_it(small: Gate) -> None:
    fill(small)
    at, name = min(logs(SEEN))

    def step(what: str) -> None:
        if what == "read back":
            late = f'{{"number": "{name}", "captured_at": "{(at + timedelta(seconds=1.5)).isoformat()}"}}\n'
            (small.folder / "late.jsonl").write_text(late)
            small("add", "late.jsonl")

    with closing(open_keeper(small.target.place)) as keeper:
        now = datetime.now(UTC)
        told = pruning.prune(keeper, KEPT, BEFORE, small.folder / "archive", Packing.ZSTD, now=now, step=step)
    assert told.body["archived"] == int(str(told.body["deleted"])) + 1
    assert min(small.logs()) == (at, name)
    assert prune(small)["deleted"] == 1


_KILLED = """
import os, signal, sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from recon_cli.core.place import Place
from recon_cli.jobs.record import prune
from recon_cli.jobs.record.archive import Packing
from recon_cli.stores.records.keepers import open_keeper
from recon_cli.systems.containers.feed import ContainersFeed

url, secret, before, folder, step, after = sys.argv[1:]
left = [int(after)]
prune._AT_ONCE = 40

def die(name):
    left[0] -= name == step
    if name == step and left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)

with closing(open_keeper(Place(url, secret=lambda: secret or None))) as keeper:
    kept = prune.kept_of(ContainersFeed())
    moment = datetime.fromisoformat(before)
    prune.prune(keeper, kept, moment, Path(folder), Packing.ZSTD, now=datetime.now().astimezone(), step=die)
"""


@pytest.mark.parametrize(
    ("step", "after"), [("archive", 0), ("read back", 0), ("drop", 0), ("delete", 0), ("delete", 1)]
)
def test_killed_at_any_step_no_log_is_lost(filled: Gate, step: str, after: int) -> None:
    wanted, folder = logs(SEEN), filled.folder / "archive"
    secret = filled.target.place.secret() or ""
    argv = [filled.target.place.url, secret, BEFORE.isoformat(), str(folder), step, str(after)]
    done = subprocess.run([sys.executable, "-c", _KILLED, *argv], env=filled.recon.env, check=False, timeout=120)
    assert done.returncode == -9
    assert filled.logs() | numbers(filled) == wanted
    prune(filled)
    assert filled.logs() == {one for one in wanted if one[0] >= BEFORE}
    assert filled.logs() | numbers(filled) == wanted


def test_whole_months_go_as_partitions_and_the_next_month_keeps_its_rows(monthly: Gate) -> None:
    fill(monthly)
    wanted, before = logs(SEEN), datetime(2026, 4, 1, 12, tzinfo=UTC)
    told = prune(monthly, before=before)
    assert told["dropped"] == ["2026_03"]
    old = {one for one in wanted if one[0] < before}
    assert told["deleted"] == len(old) == told["archived"]
    assert monthly.logs() == wanted - old
    assert numbers(monthly) == old
    assert monthly.target.ask("SELECT to_regclass('container_logs_p2026_03')") == [(None,)]


def test_a_partition_with_anything_else_in_it_is_not_dropped(monthly: Gate) -> None:
    fill(monthly)
    monthly.target.ask(
        "INSERT INTO container_logs_readings (id, captured_at, container_owner, container_number)"
        " VALUES (gen_random_uuid(), '2026-03-31 12:00+00', 'XXXU', '000001')"
    )
    before = datetime(2026, 4, 1, 12, tzinfo=UTC)
    told = prune(monthly, before=before)
    assert (told["dropped"], told["deleted"]) == ([], told["archived"])
    assert monthly.logs() == {one for one in logs(SEEN) if one[0] >= before}
    assert monthly.count("container_logs_readings_p2026_03") == 1
