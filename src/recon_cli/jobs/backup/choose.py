"""Which rows of a snapshot are meant: by values of the key, as an operator types them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from recon_cli.core.catalog import Cell, DeclaredTable
from recon_cli.core.errors import UsageError
from recon_cli.snapshot.cut import Row, Scheme, range_name
from recon_cli.snapshot.manifest import Shard, TableFiles
from recon_cli.snapshot.reader import Snapshot


def conditions(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """`id=7` as ("id", "7").

    Raises:
        UsageError: there is no `=` in it.
    """
    pairs = tuple(text.partition("=") for text in texts)
    for column, sign, value in pairs:
        if not sign or not column:
            raise UsageError(f"`--where {column}{sign}{value}` names no value", hint="write it as `--where id=7`")
    return tuple((column, value) for column, _, value in pairs)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows of one table by its key: for every named column of the key, the values that are asked for, as text."""

    part: TableFiles
    values: Mapping[str, frozenset[str]]

    @property
    def places(self) -> tuple[tuple[int, frozenset[str]], ...]:
        """The same by the column's position in a row."""
        stored = [column.name for column in self.part.declared.stored]
        return tuple((stored.index(column), values) for column, values in self.values.items())

    def rows(self, snapshot: Snapshot) -> Iterator[list[Row]]:
        """The rows asked for, out of the shards that can hold them."""
        for shard in self._shards():
            for chunk in snapshot.shard(self.part.declared.name, shard):
                found = [row for row in chunk if all(spelled(row[place]) in values for place, values in self.places)]
                if found:
                    yield found

    def _shards(self) -> tuple[Shard, ...]:
        """One shard for each key where the key is a number; otherwise any can hold it."""
        if self.part.cut.scheme is not Scheme.RANGE or len(self.part.declared.key) != 1:
            return self.part.shards
        keys = next(iter(self.values.values()))
        numbers = {int(key) for key in keys if key.lstrip("-").isdigit()}
        wanted = {range_name(number // self.part.cut.size * self.part.cut.size) for number in numbers}
        return tuple(shard for shard in self.part.shards if shard.name in wanted)


def wanted(part: TableFiles, where: Sequence[tuple[str, str]]) -> Wanted:
    """The rows that all conditions name; two on one column mean either value.

    Raises:
        UsageError: a condition is on a column that is not of the key.
    """
    declared = part.declared
    for column, _ in where:
        if column not in declared.key or not declared.key_positions:
            raise UsageError(f"`{column}` is not of the key of `{declared.name}`", hint=_key_hint(declared))
    return Wanted(part, {column: frozenset(value for name, value in where if name == column) for column, _ in where})


def _key_hint(declared: DeclaredTable) -> str:
    if not declared.key_positions:
        return "it has no key: import the whole table"
    return "its key is " + ", ".join(f"`{column}`" for column in declared.key)


def spelled(cell: Cell) -> str:
    """A cell as an operator types it: numbers and text as they are, bytes in hex."""
    if isinstance(cell, bytes):
        return cell.hex()
    if isinstance(cell, bool):
        return str(cell).lower()
    return "" if cell is None else str(cell)


def shown_key(key: Sequence[Cell]) -> str:
    """A whole key on one line."""
    return ", ".join(spelled(cell) for cell in key)
