"""Refusals that mean the same on every database server."""

from __future__ import annotations

from recon_cli.core.errors import GuardError, LockedError, ReconError, UnreachableError


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
