"""The twin is what was measured, and the parser reads all of it; and the sums that decided the key."""

from __future__ import annotations

import random
from pathlib import Path

from recon_cli.demo import twin_sessions as twin
from recon_cli.systems.gfx import registry
from recon_cli.systems.gfx.names import REGISTRY, is_export
from recon_cli.systems.gfx.parse import Session, parse
from recon_cli.systems.gfx.rows import Observation, owner, session_row


def parsed() -> list[tuple[twin.Export, Session]]:
    found = [(one, parse(one.raw, one.path)) for one in twin.exports()]
    return [(one, got) for one, got in found if isinstance(got, Session)]


def test_the_twin_has_the_sums_that_were_measured() -> None:
    exports = twin.exports()
    contents = {one.raw: one for one in exports}
    assert (len(exports), len(contents)) == (twin.FILES, twin.CONTENTS)
    assert len({one.session_id for one in exports}) == twin.SESSIONS
    assert sum(one.hands for one in contents.values()) == twin.HANDS
    assert sum(one.hands for one in exports) == 1559
    sizes = [len(one.raw) for one in exports]
    assert (min(sizes), max(sizes)) == (twin.SMALLEST_BYTES, twin.LARGEST_BYTES)
    assert len({one.path for one in exports}) == twin.FILES
    grown = [
        [one.hands for one in exports if one.session_id == identity]
        for identity in (twin.GROWS_FROM_ONE, twin.GROWS_FROM_SIX)
    ]
    assert grown == [[1, 2, 82], [6, 130]]


def test_every_export_is_read_and_five_are_told_to_hold_a_hand_number_twice() -> None:
    found = parsed()
    assert len(found) == twin.FILES
    for export, session in found:
        assert (session.session_id, session.hands.hand_count) == (export.session_id, export.hands)
        assert session.raw is export.raw
    told = [one.reason for _, session in found for one in session.problems]
    assert told == ["a HandNum stands twice"] * 5


def test_only_the_content_as_key_loses_nothing_in_any_order() -> None:
    found = [session for _, session in parsed()]
    for seed in range(5):
        order = random.Random(seed).sample(found, len(found))
        by_content = {one.file_hash: one.hands.hand_count for one in order}
        assert (len(by_content), sum(by_content.values())) == (twin.CONTENTS, twin.HANDS)
    older_last = sorted(found, key=lambda one: -one.hands.hand_count)
    by_session = {one.session_id: one.hands.hand_count for one in older_last}
    assert (len(by_session), sum(by_session.values())) == (24, 1296), "205 hands silently lost, as measured"
    fullest = {one.session_id: one.hands.hand_count for one in reversed(older_last)}
    assert sum(fullest.values()) == twin.LATEST_HANDS


def test_the_same_files_in_any_order_end_in_the_same_rows() -> None:
    ends = []
    for seed in range(3):
        seen: dict[str, list[Observation]] = {}
        sessions = {}
        for export, session in random.Random(seed).sample(parsed(), twin.FILES):
            sessions[session.file_hash] = session
            seen.setdefault(session.file_hash, []).append(Observation.of(export.pc, export.path, session.file_hash))
        ends.append({key: dict(session_row(sessions[key], owner(places)).values) for key, places in seen.items()})
    assert ends[0] == ends[1] == ends[2]
    assert len(ends[0]) == twin.CONTENTS


def test_the_nas_as_it_lies_on_disk_gives_each_export_to_its_pc(tmp_path: Path) -> None:
    twin.write(tmp_path)
    pcs = registry.parse((tmp_path / REGISTRY).read_bytes())
    wanted = is_export()
    paths = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    owners = {path: found.id for path in paths if wanted(path) and (found := pcs.pc_of(path))}
    assert owners == {one.path: one.pc for one in twin.exports()}
