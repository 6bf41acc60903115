"""What an operator asks of a migration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from recon_cli.core.ports import Progress, Silent
from recon_cli.migration.plan import MigrationPlan
from recon_cli.migration.policy import Policies


class OnExists(StrEnum):
    """What to do when the target has a table of the same name."""

    REFUSE = "refuse"
    REPLACE = "replace"
    """Put the new one in its place, in the one transaction at the end."""
    APPEND = "append"
    """Add the rows whose key is not there."""
    UPSERT = "upsert"
    """Add them, and let the source's rows win where the key is there."""


class Verify(StrEnum):
    """How to prove that nothing changed on the way."""

    VALUES = "values"
    """Checksums of every column on both sides."""
    COUNTS = "counts"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class MigrateRequest:
    """Everything but the two ends. `workers` 0: as many as are worth it."""

    schema: str = "public"
    policies: Policies = field(default_factory=Policies)
    on_exists: OnExists = OnExists.REFUSE
    verify: Verify = Verify.VALUES
    workers: int = 0
    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    system: str = ""
    rejects_to: Path | None = None
    plan: MigrationPlan | None = None
    restart: bool = False
    dry: bool = False
    progress: Progress = field(default_factory=Silent)
    note: Callable[[str], None] = lambda _text: None
    """Where to tell what `-v` asks for."""
