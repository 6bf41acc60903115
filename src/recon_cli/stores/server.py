"""What database servers have in common: they are never made here, and some refusals mean the same on all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from sqlalchemy import Engine

from recon_cli.core.errors import GuardError, LockedError, ReconError, UnreachableError
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


def away(url: str, cause: str) -> ReconError:
    """Nothing answers there."""
    return UnreachableError(f"{url} does not answer", cause=cause, hint="check host and port, and that it runs")


def locked(url: str, cause: str) -> ReconError:
    """Another program holds what is to be written."""
    hint = "stop the program that writes to it, or raise `timeout_s` of this store"
    return LockedError(f"{url} is locked by another program", cause=cause, hint=hint)


def read_only(url: str, cause: str) -> ReconError:
    """A replica, or a server that was made read-only."""
    return ReconError(f"{url} is read-only", cause=cause, hint="connect to the primary server")


def exists(url: str, cause: str) -> ReconError:
    """A table that was to be created is there by now."""
    hint = "make a new plan, look at it, and apply that one"
    return GuardError(f"another program created a table at {url} meanwhile", cause=cause, hint=hint)
