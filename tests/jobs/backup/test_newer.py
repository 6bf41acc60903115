"""Snapshots of a newer format version, or from the future: an older recon leaves them alone and goes on beside them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from recon_cli.core.retention import Policy
from recon_cli.jobs.backup.destination import Destination
from recon_cli.jobs.backup.listing import listed, pruned
from recon_cli.snapshot.manifest import FORMAT, NAME, NewerFormatError
from tests.jobs.backup.made import FIRST, content, day, publish, rows
from tests.jobs.backup.recipes import opened, recipe
from tests.support.outboxes import FakeClock
from tests.support.system import require

Made = Callable[[Path, str], Destination]
NEXT = "recon.snapshot/3"
LATER = FIRST + timedelta(days=10)
RULE = Policy(last=1)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))


def of_the_next_version(manifest: bytes) -> bytes:
    """A manifest as every version of the format begins and ends it."""
    head = manifest[: manifest.rindex(b",\n")].replace(FORMAT.encode(), NEXT.encode())
    return head + b',\n "sha256": "%s"\n}\n' % hashlib.sha256(head).hexdigest().encode()


def folder(root: Path, name: str) -> Destination:
    """A folder of snapshots in which a newer recon wrote the one of that name."""
    there = opened(recipe(str(root)))
    publish(there, rows(300, "theirs"), name)
    path = root / name / NAME
    path.write_bytes(of_the_next_version(path.read_bytes()))
    return there


def archives(root: Path, name: str) -> Destination:
    """The same as archives; this machine did not write it, and remembers nothing."""
    publish(opened(recipe(str(root), archive=True)), rows(300, "theirs"), name)
    path = root / f"{name}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": NEXT}))
    return opened(recipe(str(root), archive=True))


@pytest.mark.parametrize("made", [folder, archives])
def test_a_newer_format_is_named_is_no_fault_and_outlives_every_rule(made: Made, tmp_path: Path) -> None:
    there = made(tmp_path / "kept", day(0))
    for number in (1, 2, 3):
        publish(there, rows(300, str(number)), day(number))
    held = there.held()
    assert [(one.newer, one.fault) for one in held] == [(NEXT, ""), ("", ""), ("", ""), ("", "")]
    report = pruned(there, RULE, FakeClock(LATER), dry=False)
    assert report.body["removed"] == 2
    assert [one.name for one in there.held()] == [day(0), day(3)]
    with pytest.raises(NewerFormatError, match="newer than this recon"), there.open(day(0)):
        pass


@pytest.mark.parametrize("made", [folder, archives])
def test_behind_a_newer_format_saving_goes_on_and_opening_the_latest_says_what_to_do(
    made: Made, tmp_path: Path
) -> None:
    there = made(tmp_path / "kept", day(2))
    publish(there, rows(300, "ours"), day(1))
    known = there.latest()
    assert known is not None
    assert known.tables[0].rows == 300
    with pytest.raises(NewerFormatError) as caught, there.open():
        pass
    assert "update recon" in (caught.value.hint or "")
    publish(there, rows(300, "today"), day(3))
    assert content(there) == rows(300, "today")
    states = [row[-1] for row in listed(there, FakeClock(LATER)).tables[0].rows]
    assert states == ["good", f"of the format {NEXT}: update recon", "latest"]


def test_commits_tell_their_format_and_the_last_readable_one_is_compared_with(tmp_path: Path) -> None:
    require("git", "git")
    repo = tmp_path / "repo"
    there = opened(recipe(f"git:{repo}#kept"))
    ours = publish(there, rows(300, "ours"), day(0))
    path = repo / "kept" / NAME
    path.write_bytes(of_the_next_version(path.read_bytes()))
    message = f"theirs\n\nRecon-Snapshot: {day(1)}\nRecon-Format: {NEXT}\n"
    who = ["-c", "user.name=Kim", "-c", "user.email=kim@example.org"]
    subprocess.run(["git", "-C", str(repo), *who, "commit", "-q", "-a", "-m", message], check=True)
    assert [one.newer for one in there.held()] == ["", NEXT]
    known = there.latest()
    assert known is not None
    assert known.tables[0].rows == 300
    with pytest.raises(NewerFormatError), there.open():
        pass
    assert content(there, ours.name) == rows(300, "ours")


def test_names_from_the_future_are_warned_about_wherever_they_are_seen(tmp_path: Path) -> None:
    there = opened(recipe(str(tmp_path / "kept")))
    for number in (0, 1, 30):
        publish(there, rows(), day(number))
    clock = FakeClock(LATER)
    for report in (listed(there, clock), pruned(there, RULE, clock, dry=True), pruned(there, RULE, clock, dry=False)):
        (warned,) = report.problems
        assert (warned.item, warned.reason) == (day(30), "made in the future")
    assert [one.name for one in there.held()] == [day(1), day(30)]
