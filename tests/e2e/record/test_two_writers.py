"""Two writers at once, readings out of order and twice, a target that is cut: exactly the rows of the rule."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.gate import Gate, Seen, logs, shuffled, traffic
from tests.support.proxy import Proxy
from tests.support.recon import in_folder
from tests.support.targets import PostgresTarget

pytestmark = pytest.mark.slow

READINGS = 10_000
SEEN = traffic(31, READINGS, 150)


def gates(gate: Gate, tmp_path: Path, number: int, url: str = "") -> list[Gate]:
    """Machines, each with a queue of its own and the same target."""
    made = []
    for n in range(number):
        folder = tmp_path / f"machine{n}"
        folder.mkdir()
        made.append(Gate(in_folder(folder), gate.target))
        made[-1].settings(url)
    return made


def start(gate: Gate, seen: Sequence[Seen]) -> subprocess.Popen[bytes]:
    path = gate.write(seen)
    argv = gate.recon.argv("record", "add", path, "--records", "gate", "--json")
    env = {**gate.recon.env, **gate.env}
    return subprocess.Popen(argv, cwd=gate.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_two_writers_with_ten_thousand_readings_out_of_order_end_in_exactly_the_rows_of_the_rule(
    shared: Gate, tmp_path: Path
) -> None:
    given = shuffled(SEEN, 32, twice=2000)
    parts = (given[0::2], given[1::2])
    writers = [start(one, part) for one, part in zip(gates(shared, tmp_path, 2), parts, strict=True)]
    for process in writers:
        out, err = process.communicate(timeout=400)
        assert process.returncode == 0, err
        assert json.loads(out)["waiting"] == 0
    assert shared.count() == READINGS
    assert shared.logs() == logs(SEEN)


def test_a_target_that_is_cut_in_the_middle_loses_nothing(pg: PostgresTarget, tmp_path: Path) -> None:
    gate = Gate(in_folder(tmp_path), pg)
    gate.init("--partition", "month")
    seen = traffic(33, 3000, 40)
    given = shuffled(seen, 34, twice=300)
    host = pg.url.partition("@")[2].partition("/")[0]
    with Proxy(int(host.partition(":")[2])) as proxy:
        machines = gates(gate, tmp_path, 2, pg.url.replace(host, f"127.0.0.1:{proxy.port}"))
        proxy.cut_after(150_000, times=4)
        writers = [start(one, part) for one, part in zip(machines, (given[0::2], given[1::2]), strict=True)]
        codes = []
        for process in writers:
            process.communicate(timeout=300)
            codes.append(process.returncode)
        assert set(codes) <= {0, 3, 13}
    for one in machines:
        one.settings()
        one.recon("queue", "replay", env=one.env)
        one.recon("queue", "verify")
    assert gate.count() == len(seen)
    assert gate.logs() == logs(seen)


@pytest.mark.parametrize("kills", [3])
def test_a_writer_that_is_killed_again_and_again_loses_nothing_that_it_had_taken(shared: Gate, kills: int) -> None:
    seen = traffic(35, 2500, 30)
    given = shuffled(seen, 36)
    for _ in range(kills):
        before = shared.count()
        process = start(shared, given)
        while shared.count() <= before and process.poll() is None:
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    process = start(shared, given)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, (out, err)
    shared.recon("queue", "replay", env=shared.env)
    shared.recon("queue", "verify")
    assert shared.count() == len(seen)
    assert shared.logs() == logs(seen)
