"""What database servers have in common: they are never made here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from sqlalchemy import Engine

from recon_cli.stores.base import Undo


class ServerBackend(ABC):
    """A database on a server, with a small pool of connections that is made when first asked for."""

    def __init__(self) -> None:
        self._engine: Engine | None = None

    @abstractmethod
    def new_engine(self) -> Engine:
        """A small pool; a connection that died in it is noticed and replaced."""

    def absent(self) -> bool:
        """A database is there or cannot be reached; it is never made here."""
        return False

    def engine(self, *, create: bool) -> Engine:  # noqa: ARG002  the protocol's name
        """The pool."""
        if self._engine is None:
            self._engine = self.new_engine()
        return self._engine

    def created(self) -> Mapping[str, int | None]:
        """Never."""
        return {}

    def discard(self, undo: Undo | None) -> None:  # noqa: B027  nothing to do, for every server
        """Never."""

    def close(self) -> None:
        """Give connections back."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
