"""Settings as the rest of recon sees them: frozen, typed, each value still knowing its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from recon_cli.config.keys import Plain
from recon_cli.config.layers import Setting, Sources, gather
from recon_cli.core.errors import ConfigError

T = TypeVar("T", str, int, float, bool)


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """`[scan]`: how to list."""

    connections: int = 2
    mtime: str = "listed"
    encoding: str = "auto"


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """`[check]`: when to raise an alarm. `max_drop` is a share, 0..1."""

    max_drop: float | None = None
    textfile: Path | None = None
    hash: bool = False


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """`[queue]`: where the outbox is, and how much it holds. `path` None is the state folder's."""

    path: Path | None = None
    max_items: int = 10_000
    overflow: str = "spill"


@dataclass(frozen=True, slots=True)
class ReconstructSettings:
    """`[reconstruct]`: where jobs lie, what they may take, and which programs help them."""

    root: Path = Path("recon-jobs")
    store: str = ""
    concurrent: int = 1
    memory_mb: int | None = None
    time_limit_s: float | None = None
    threads: int | None = None
    min_side_px: int = 100
    max_megapixels: float = 120.0
    max_photo_mb: float | None = None
    video_frames: int = 100
    colmap: str = "colmap"
    train_command: str = ""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """`[serve]`: where to listen, who may call, and how much they may send."""

    host: str = "127.0.0.1"
    port: int = 8000
    private: bool = False
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    worker: bool = True
    vocabulary: str = "table"
    max_photos: int = 20
    max_photo_mb: float = 30.0
    max_upload_mb: float = 500.0
    max_sockets: int = 1000
    patience_s: float = 30.0


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """`[worker]`: which jobs a worker takes, where their files are, and when it is taken for dead."""

    pool: str = "auto"
    concurrent: int = 1
    files: str = ""
    takeover_s: float = 30.0
    tries: int = 3
    scratch: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Every value that is set, by dotted key, and typed views of it."""

    values: Mapping[str, Setting] = field(default_factory=dict)

    @property
    def scan(self) -> ScanSettings:
        """`[scan]`."""
        return ScanSettings(
            self._get("scan.connections", 2), self._get("scan.mtime", "listed"), self._get("scan.encoding", "auto")
        )

    @property
    def check(self) -> CheckSettings:
        """`[check]`."""
        drop, textfile = self.values.get("check.max_drop"), self._get("check.textfile", "")
        return CheckSettings(
            None if drop is None else self._get("check.max_drop", 0.0),
            Path(textfile) if textfile else None,
            self._get("check.hash", default=False),
        )

    @property
    def queue(self) -> QueueSettings:
        """`[queue]`."""
        named = self._get("queue.path", "")
        return QueueSettings(
            Path(named) if named else None,
            self._get("queue.max_items", 10_000),
            self._get("queue.overflow", "spill"),
        )

    @property
    def reconstruct(self) -> ReconstructSettings:
        """`[reconstruct]`."""
        return ReconstructSettings(
            Path(self._get("reconstruct.root", "recon-jobs")),
            self._get("reconstruct.store", ""),
            self._get("reconstruct.concurrent", 1),
            self._get("reconstruct.memory_mb", 0) or None,
            self._get("reconstruct.time_limit_s", 0.0) or None,
            self._get("reconstruct.threads", 0) or None,
            self._get("reconstruct.min_side_px", 100),
            self._get("reconstruct.max_megapixels", 120.0),
            self._get("reconstruct.max_photo_mb", 0.0) or None,
            self._get("reconstruct.video_frames", 100),
            self._get("reconstruct.colmap", "colmap"),
            self._get("reconstruct.train_command", ""),
        )

    @property
    def serve(self) -> ServeSettings:
        """`[serve]`."""
        return ServeSettings(
            self._get("serve.host", "127.0.0.1"),
            self._get("serve.port", 8000),
            self._get("serve.private", default=False),
            self._texts("serve.hosts"),
            self._texts("serve.origins"),
            self._get("serve.worker", default=True),
            self._get("serve.vocabulary", "table"),
            self._get("serve.max_photos", 20),
            self._get("serve.max_photo_mb", 30.0),
            self._get("serve.max_upload_mb", 500.0),
            self._get("serve.max_sockets", 1000),
            self._get("serve.patience_s", 30.0),
        )

    @property
    def worker(self) -> WorkerSettings:
        """`[worker]`."""
        scratch = self._get("worker.scratch", "")
        return WorkerSettings(
            self._get("worker.pool", "auto"),
            self._get("worker.concurrent", 1),
            self._get("worker.files", ""),
            self._get("worker.takeover_s", 30.0),
            self._get("worker.tries", 3),
            Path(scratch) if scratch else None,
        )

    @property
    def ping_url(self) -> str:
        """`[ping] url`; empty where no heartbeat is wanted."""
        return self._get("ping.url", "")

    @property
    def state_dir(self) -> Path | None:
        """`[state] dir`; None leaves it to `ops.paths`."""
        named = self._get("state.dir", "")
        return Path(named) if named else None

    def section(self, section: str) -> dict[str, Setting]:
        """The keys of `[section]`, of those that have no names; empty if nothing is set."""
        before = f"{section}."
        return {key.removeprefix(before): one for key, one in self.values.items() if key.startswith(before)}

    def named(self, section: str, name: str) -> dict[str, Setting]:
        """The keys of `[section.name]`; empty if there is no such section."""
        before = f"{section}.{name}."
        return {key.removeprefix(before): one for key, one in self.values.items() if key.startswith(before)}

    def names(self, section: str) -> tuple[str, ...]:
        """The names that a section defines: those of `[files.…]`, say."""
        found = (key.split(".") for key in self.values if key.startswith(f"{section}."))
        return tuple(dict.fromkeys(parts[1] for parts in found))

    def plain(self) -> dict[str, Plain]:
        """Dotted keys and values, for crash files; redact before showing."""
        return {key: one.value for key, one in self.values.items()}

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self.values[key].value if key in self.values else ()
        return tuple(str(one) for one in value) if isinstance(value, tuple) else ()

    def _get(self, key: str, default: T) -> T:
        one = self.values.get(key)
        return default if one is None else type(default)(one.value)  # type: ignore[arg-type]  # the parser checked it


def load(sources: Sources | None = None) -> Settings:
    """Settings from all layers.

    Raises:
        ConfigError: the first thing that is wrong in any layer.
    """
    settings, problems = check(sources)
    if problems:
        raise problems[0]
    return settings


def check(sources: Sources | None = None) -> tuple[Settings, tuple[ConfigError, ...]]:
    """Settings as far as they can be read, and everything that is wrong."""
    values, problems = gather(sources or Sources.found())
    return Settings(values), problems
