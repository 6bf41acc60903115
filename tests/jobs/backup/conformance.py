"""What every destination keeps, whatever lies behind it. Each destination's tests subclass `DestinationConformance`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from recon_cli.core.errors import DataError, NotFoundError, ReconError, UsageError
from recon_cli.jobs.backup.destination import Destination, Run
from tests.jobs.backup.killed import publisher
from tests.jobs.backup.made import content, day, fill, publish, rows
from tests.jobs.backup.recipes import Recipe, opened


@dataclass(frozen=True)
class Kept:
    """A destination to test. `at_most` snapshots are held; `history` ones cannot be removed and skip what is equal."""

    recipe: Recipe
    at_most: int = 99
    history: bool = False
    kills: int = 12


class DestinationConformance:
    """The contract of `Destination`, as tests."""

    @pytest.fixture
    def kept(self) -> Kept:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def state(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))
        return tmp_path / "state"

    @pytest.fixture
    def there(self, kept: Kept) -> Iterator[Destination]:
        with closing(opened(kept.recipe)) as destination:
            yield destination

    def test_an_empty_place_holds_nothing_and_says_so(self, there: Destination) -> None:
        assert there.held() == ()
        assert there.latest() is None
        assert there.sweep() == ()
        with pytest.raises(NotFoundError), there.open():
            pass

    def test_what_was_published_comes_back_row_for_row(self, there: Destination, kept: Kept) -> None:
        done = publish(there, rows(), day(0), Run(1.5, "host", ("items: 300 added",)))
        with closing(opened(kept.recipe)) as fresh:
            (held,) = fresh.held()
            assert (held.name, held.fault) == (done.name, "")
            assert f"{held.made:%Y%m%dT%H%M%SZ}" == day(0)
            assert content(fresh) == content(fresh, done.name) == rows()
            latest = fresh.latest()
            assert latest is not None
            assert latest.tables[0].rows == 300

    def test_snapshots_are_listed_oldest_first_and_each_keeps_its_own_content(
        self, there: Destination, kept: Kept
    ) -> None:
        done = [publish(there, rows(300, f"of day {number}"), day(number)).name for number in range(3)]
        stay = range(3)[-kept.at_most :]
        assert [one.name for one in there.held()] == [done[number] for number in stay]
        for number in stay:
            assert content(there, done[number]) == rows(300, f"of day {number}")
        assert content(there) == rows(300, "of day 2")

    def test_equal_content_is_another_snapshot_or_plainly_none(self, there: Destination, kept: Kept) -> None:
        first = publish(there, rows(), day(0))
        second = publish(there, rows(), day(1))
        assert second.changed is not kept.history
        assert (second.name == first.name) is kept.history
        assert len(there.held()) == (1 if kept.history else min(2, kept.at_most))
        assert content(there, second.name) == rows()

    def test_a_name_that_is_taken_is_never_given_twice(self, there: Destination, kept: Kept) -> None:
        first = publish(there, rows(300, "one"), day(0))
        second = publish(there, rows(300, "two"), day(0))
        assert content(there, second.name) == rows(300, "two")
        if kept.at_most > 1:
            assert first.name != second.name
            assert content(there, first.name) == rows(300, "one")

    def test_what_is_staged_incompletely_is_refused_and_nothing_is_added(self, there: Destination) -> None:
        publish(there, rows(), day(0))
        before = there.held()
        with there.staging(day(1)) as folder:
            manifest = fill(folder, rows(300, "new"))
            (folder / next(iter(manifest.paths()))).unlink()
            with pytest.raises(DataError):
                there.publish(day(1), folder, manifest)
        assert there.held() == before
        assert content(there) == rows()

    def test_a_run_that_fails_before_publishing_leaves_nothing_behind(self, there: Destination) -> None:
        def fail() -> None:
            with there.staging(day(0)) as folder:
                fill(folder, rows())
                raise RuntimeError("the source broke")

        with pytest.raises(RuntimeError, match="the source broke"):
            fail()
        assert there.held() == ()
        assert there.sweep() == ()

    def test_an_empty_table_comes_back_empty(self, there: Destination) -> None:
        publish(there, rows(), day(0))
        publish(there, [], day(1))
        assert content(there) == []

    def test_removing_one_leaves_the_others_and_twice_is_no_error(self, there: Destination, kept: Kept) -> None:
        done = [publish(there, rows(300, str(number)), day(number)).name for number in range(3)]
        if kept.history:
            with pytest.raises(UsageError):
                there.remove(done[0])
            return
        gone = done[-1] if kept.at_most == 1 else done[1]
        there.remove(gone)
        there.remove(gone)
        stay = [name for name in done[-kept.at_most :] if name != gone]
        assert [one.name for one in there.held()] == stay
        assert all(not one.fault for one in there.held())
        assert there.sweep() == ()

    def test_a_name_that_is_none_opens_nothing(self, there: Destination) -> None:
        publish(there, rows())
        for name in ("20200101T000000Z", "../../etc", "--help", "", "no-such"):
            with pytest.raises(ReconError), there.open(name):
                pass

    def test_the_address_shows_no_secret(self, there: Destination, kept: Kept) -> None:
        assert there.url
        assert not kept.recipe["secret"] or kept.recipe["secret"] not in there.url

    def test_a_kill_between_any_two_steps_leaves_the_last_one_whole(self, kept: Kept, state: Path) -> None:
        with publisher(state) as program:
            lived, steps = program.run(kept.recipe, day(0), "first")
            assert lived
            assert steps > 0
            expected, number = "first", 1
            for step in sorted({round(1 + part * (steps - 1) / (kept.kills - 1)) for part in range(kept.kills)}):
                mark = f"killed at {step}"
                lived, _ = program.run(kept.recipe, day(number), mark, step=step)
                number += 1
                with closing(opened(kept.recipe)) as after:
                    found = content(after)
                    assert found in (rows(300, expected), rows(300, mark)), f"neither old nor new at step {step}"
                    expected = mark if found == rows(300, mark) else expected
                    after.sweep()
                    assert all(not one.fault for one in after.held()), f"a fault is left after step {step}"
                    assert content(after) == rows(300, expected)
            assert program.run(kept.recipe, day(number), "last")[0]
            with closing(opened(kept.recipe)) as after:
                assert content(after) == rows(300, "last")
                assert after.sweep() == ()

    def test_two_runs_at_once_lose_nothing(self, kept: Kept) -> None:
        marks = ["left", "right"]
        failed: list[BaseException] = []

        def run(mark: str) -> None:
            try:
                with closing(opened(kept.recipe)) as mine:
                    for number in range(3):
                        publish(mine, rows(300, f"{mark} {number}"), day(number))
            except BaseException as exc:  # noqa: BLE001  told by the test
                failed.append(exc)

        threads = [threading.Thread(target=run, args=(mark,)) for mark in marks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        with closing(opened(kept.recipe)) as after:
            held = after.held()
            assert all(not one.fault for one in held)
            found = [content(after, one.name) for one in held]
            wanted = [rows(300, f"{mark} {number}") for mark in marks for number in range(3)]
            assert all(one in wanted for one in found)
            if kept.at_most > 1:
                assert len(found) == 6
