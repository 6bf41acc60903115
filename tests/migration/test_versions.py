"""Other versions of Postgres than the newest: those that are still looked after, and the one that Debian brings."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.migration.features import FEATURES, Feature
from tests.migration.landing import Landing, migrated, wrong
from tests.migration.twins import TWINS
from tests.support import postgres

SOME = ("number_key_with_gaps_at_the_end", "foreign_composite", "index_partial", "index_nocase", "checks", "generated",
        "defaults_of_the_clock", "views", "trigger_that_touches", "json_clean", "real_of_all_sorts",
        "text_of_all_signs", "text_with_nul", "moment_with_offsets", "blob")  # fmt: skip
WHOLE = ("django", "sakila", "northwind")
CHOSEN: dict[str, Feature] = {**{name: FEATURES[name] for name in SOME}, **{name: TWINS[name] for name in WHOLE}}


@pytest.fixture(scope="module", params=["14", "16", "17", "debian"])
def older(request: pytest.FixtureRequest) -> Iterator[Callable[[], Landing]]:
    """Schemas on a server of that version."""
    version = postgres.debian_version() if request.param == "debian" else int(request.param)
    numbers = itertools.count()
    with postgres.running(version) as server:
        url = server.database()
        yield lambda: Landing(url, server.password, f"s{next(numbers)}")


@pytest.mark.parametrize("name", CHOSEN)
def test_an_older_server_gets_all_of_it(name: str, tmp_path: Path, older: Callable[[], Landing]) -> None:
    feature, landing = CHOSEN[name], older()
    source = feature.make(tmp_path / "source.db")
    assert wrong(feature, source, landing, migrated(source, landing)) == []


def test_the_command_itself_ends_as_it_says(tmp_path: Path, older: Callable[[], Landing]) -> None:
    whole, half = older(), older()
    source = FEATURES["foreign_composite"].make(tmp_path / "source.db")
    assert migrated(source, whole, here=False).code == 0
    (tmp_path / "half").mkdir()
    source = FEATURES["text_with_nul"].make(tmp_path / "half" / "source.db")
    moved = migrated(source, half, here=False)
    assert moved.code == 3
    assert [(entry["rowid"], entry["hex"]) for entry in moved.told.rejects] == [(1, "610062"), (2, "00")]
    with psycopg.connect(half.url, password=half.password) as connection:
        assert connection.execute(f'SELECT n FROM "{half.schema}".t').fetchall() == [(3,)]
