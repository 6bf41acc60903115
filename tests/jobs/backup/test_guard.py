"""The count alarm: a source that lost its rows is not taken for a backup."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.core.errors import ExitCode, GuardError
from recon_cli.jobs.backup.export import ALARM_DROP, ExportRequest, guard
from recon_cli.snapshot.cut import Cut, Scheme
from recon_cli.snapshot.manifest import Compression, Manifest, TableFiles

USUAL = ExportRequest()


def holding(**rows: int) -> Manifest:
    """A manifest of tables with so many rows."""
    tables = tuple(
        TableFiles(DeclaredTable(name, ()), name, Cut(Scheme.COUNT, 1000), count, "0" * 64, (), ())
        for name, count in rows.items()
    )
    catalog = Catalog("sqlite", tuple(table.declared for table in tables))
    return Manifest(catalog, "sqlite:///app.db", "recon test", "one transaction", Compression.NONE, tables)


def refused(before: Manifest | None, now: Manifest, request: ExportRequest = USUAL) -> str:
    """Why it is refused; empty if it is not."""
    try:
        guard(before, now, request)
    except GuardError as exc:
        return f"{exc.cause}"
    return ""


def test_the_refusal_has_its_own_exit_code_and_names_the_way_past_it() -> None:
    with pytest.raises(GuardError, match="stays the latest") as caught:
        guard(holding(items=1000), holding(items=0), USUAL)
    assert caught.value.code is ExitCode.GUARD
    assert "--force" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("before", "now", "share", "alarm"),
    [
        (1000, 101, 0.9, False),
        (1000, 100, 0.9, True),
        (1000, 0, 0.9, True),
        (1000, 999, 0.5, False),
        (1000, 500, 0.5, True),
        (1000, 1000, 0.0, False),
        (1000, 999, 0.0, True),
        (1000, 2000, 0.0, False),
        (0, 0, 0.0, False),
    ],
)
def test_the_alarm_goes_off_exactly_at_its_share(before: int, now: int, share: float, alarm: bool) -> None:  # noqa: FBT001  a parameter
    cause = refused(holding(items=before, rest=10_000), holding(items=now, rest=10_000), replace(USUAL, max_drop=share))
    assert cause == (f"items {before} → {now}" if alarm else "")


def test_a_table_that_is_gone_has_lost_all_its_rows() -> None:
    assert refused(holding(items=500, logs=5000), holding(logs=5000)) == "items 500 → 0"


def test_a_table_that_was_not_asked_for_this_time_is_not_missed() -> None:
    before, now = holding(items=500, logs=5000), holding(logs=5000)
    assert refused(before, now, replace(USUAL, exclude=("items",))) == ""
    assert refused(before, now, replace(USUAL, tables=("logs",))) == ""


def test_a_small_table_may_empty_itself_unless_the_operator_set_a_share() -> None:
    before, now = holding(queue=19, logs=5000), holding(queue=0, logs=5000)
    assert USUAL.max_drop == ALARM_DROP
    assert refused(before, now) == ""
    assert refused(before, now, replace(USUAL, max_drop=0.5)) == "queue 19 → 0"


def test_a_database_that_is_suddenly_empty_is_refused_however_small_it_was() -> None:
    assert refused(holding(items=3, tags=2), holding(items=0, tags=0)) == "5 rows → none"


def test_every_table_that_fell_is_named() -> None:
    assert refused(holding(a=100, b=200, c=5), holding(a=1, b=2, c=5)) == "a 100 → 1; b 200 → 2"


def test_without_a_snapshot_before_or_without_a_share_there_is_no_alarm() -> None:
    assert refused(None, holding(items=0)) == ""
    assert refused(holding(items=1000), holding(items=0), replace(USUAL, max_drop=None)) == ""
