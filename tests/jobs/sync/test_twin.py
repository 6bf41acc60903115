"""The twin of the 28 exports, in any order and from two PCs, ends in the same rows of every target."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from recon_cli.demo import twin_sessions as twin
from tests.support.recon import Recon
from tests.support.targets import RestTarget, Target

pytestmark = pytest.mark.slow

QUICK = "[syncs.gfx]\nsystem = 'gfx'\nfrom = './nas'\nto = 'target'\nsettle_s = 0.05\n"


def configured(recon: Recon, target: Target, more: str = "") -> None:
    """A recon.toml with a sync called `gfx`."""
    text = f"version = 1\n[stores.target]\nurl = '{target.place.url}'\ntimeout_s = 10\n{QUICK}{more}"
    (recon.folder / "recon.toml").write_text(text)


def sync(recon: Recon, target: Target, *words: str, expect: int | None = 0) -> Any:
    """One run; its document."""
    password = {"RECON_STORES_TARGET_PASSWORD": next(iter(target.env.values()), "")}
    done = recon("sync", *words, "--json", expect=expect, env=password)
    return json.loads(done.out) if done.out else done.err


def init(recon: Recon, target: Target) -> None:
    """The tables, as an operator makes them: by `init`, or from the SQL that it prints."""
    document = sync(recon, target, "init", "gfx")
    if isinstance(target, RestTarget):
        assert not document["changed"]
        target.make(*[one for one in document["sql"] if not one.startswith("NOTIFY")])


def test_the_twin_in_any_order_is_27_contents_1510_hands_and_24_sessions(recon: Recon, target: Target) -> None:
    configured(recon, target)
    init(recon, target)
    twin.write(recon.folder / "whole")
    exports = random.Random(target.name).sample(twin.exports(), twin.FILES)
    shutil.copytree(recon.folder / "whole" / "config", recon.folder / "nas" / "config")
    delivered = 0
    for some in (exports[:9], exports[9:10], exports[10:]):
        for export in some:
            path = recon.folder / "nas" / export.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(export.raw)
        for pc in ("PC01", "PC02"):
            (recon.folder / "nas" / pc / "hands").mkdir(parents=True, exist_ok=True)
        delivered += sync(recon, target, "gfx", "--once")["delivered"]
    assert delivered == twin.FILES
    assert whole(target) == WHOLE
    assert sync(recon, target, "gfx", "--once")["delivered"] == 0
    told = sync(recon, target, "verify", "gfx", "--content")
    assert told["agree"]
    main, seen = told["tables"]
    assert main["sums"] == {"hand_count": {"files": twin.HANDS, "target": twin.HANDS}}
    assert (main["expected"], main["found"], main["others"]) == (twin.CONTENTS, twin.CONTENTS, 0)
    assert (seen["expected"], seen["found"]) == (twin.FILES, twin.FILES)
    assert recon("queue", "verify", "--json").document["accounts"]["acked"] == twin.FILES


WHOLE = {
    "rows": (twin.CONTENTS, twin.HANDS, twin.SESSIONS),
    "latest": (twin.SESSIONS, twin.LATEST_HANDS),
    "seen": (twin.FILES,),
    "owner": ("PC01",),
    "exact": (1,),
}


def whole(target: Target) -> dict[str, tuple[Any, ...]]:
    """What an operator counts in the target."""
    exact = f"SELECT count(*) FROM gfx_sessions WHERE session_id = {twin.GROWS_FROM_SIX} AND hand_count = 130"  # noqa: S608  numbers of ours
    asked = {
        "rows": "SELECT count(*), sum(hand_count), count(DISTINCT session_id) FROM gfx_sessions",
        "latest": "SELECT count(*), sum(hand_count) FROM gfx_sessions_latest",
        "seen": "SELECT count(*) FROM gfx_sessions_observations",
        "owner": f"SELECT gfx_pc_id FROM gfx_sessions WHERE session_id = {twin.TWICE}",  # noqa: S608  same
        "exact": exact,
    }
    return {name: tuple(map(_plain, target.ask(sql)[0])) for name, sql in asked.items()}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else int(value)


@pytest.mark.parametrize("swapped", [False, True], ids=["PC01 first", "PC02 first"])
def test_whoever_comes_first_the_row_of_a_content_names_the_same_pc(
    recon: Recon,
    target: Target,
    swapped: bool,  # noqa: FBT001  pytest gives it
) -> None:
    configured(recon, target)
    init(recon, target)
    twice = [one for one in twin.exports() if one.session_id == twin.TWICE]
    for export in reversed(twice) if swapped else twice:
        path = recon.folder / "nas" / export.path
        path.parent.mkdir(parents=True)
        path.write_bytes(export.raw)
        assert sync(recon, target, "gfx", "--once", expect=None)["delivered"] == 1
    asked = "SELECT gfx_pc_id, nas_path, hand_count FROM gfx_sessions"
    assert target.ask(asked) == [(twice[0].pc, twice[0].path, 49)]
    assert len(target.ask("SELECT * FROM gfx_sessions_observations")) == 2


def test_the_document_is_the_file(recon: Recon, target: Target) -> None:
    configured(recon, target)
    init(recon, target)
    export = max(twin.exports(), key=lambda one: len(one.raw))
    path = Path(recon.folder, "nas", export.path)
    path.parent.mkdir(parents=True)
    path.write_bytes(export.raw)
    sync(recon, target, "gfx", "--once")
    ((kept,),) = target.ask("SELECT raw_json FROM gfx_sessions")
    if isinstance(kept, str):
        assert kept.encode() == export.raw
    else:
        assert kept == json.loads(export.raw)


def test_verify_finds_a_row_that_is_gone_and_one_that_is_changed_and_resend_mends_it(
    recon: Recon, target: Target
) -> None:
    configured(recon, target)
    init(recon, target)
    for export in twin.exports()[7:12]:
        path = recon.folder / "nas" / export.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(export.raw)
    sync(recon, target, "gfx", "--once")
    gone, changed, swapped = twin.exports()[7:10]
    target.ask(f"DELETE FROM gfx_sessions WHERE session_id = {gone.session_id}")  # noqa: S608  a number of ours
    target.ask(f"UPDATE gfx_sessions SET hand_count = 77 WHERE session_id = {changed.session_id}")  # noqa: S608  same
    document = f"UPDATE gfx_sessions SET raw_json = '{{}}' WHERE session_id = {swapped.session_id}"  # noqa: S608  same
    target.ask(document)
    told = sync(recon, target, "verify", "gfx", expect=4)
    assert [(one["missing"], one["different"]) for one in told["tables"]] == [(1, 1), (0, 0)]
    assert any("hand_count is '77'" in one.get("detail", "") for one in told["problems"])
    told = sync(recon, target, "verify", "gfx", "--content", expect=4)
    assert told["tables"][0]["different"] == 2, told["problems"]
    assert sync(recon, target, "gfx", "--once", "--resend")["delivered"] == 5
    assert sync(recon, target, "verify", "gfx", expect=4)["tables"][0]["missing"] == 0
