"""rebuild: files out of the rows that were made of them. The plan comes first; what is here already is never lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ExitCode, NotFoundError, ReconError
from recon_cli.core.report import Problem, Report, Table
from recon_cli.ops import atomic
from recon_cli.stores.sink.base import Sink
from recon_cli.systems.feed import Rebuilds, Rebuilt


class State(StrEnum):
    """What a file that was put together is to the one that lies here."""

    NEW = "new"
    GROWN = "grown"
    """The one here is its beginning: it is replaced by the longer one."""
    SAME = "same"
    BEHIND = "behind"
    """The one here goes on where it ends: it stays."""
    DIFFERENT = "different"
    """They went different ways: the one here stays."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One file."""

    made: Rebuilt
    state: State

    @property
    def writes(self) -> bool:
        """Whether the folder would change."""
        return self.state in {State.NEW, State.GROWN}


def rebuild(feed: Rebuilds, sink: Sink, folder: Path, host: str = "", *, apply: bool) -> Report:
    """Put the files together, compare them with the folder, and write where asked.

    Args:
        feed: how rows become files.
        sink: where the rows are.
        folder: where the files belong; it need not be there.
        host: whose files; everybody's, in a folder for each, if empty.
        apply: write what is new or has grown.

    Raises:
        NotFoundError: the store has no such table.
        ReconError: the store cannot be read, or the folder not written to.
    """
    problems: list[Problem] = []
    planned: list[Planned] = []
    for one in feed.rebuilt(_rows(feed, sink), host):
        if isinstance(one, Problem):
            problems.append(one)
        else:
            planned.append(Planned(one, _state(folder / one.path, one.raw)))
    for each in planned if apply else ():
        _write(folder, each)
    return _report(sink, folder, planned, problems, apply=apply)


def _rows(feed: Rebuilds, sink: Sink) -> dict[str, list[Mapping[str, str]]]:
    catalog = sink.catalog()
    found: dict[str, list[Mapping[str, str]]] = {}
    for table, columns in feed.needed().items():
        if catalog.table(table) is None:
            raise NotFoundError(
                f"{sink.url} has no table `{table}`", hint="was anything synced there? look at `--table`"
            )
        found[table] = list(_cells(sink, table, columns))
    return found


def _cells(sink: Sink, table: str, columns: Sequence[str]) -> Iterator[Mapping[str, str]]:
    for row in sink.read(table, columns):
        yield {name: "" if cell is None else str(cell) for name, cell in zip(columns, row, strict=True)}


def _state(path: Path, raw: bytes) -> State:
    try:
        here = path.read_bytes()
    except FileNotFoundError:
        return State.NEW
    except OSError as exc:
        raise ReconError(f"cannot read {path}", cause=exc.strerror) from exc
    if here == raw:
        return State.SAME
    if raw.startswith(here):
        return State.GROWN
    return State.BEHIND if here.startswith(raw) else State.DIFFERENT


def _write(folder: Path, planned: Planned) -> None:
    if planned.writes:
        path = folder / planned.made.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise ReconError(f"cannot create {path.parent}", cause=exc.strerror) from exc
        atomic.write_file(path, planned.made.raw)


def _report(
    sink: Sink, folder: Path, planned: Sequence[Planned], problems: Sequence[Problem], *, apply: bool
) -> Report:
    different = [one for one in planned if one.state is State.DIFFERENT]
    told = [*problems]
    why = "it and the store went different ways: yours stays"
    told += [Problem(one.made.path, one.state.value, why) for one in different]
    told += [
        Problem(one.made.path, "put together anew", "no file of these turns was ever sent: not byte for byte")
        for one in planned
        if not one.made.exact
    ]
    counts: dict[str, Json] = {state.value: sum(one.state is state for one in planned) for state in State}
    files: list[Json] = [
        {"path": one.made.path, "state": one.state.value, "size_bytes": len(one.made.raw), "exact": one.made.exact}
        for one in planned
    ]
    body: dict[str, Json] = {"store": sink.url, "folder": str(folder), "written": apply, **counts, "files": files}
    to_write = sum(one.writes for one in planned)
    verb = "written" if apply else "to write"
    summary = f"{words.count(len(planned), 'file')} in the store, {to_write} {verb} ({sink.url} → {folder})"
    table = Table(("file", "state", "bytes"), [(one.made.path, one.state.value, len(one.made.raw)) for one in planned])
    hints: tuple[str, ...] = () if apply or not to_write else ("with `--apply` they are written",)
    hints += ("give an empty folder as `--to` to see the others side by side",) if different else ()
    code = ExitCode.PARTIAL if problems or different else ExitCode.DONE
    return Report("recon.rebuild/1", summary, body, (table,) if planned else (), tuple(told), code, hints=hints)
