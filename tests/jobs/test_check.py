"""check: what it calls drift, what it does not dare to say, what it remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from recon_cli.core.errors import ExitCode, GuardError, NotFoundError
from recon_cli.core.report import Report
from recon_cli.files.base import FileRef
from recon_cli.files.memory import MemoryStore as Files
from recon_cli.jobs.check import CheckRequest, check, drawn
from recon_cli.jobs.history import History, open_history
from tests.jobs.workshop import IDS, Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    made.plant(*IDS)
    made.apply(made.plan())
    return made


def checked(shop: Workshop, request: CheckRequest | None = None) -> Report:
    shop.clock.moment += timedelta(hours=1)
    with shop.state() as state, open_history(shop.folder, "files", "rows", "models") as history:
        return check(shop.viewer, shop.files, shop.rows, state, history, request or CheckRequest(), shop.clock)


def test_what_was_recovered_agrees(shop: Workshop) -> None:
    assert checked(shop).exit_code is ExitCode.DONE


def test_files_without_a_row_are_drift_even_if_the_store_was_not_listed_completely(shop: Workshop) -> None:
    shop.plant("f" * 32)
    shop.deny("elsewhere")
    report = checked(shop)
    assert (report.exit_code, report.body["orphans"]) == (ExitCode.DRIFT, 1)


def test_a_missing_folder_is_not_claimed_of_an_incomplete_store(shop: Workshop) -> None:
    shop.uproot(IDS[0])
    assert checked(shop).body["missing"] == 1
    shop.deny("elsewhere")
    report = checked(shop)
    assert (report.body["missing"], report.exit_code) == (0, ExitCode.PARTIAL)


def test_an_empty_store_is_offline_and_leaves_no_trace_in_the_history(shop: Workshop) -> None:
    checked(shop)
    shop.uproot(*IDS)
    with pytest.raises(GuardError, match="offline"):
        checked(shop)
    with open_history(shop.folder, "files", "rows", "models") as history:
        assert len(history.latest()) == 1


def test_an_alarm_compares_with_the_last_check_that_raised_none(shop: Workshop) -> None:
    request = CheckRequest(max_drop=0.1)
    checked(shop, request)
    shop.uproot(*IDS[:2])
    assert checked(shop, request).exit_code is ExitCode.GUARD
    assert checked(shop, request).exit_code is ExitCode.GUARD
    assert checked(shop, replace(request, accept=True)).exit_code is ExitCode.DRIFT
    assert checked(shop, request).exit_code is ExitCode.DRIFT


def test_a_file_that_vanishes_while_it_is_hashed_is_one_finding_not_the_end(shop: Workshop) -> None:
    class Vanishing(Files):
        def read(self, ref: FileRef, *, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
            if ref == f"files/{IDS[0]}/model.obj":
                raise NotFoundError("no such file")
            return super().read(ref, offset=offset, size_bytes=size_bytes)

    vanishing = Vanishing()
    vanishing._nodes = shop.files._nodes
    shop.files = vanishing
    report = checked(shop, CheckRequest(hashes=True))
    assert (report.exit_code, report.body["missing"]) == (ExitCode.DRIFT, 1)


def test_the_history_is_drawn_with_a_bar_for_each_check(shop: Workshop) -> None:
    checked(shop)
    checked(shop)
    with open_history(shop.folder, "files", "rows", "models") as history:
        rows = list(drawn(history).tables[0].rows)
    assert len(rows) == 2
    assert str(rows[0][-1]).startswith("█")


def test_a_hash_learnt_once_is_kept_as_long_as_the_size_stays(tmp_path: Path, shop: Workshop) -> None:
    with open_history(tmp_path, "a", "b", "c") as history:
        assert isinstance(history, History)
        (entry,) = [shop.files.stat(f"files/{IDS[0]}/model.obj")]
        history.accept([(entry, "abc")])
        history.accept([(entry, None)])
        known = history.accepted(entry.path)
        assert known is not None
        assert known.sha256 == "abc"
        history.accept([(replace(entry, size_bytes=1), None)])
        known = history.accepted(entry.path)
        assert known is not None
        assert known.sha256 is None
