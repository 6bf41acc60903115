from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench import results
from tests.bench.turns import Cost, Outcome
from tests.docs.pages import ROOT
from tools import figures, plots
from tools.figures import Case, Figure, Results

PICTURES = ROOT / "docs" / "pictures"
MAKE = "python -m tools.plots"


@pytest.mark.parametrize("name", [f"speed-{name}.svg" for name in plots.PLOTS])
def test_a_plot_is_what_the_published_figures_give(name: str) -> None:
    assert (PICTURES / name).read_text("utf-8") == plots.pictures()[name], f"`{MAKE}` draws it anew"


def test_the_page_shows_the_published_figures_and_every_plot() -> None:
    page = figures.PAGE.read_text("utf-8")
    assert figures.page_of(page) == page, f"`{MAKE}` writes them anew"
    assert [name for name in plots.pictures() if f"](pictures/{name})" not in page] == []
    assert [one.name for one in figures.known() if f"<!-- bench:{one.name}" not in page] == []


def test_what_is_published_is_rounded_as_it_is_shown() -> None:
    ours = Outcome("ours", tuple(Cost(wall_s, 0.1234, 30 * 2**20) for wall_s in (1.2345, 1.0004, 1.1)))
    theirs = Outcome("theirs", tuple(Cost(wall_s, 2.0, 60 * 2**20) for wall_s in (2.0, 2.0, 4.0)))
    made = results.Case("a case", (ours, theirs), "theirs").published("2026-11-28")
    assert made.costs[0] == figures.Cost("ours", 3, (1.0, 1.1, 1.23), (0.55, 0.275, 0.617), 0.12, 30)
    assert "| a case | ours    | 3    | 1 / 1.1 / 1.23 " in figures.table([made])


def test_a_later_run_of_some_cases_keeps_the_others_and_their_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    first = made("2026-11-01", a=1, b=2)
    figures.save(first)
    figures.save(made("2026-11-28", b=3, c=4))
    kept = figures.load(tmp_path / "serve.json").cases
    assert [(case.name, case.measured, case.values()["x"]) for case in kept] == [
        ("a", "2026-11-01", 1), ("b", "2026-11-28", 3), ("c", "2026-11-28", 4),
    ]  # fmt: skip


@pytest.mark.parametrize(("goal", "verdict"), [(2.0, "goal 2: met"), (1.0, "goal 1: missed")])
def test_a_plot_says_whether_a_goal_is_met(goal: float, verdict: str) -> None:
    group = plots.Group("group", "serve", "a", (plots.Bar("x", goal=goal),), "ms")
    picture = plots.drawn(plots.Plot("heading", "", (group,)), {"serve": made("2026-11-28", a=1.5)})
    words = [element.text for element in ET.fromstring(picture).iter()]  # noqa: S314 - made a line above
    assert verdict in words
    assert "1.5 ms" in words


def test_a_plot_goes_without_a_peer_that_was_left_out_of_the_run() -> None:
    bars = (plots.Bar("x", goal=2, of="peer"), plots.peer("peer"))
    group = plots.Group("group", "serve", "a", bars, "ms")
    picture = plots.drawn(plots.Plot("heading", "", (group,)), {"serve": made("2026-11-28", a=1.5)})
    words = [element.text for element in ET.fromstring(picture).iter()]  # noqa: S314 - made a line above
    assert "1.5 ms" in words
    assert not {"peer", "goal 2: met"} & set(words)


def test_a_case_is_found_by_its_name_or_its_beginning() -> None:
    results = made("2026-11-28", **{"wide, 337 MiB": 1, "put": 2, "put and taken": 3})
    assert results.case("wide").values() == {"x": 1}
    assert results.case("put").values() == {"x": 2}


def test_a_format_of_another_time_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"schema": "recon.bench.published/9"}')
    with pytest.raises(ValueError, match=r"recon\.bench\.published/1"):
        figures.load(tmp_path / "a.json")


def made(day: str, **values: float) -> Results:
    one = Case("", day)
    cases = (replace(one, name=name, figures=(Figure("x", value, "ms"),)) for name, value in values.items())
    return Results("serve", "2 cores", {}, tuple(cases))
