"""What a migration's children are told, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recon_cli.core.catalog import DeclaredTable
from recon_cli.core.place import Place
from recon_cli.migration.plan import LeftOut
from recon_cli.migration.profile import TableProfile
from recon_cli.migration.reading import WHOLE, Span
from recon_cli.migration.verifying import Verdict


@dataclass(frozen=True, slots=True)
class Address:
    """A place as it crosses a pipe; the secret crosses nothing else."""

    url: str
    options: Mapping[str, str | int | float | bool]
    secret: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, place: Place) -> Address:
        """A place with its secret fetched."""
        return cls(place.url, dict(place.options), place.secret())

    @property
    def place(self) -> Place:
        """The place again."""
        return Place(self.url, secret=lambda: self.secret, options=self.options)


@dataclass(frozen=True, slots=True)
class Hello:
    """Which source, at which state; which target, if any. `salt` is what the schema aside is named by."""

    source: Address
    ticket: str
    target: Address | None = None
    schema: str = ""
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """Look at a span of a table."""

    table: DeclaredTable
    rowid: str
    span: Span = WHOLE
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    """Bring a span of a table over; `frozen`: the table is made with it."""

    unit: str
    table: str
    span: Span = WHOLE
    frozen: bool = True


@dataclass(frozen=True, slots=True)
class Build:
    """Make the primary key (`what` empty) or an index of a table."""

    unit: str
    table: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """Let the server look at a table's values, so that its planner knows them."""

    table: str


@dataclass(frozen=True, slots=True)
class Compare:
    """Compare a span of a table. `schema` is where the target has it."""

    table: str
    schema: str
    span: Span = WHOLE
    skipped: frozenset[int] = frozenset()


Task = Profile | Copy | Build | Measure | Compare


@dataclass(frozen=True, slots=True)
class Profiled:
    """What a span holds."""

    task: Profile
    profile: TableProfile


@dataclass(frozen=True, slots=True)
class CopyDone:
    """How many rows of a unit came over, and how many were refused."""

    task: Copy
    rows: int
    rejected: int
    damage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildDone:
    """An index is there, or was refused."""

    task: Build
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """The server has looked."""

    task: Measure


@dataclass(frozen=True, slots=True)
class Compared:
    """How a span compares."""

    task: Compare
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Advanced:
    """So many rows more."""

    rows: int
    table: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A child is awake, and later: has joined the state, or taken the plan."""


Answer = Profiled | CopyDone | BuildDone | Measured | Compared | Advanced
Ended = Profiled | CopyDone | BuildDone | Measured | Compared
