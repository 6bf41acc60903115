"""recover and apply: what is planned, what is refused, what a second run does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from recon_cli.core.errors import DataError, GuardError
from recon_cli.core.plan import ChangeKind
from recon_cli.jobs import apply as applying
from recon_cli.jobs import planfile, runs
from recon_cli.jobs.recover import RecoverRequest
from tests.jobs.workshop import IDS, Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    made.plant(*IDS)
    return made


def test_rows_come_back_once(shop: Workshop) -> None:
    shop.apply(shop.plan())
    assert shop.ids() == set(IDS)
    assert shop.plan().changes == ()


def test_a_plan_is_the_same_after_a_file_lay_between(shop: Workshop) -> None:
    plan = shop.plan()
    (shop.folder / "plan.json").write_bytes(plan.text())
    read = planfile.read(shop.folder / "plan.json")
    assert read == plan
    assert read.digest() == plan.digest()


@pytest.mark.parametrize("cut", [2, 100, 1000])
def test_a_cut_plan_is_data_that_cannot_be_read(shop: Workshop, cut: int) -> None:
    path = shop.folder / "plan.json"
    path.write_bytes(shop.plan().text()[:-cut])
    with pytest.raises(DataError):
        planfile.read(path)


def test_a_plan_of_another_version_is_refused(shop: Workshop) -> None:
    document = json.loads(shop.plan().text())
    with pytest.raises(DataError, match="not a plan of this version"):
        planfile.load({**document, "schema": "recon.plan/2"}, "plan.json")


def test_one_missing_folder_is_marked_and_the_mark_goes_when_it_returns(shop: Workshop) -> None:
    shop.apply(shop.plan())
    shop.uproot(IDS[0])
    shop.apply(shop.plan(), "bbbbbb")
    assert shop.marked() == {IDS[0]}
    assert IDS[0] in shop.ids()
    assert shop.plan().changes == (), "marking twice changes nothing"
    shop.plant(IDS[0])
    (change,) = shop.plan().changes
    assert (change.kind, change.table) == (ChangeKind.DELETE, "recon_marks")


def test_a_denied_folder_anywhere_means_that_nothing_is_called_missing(shop: Workshop) -> None:
    shop.apply(shop.plan())
    shop.uproot(IDS[0])
    shop.deny("elsewhere")
    with pytest.raises(GuardError, match="refused to mark"):
        shop.plan()
    assert shop.plan(RecoverRequest(mark_missing=False)).changes == ()


@pytest.mark.parametrize(
    ("gone", "share", "refused"), [(3, 0.5, False), (4, 0.5, True), (4, 0.7, False), (6, 1.0, True)]
)
def test_more_than_the_allowed_share_or_everything_is_refused(
    shop: Workshop, gone: int, share: float, *, refused: bool
) -> None:
    shop.apply(shop.plan())
    shop.uproot(*IDS[:gone])
    request = RecoverRequest(max_missing=share)
    if refused:
        with pytest.raises(GuardError):
            shop.plan(request)
    else:
        assert shop.plan(request).count(ChangeKind.CREATE) == gone


def test_a_target_that_moved_on_is_refused_and_nothing_is_written(shop: Workshop) -> None:
    plan = shop.plan()
    shop.apply(replace(plan, changes=plan.changes[:1]), "other1")
    with pytest.raises(GuardError) as refused:
        shop.apply(plan)
    assert refused.value.hint
    assert len(shop.ids()) == 1


def test_a_run_cut_between_commit_and_status_is_recognised(shop: Workshop) -> None:
    plan = shop.plan()
    run = shop.apply(plan)
    assert run is not None
    (run.folder / "status.json").unlink()
    assert run.state == "prepared"
    again = shop.apply(plan, "bbbbbb")
    assert again == run
    assert run.state == "applied"


def test_a_run_cut_before_the_commit_is_simply_done_again(shop: Workshop) -> None:
    plan = shop.plan()
    half = runs.start(shop.folder, plan, shop.clock.now(), "half00")
    run = shop.apply(plan)
    assert run is not None
    assert run != half
    assert shop.ids() == set(IDS)


def test_an_undo_is_repeatable_and_refused_once_rows_have_changed(shop: Workshop) -> None:
    run = shop.apply(shop.plan())
    assert run is not None
    applying.undo(run, shop.rows, shop.folder, shop.clock)
    applying.undo(run, shop.rows, shop.folder, shop.clock)
    assert shop.ids() == set()
    second = shop.apply(shop.plan(), "second")
    assert second is not None
    shop.write(f"files/{IDS[0]}/model.obj", "mtllib 260101_Other_2.0m.mtl\n")
    shop.apply(shop.plan(RecoverRequest(take=frozenset({"name"}))), "third")
    with pytest.raises(GuardError):
        applying.undo(second, shop.rows, shop.folder, shop.clock)


def test_the_runs_are_listed_the_newest_first(shop: Workshop) -> None:
    run = shop.apply(shop.plan())
    assert run is not None
    report = applying.history(shop.folder)
    assert [row["run"] for row in report.body["runs"]] == [run.id]  # type: ignore[union-attr, call-overload, index]  # JSON
    assert runs.find(shop.folder, run.id[:10]) == run
