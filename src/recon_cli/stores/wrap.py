"""Stores around stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from recon_cli.core.canonical import Value
from recon_cli.core.errors import GuardError
from recon_cli.core.plan import Change
from recon_cli.core.record import Fingerprint, Record
from recon_cli.core.schema import Schema
from recon_cli.stores.base import RecordStore, Undo


class ReadOnly:
    """A store that reads and refuses to write: for dry runs."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self.url = store.url

    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """As the store has them."""
        return self._store.columns()

    def read(self, table: str, key: tuple[str, ...] = ()) -> Iterator[Record]:
        """As the store reads them."""
        return self._store.read(table, key)

    def fingerprint(self, table: str) -> Fingerprint:
        """As the store computes it."""
        return self._store.fingerprint(table)

    def apply(
        self,
        changes: Sequence[Change],  # noqa: ARG002  the contract's names
        schemas: Mapping[str, Schema],  # noqa: ARG002  same
        *,
        base: Mapping[str, Fingerprint],  # noqa: ARG002  same
        prepared: Callable[[Undo], None],  # noqa: ARG002  same
    ) -> Undo:
        """Refused."""
        raise self._refusal()

    def revert(self, undo: Undo) -> None:  # noqa: ARG002  the contract's name
        """Refused."""
        raise self._refusal()

    def insert_literal(self, schema: Schema, column: str, value: Value) -> Value:
        """As the store would hand it back."""
        return self._store.insert_literal(schema, column, value)

    def probe(self) -> dict[str, str]:
        """What the store is."""
        return self._store.probe()

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _refusal(self) -> GuardError:
        return GuardError(f"{self.url} is open for reading only", hint="run again without `--dry-run`")
