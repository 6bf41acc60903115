"""SqlStore: a RecordStore on SQLAlchemy Core. What differs between engines stands in sqlite, postgres and mysql."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from recon_cli.core.canonical import Value
from recon_cli.core.errors import ReconError
from recon_cli.core.plan import Change
from recon_cli.core.record import EMPTY, Fingerprint, Record
from recon_cli.core.schema import Schema
from recon_cli.stores import apply as applying
from recon_cli.stores import refusals
from recon_cli.stores import revert as reverting
from recon_cli.stores.base import Undo
from recon_cli.stores.session import Relation
from recon_cli.stores.sqlsession import SqlSession


class Backend(Protocol):
    """One engine at one place: how to connect, and what its errors mean."""

    url: str

    def absent(self) -> bool:
        """Whether there is nothing to connect to yet, and that means an empty store (a SQLite file)."""

    def engine(self, *, create: bool) -> Engine:
        """Where connections come from; `create` allows a new SQLite file."""

    def session(self, connection: Connection) -> SqlSession:
        """A session on a connection."""

    def translate(self, error: BaseException) -> ReconError:
        """A driver's error as ours."""

    def literal(self, relation: Relation | None, schema: Schema, column: str, value: Value) -> Value:
        """What the column (of the table as it is, or as it would be created) hands back for `value`."""

    def created(self) -> Mapping[str, int | None]:
        """What `apply` must add to the undo's counters because the store itself is new."""

    def discard(self, undo: Undo | None) -> None:
        """Remove a store that `apply` created and that holds nothing (after `revert`, or a failed `apply`)."""

    def close(self) -> None:
        """Give connections back."""


class SqlStore:
    """Tables of records in a SQL database; see `RecordStore` for what each method promises."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.url = backend.url
        self._relations: dict[str, Relation | None] = {}

    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The column names of every table, in their order there."""
        if self._backend.absent():
            return {}
        self._relations.clear()
        with self._session() as session:
            found = [(table, session.relation(table)) for table in session.relations()]
            return {table: relation.names for table, relation in found if relation}

    def read(self, table: str, key: tuple[str, ...] = ()) -> Iterator[Record]:
        """Every row, ordered by `key` where given, streamed."""
        if self._backend.absent():
            return
        with self._session() as session:
            relation = session.relation(table)
            if relation is None:
                return
            for name in key:
                if name not in relation.by_name:
                    raise refusals.no_column(table, name, relation.names)
            for row in session.ordered(relation, key):
                yield Record(table, row.values)

    def fingerprint(self, table: str) -> Fingerprint:
        """The content of a table over all its columns."""
        if self._backend.absent():
            return EMPTY
        with self._session() as session:
            relation = session.relation(table)
            return applying.scan(session, relation) if relation else EMPTY

    def apply(
        self,
        changes: Sequence[Change],
        schemas: Mapping[str, Schema],
        *,
        base: Mapping[str, Fingerprint],
        prepared: Callable[[Undo], None],
    ) -> Undo:
        """Apply all changes in one transaction, or none."""
        fresh = self._backend.created()
        try:
            with self._session(create=True) as session:
                return applying.apply(session, changes, schemas, base, prepared, marks=fresh)
        except BaseException:
            self._backend.discard(None)
            raise
        finally:
            self._relations.clear()

    def revert(self, undo: Undo) -> None:
        """Take an `apply` back in one transaction."""
        if not self._backend.absent():
            with self._session() as session:
                reverting.revert(session, undo)
        elif any(print_ != EMPTY for print_ in undo.base.values()):
            raise refusals.changed_since(next(iter(undo.base)), [change.key for change in undo.changes])
        self._backend.discard(undo)
        self._relations.clear()

    def insert_literal(self, schema: Schema, column: str, value: Value) -> Value:
        """How this engine would hand back `value` after writing it to `column`."""
        if schema.table not in self._relations:
            self._relations[schema.table] = self._relation(schema.table)
        return self._backend.literal(self._relations[schema.table], schema, column, value)

    def probe(self) -> dict[str, str]:
        """What the engine is, for `recon doctor`."""
        if self._backend.absent():
            return {"state": "not there yet; `apply` creates it"}
        with self._session() as session:
            return session.probe()

    def close(self) -> None:
        """Give connections back."""
        self._backend.close()

    def _relation(self, table: str) -> Relation | None:
        if self._backend.absent():
            return None
        with self._session() as session:
            return session.relation(table)

    @contextmanager
    def _session(self, *, create: bool = False) -> Iterator[SqlSession]:
        """A session whose driver errors come out as ours; whatever is not committed is rolled back."""
        with self._translated():
            connection = self._backend.engine(create=create).connect()
        session = None
        try:
            with self._translated():
                session = self._backend.session(connection)
                yield session
        finally:
            _leave(connection, session)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ReconError:
            raise
        except DBAPIError as exc:
            raise self._backend.translate(exc.orig or exc) from exc
        except (SQLAlchemyError, OSError) as exc:
            raise self._backend.translate(exc) from exc


def _leave(connection: Connection, session: SqlSession | None) -> None:
    """Roll back and give the connection back; one that is dead is thrown away without a word."""
    try:
        if session:
            session.rollback()
        connection.close()
    except (SQLAlchemyError, OSError):
        connection.invalidate()
        connection.close()
