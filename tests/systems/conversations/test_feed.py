"""Logs as rows: the same whatever comes first, and nothing of a room that is kept back."""

from __future__ import annotations

import random
import unicodedata

import pytest

from recon_cli.core.catalog import Catalog
from recon_cli.core.errors import UsageError
from recon_cli.core.landing import Load
from recon_cli.systems import feed as feeds
from recon_cli.systems import registry
from recon_cli.systems.conversations import layout
from recon_cli.systems.conversations.feed import ConversationsFeed
from recon_cli.systems.conversations.names import Rooms, room_of
from recon_cli.systems.text import storable
from tests.systems.conversations import twin


def rows(feed: ConversationsFeed, files: dict[str, bytes], seed: int = 0) -> list[Load]:
    parcels = []
    for name in random.Random(seed).sample(list(files), len(files)):
        found = feed.parcels(feed.table, files[name], {feeds.PATH: name, feeds.SOURCE: "pc"})
        assert isinstance(found, tuple)
        parcels += found
    shapes = {one.table: one for one in feed.shapes(Catalog("kv"))}
    return [Load.of(shape, [one for one in parcels if one.record.table == name]) for name, shape in shapes.items()]


def test_files_in_any_order_end_in_the_same_rows_and_come_back_byte_for_byte() -> None:
    made, feed = twin.made(), ConversationsFeed()
    turns, files = rows(feed, made.files)
    for seed in (1, 2):
        assert rows(feed, made.files, seed) == [turns, files]
    contents = {str(one.record.values["turn_id"]): str(one.record.values["content"]) for one in turns.parcels}
    back = {
        one.record.values["path"]: layout.whole(str(one.record.values["layout"]), contents) for one in files.parcels
    }
    assert back == made.files


def test_a_turn_is_its_rooms_and_not_the_combined_files() -> None:
    turns, _files = rows(ConversationsFeed(), twin.made().files)
    found = [
        (one.record.values["room_id"], one.record.values["scope"], one.record.values["kind"]) for one in turns.parcels
    ]
    assert {room for room, _scope, kind in found if kind != "raw"} == set(twin.ROOMS)
    assert {scope for _room, scope, kind in found if kind != "raw"} == {"room"}


def test_nothing_of_a_room_that_is_kept_back_becomes_a_row_in_either_spelling() -> None:
    made = twin.made()
    feed = ConversationsFeed(rooms=Rooms(excluded=("대화:비밀", unicodedata.normalize("NFD", "*:여행"))))
    kept_back = [name for name in made.files if not feed.wants(name)]
    assert sorted({room_of(name) for name in kept_back}) == ["대화:비밀", "대화:여행", "전체"]
    for name in kept_back:
        assert feed.parcels(feed.table, made.files[name], {feeds.PATH: name}) == ()


def test_options_come_as_texts_and_a_wrong_zone_is_told() -> None:
    feed = registry.feed("conversations", options={"exclude_rooms": "비밀\n다른", "host": "pc7", "zone": "UTC"})
    assert feed.sources(None, []).owner("x.md") == "pc7"
    assert not feed.wants("비밀.md")
    with pytest.raises(UsageError, match="Seoull"):
        registry.feed("conversations", options={"zone": "Asia/Seoull"})


def test_a_path_is_kept_as_it_lies_on_disk() -> None:
    assert storable("가.md") == "가.md"
    assert storable(unicodedata.normalize("NFD", "가.md")) != "가.md"
    assert storable("a\udcff.md") == "a\\xff.md"
