"""Files out of rows: each log as it was when it was sent last, byte for byte; turns that are in no file, too."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from recon_cli.core.report import Problem
from recon_cli.systems.conversations import layout
from recon_cli.systems.conversations.table import KEY, Names
from recon_cli.systems.feed import Rebuilt

TURN_CELLS = (KEY, "room_id", "content", "sort_key")
FILE_CELLS = ("id", "source", "path", "file_hash", "layout")
_OTHERS = ".others.md"


def needed(names: Names) -> dict[str, tuple[str, ...]]:
    """Which columns of which tables are asked for."""
    return {names.turns: TURN_CELLS, names.files: FILE_CELLS}


def rebuilt(names: Names, rows: Mapping[str, Iterable[Mapping[str, str]]], host: str) -> Iterator[Rebuilt | Problem]:
    """The files of one host (empty: of all), and what could not be put together.

    Files of several hosts go into a folder for each. Turns that no layout names, which other programs wrote or whose
    file was never seen whole, become a file of their own for each room.
    """
    turns = {row[KEY] or f"row {number}": row for number, row in enumerate(rows[names.turns])}
    contents = {key: row["content"] for key, row in turns.items()}
    files = [row for row in rows[names.files] if host in {"", row["source"]}]
    several = len({row["source"] for row in files}) > 1
    left = dict.fromkeys(turns)
    for row in sorted(files, key=lambda one: (one["source"], one["path"])):
        path = f"{row['source']}/{row['path']}" if several else row["path"]
        yield _file(path, row, contents)
        for one in _named(row["layout"]):
            left.pop(one, None)
    if not host:
        yield from _others({key: turns[key] for key in left})


def _file(path: str, row: Mapping[str, str], contents: Mapping[str, str]) -> Rebuilt | Problem:
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or any(one in {"", ".", ".."} for one in parts):
        return Problem(path, "refused", "it would lie outside the folder")
    try:
        raw = layout.whole(row["layout"], contents)
    except KeyError:
        return Problem(
            path, "incomplete", "the store lacks a turn of it; `recon sync --resend` where the file is mends it"
        )
    except ValueError:
        return Problem(path, "damaged", "what the store says of how it is put together cannot be read")
    if hashlib.sha256(raw).hexdigest() != row["file_hash"]:
        return Problem(
            path, "damaged", "put together it is not the file that was sent: a turn in the store was changed"
        )
    return Rebuilt(path, raw)


def _named(text: str) -> list[str]:
    try:
        return layout.ids(text)
    except ValueError:
        return []


def _others(turns: Mapping[str, Mapping[str, str]]) -> Iterator[Rebuilt]:
    rooms: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in turns.values():
        rooms[row["room_id"]].append(row)
    for room, rows in sorted(rooms.items()):
        texts = [row["content"] for row in sorted(rows, key=lambda one: one["sort_key"])]
        name = "/".join(part for part in room.split("/") if part not in {"", ".", ".."}) or "room"
        yield Rebuilt(f"{name}{_OTHERS}", ("\n\n".join(texts) + "\n").encode(), exact=False)
