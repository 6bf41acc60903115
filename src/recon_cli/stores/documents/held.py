"""RecordStore over documents: a plan is applied to its tables in memory, and written if nobody was faster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from recon_cli.core.canonical import Value
from recon_cli.core.json_text import loads
from recon_cli.core.plan import Change
from recon_cli.core.record import EMPTY, Fingerprint, Record
from recon_cli.core.schema import Schema
from recon_cli.stores import refusals
from recon_cli.stores.base import Undo
from recon_cli.stores.documents.base import HEADS, Doc, Documents, Write, key_of, row_of, slices, text_of, translated
from recon_cli.stores.documents.heads import Head, head_of
from recon_cli.stores.memory import ROW_NUMBER, Held, MemoryStore


class DocumentStore:
    """Tables of documents. Unlike a database it shuts nobody out: a row that was changed meanwhile makes it refuse.

    A plan larger than the store takes at once is written in parts; what then is interrupted is half done, which the
    run's journal undoes.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self.url = documents.url

    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """See `RecordStore.columns`."""
        return {name: tuple(one.name for one in head.schema.columns) for name, (head, _doc) in self._heads().items()}

    def read(self, table: str, key: tuple[str, ...] = ()) -> Iterator[Record]:
        """See `RecordStore.read`; held in memory where an order is asked for."""
        if key:
            yield from self._held({table}).read(table, key)
            return
        with translated(self.url):
            for _name, doc in self._documents.scan(table):
                yield row_of(table, doc.text)

    def fingerprint(self, table: str) -> Fingerprint:
        """See `RecordStore.fingerprint`."""
        total = EMPTY
        for record in self.read(table):
            total = total.plus(record.digest())
        return total

    def apply(
        self,
        changes: Sequence[Change],
        schemas: Mapping[str, Schema],
        *,
        base: Mapping[str, Fingerprint],
        prepared: Callable[[Undo], None],
    ) -> Undo:
        """See `RecordStore.apply`."""
        held = self._held({*schemas, *base, *(one.table for one in changes)})
        return held.apply(changes, schemas, base=base, prepared=prepared)

    def revert(self, undo: Undo) -> None:
        """See `RecordStore.revert`."""
        held = self._held({*undo.base, *undo.created_tables, *(one.table for one in undo.changes)})
        held.revert(replace(undo, changes=tuple(map(_without_number, undo.changes))))

    def insert_literal(self, schema: Schema, column: str, value: Value) -> Value:
        """See `RecordStore.insert_literal`: values stay as they are; moments in one spelling."""
        return MemoryStore().insert_literal(schema, column, value)

    def probe(self) -> dict[str, str]:
        """See `RecordStore.probe`."""
        with translated(self.url):
            return self._documents.probe()

    def close(self) -> None:
        """See `RecordStore.close`."""
        self._documents.close()

    def _heads(self) -> dict[str, tuple[Head, Doc]]:
        with translated(self.url):
            found = ((str(loads(key)[0]), doc) for key, doc in self._documents.scan(HEADS))
            return {name: (head_of(name, doc.text), doc) for name, doc in sorted(found, key=lambda one: one[0])}

    def _held(self, tables: Collection[str]) -> MemoryStore:
        """These tables in memory; what is committed there is written."""
        heads = self._heads()
        docs: dict[tuple[str, str], Doc] = {}
        rows: dict[str, list[Mapping[str, Value]]] = {}
        for name in (one for one in heads if one in tables):
            docs[HEADS, key_of([name])] = heads[name][1]
            with translated(self.url):
                found = sorted(self._documents.scan(name), key=lambda one: one[0])
            docs |= {(name, key): doc for key, doc in found}
            rows[name] = [row_of(name, doc.text).values for _key, doc in found]
        schemas = [heads[name][0].schema for name in rows]
        store = MemoryStore(rows, schemas, url=self.url, taking=lambda made: self._write(docs, made))
        store.number({name: heads[name][0].counter for name in rows})
        return store

    def _write(self, docs: Mapping[tuple[str, str], Doc], tables: Iterable[Held]) -> None:
        """What is different in memory, by now, from what was read; heads of new tables first, of removed ones last."""
        now = dict(_texts(tables))
        gone = [one for one in docs if one not in now]
        order = [*sorted(now, key=lambda one: one[0] != HEADS), *sorted(gone, key=lambda one: one[0] == HEADS)]
        changed = [one for one in order if now.get(one) != (docs[one].text if one in docs else None)]
        writes = (Write(*one, docs[one].token if one in docs else None, now.get(one)) for one in changed)
        with translated(self.url):
            for part in slices(writes, self._documents.most_writes, self._documents.most_bytes):
                if not self._documents.put(part):
                    raise refusals.moved_on(part[0].table, "somebody else wrote to it at the same moment")


def _without_number(change: Change) -> Change:
    """Rows have no number here: the one that a row had in memory is another row's by now."""
    before = change.before
    return change if before is None else replace(change, before={k: v for k, v in before.items() if k != ROW_NUMBER})


def _texts(tables: Iterable[Held]) -> Iterator[tuple[tuple[str, str], str]]:
    for name, schema, counter, rows in tables:
        yield (HEADS, key_of([name])), Head(schema, counter).text()
        for values in rows:
            yield (name, key_of([values.get(one) for one in schema.key])), text_of(values)
