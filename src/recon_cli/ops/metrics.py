"""Gauges for Prometheus through node_exporter's textfile collector."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recon_cli.core.errors import ConfigError
from recon_cli.ops import atomic

_LINE = re.compile(r"(?P<series>(?P<name>[a-zA-Z_:][\w:]*)(?:\{.*\})?) (?P<value>\S+)")
_WORLD_READABLE = 0o644  # node_exporter runs as another user


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number under a name, e.g. `recon_last_success_timestamp_seconds{job="check"}`."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    help: str = ""

    @property
    def series(self) -> str:
        """Name and labels as Prometheus spells them."""
        if not self.labels:
            return self.name
        pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in sorted(self.labels.items()))
        return f"{self.name}{{{pairs}}}"


def update(path: Path, gauges: Iterable[Gauge]) -> None:
    """Put `gauges` into the textfile, whole or not at all; series of other runs stay.

    So a failed run leaves the time of the last success standing. Two runs at the same moment: the later wins, so give
    each job that runs by itself its own file.

    Raises:
        ConfigError: the path does not end in `.prom` (node_exporter would not read it).
        ReconError: the file cannot be written.
    """
    if path.suffix != ".prom":
        raise ConfigError(f"the textfile {path} would not be read", hint="end its name in `.prom`")
    new = list(gauges)
    helps = {gauge.name: gauge.help for gauge in new if gauge.help}
    series = _series(path)
    series.update({gauge.series: (gauge.name, f"{gauge.value:.17g}") for gauge in new})
    atomic.write_file(path, _render(series, _helps(path) | helps).encode(), mode=_WORLD_READABLE)


def render(gauges: Iterable[Gauge]) -> str:
    """Gauges as Prometheus reads them."""
    found = list(gauges)
    helps = {gauge.name: gauge.help for gauge in found if gauge.help}
    return _render({gauge.series: (gauge.name, f"{gauge.value:.17g}") for gauge in found}, helps)


def _render(series: Mapping[str, tuple[str, str]], helps: Mapping[str, str]) -> str:
    lines: list[str] = []
    for name in sorted({name for name, _ in series.values()}):
        if name in helps:
            lines.append(f"# HELP {name} {helps[name]}")
        lines.append(f"# TYPE {name} gauge")
        lines += [f"{one} {value}" for one, (owner, value) in sorted(series.items()) if owner == name]
    return "".join(f"{line}\n" for line in lines)


def _series(path: Path) -> dict[str, tuple[str, str]]:
    found = (_LINE.fullmatch(line) for line in _lines(path))
    return {match["series"]: (match["name"], match["value"]) for match in found if match}


def _helps(path: Path) -> dict[str, str]:
    words = (line.split(" ", 3) for line in _lines(path) if line.startswith("# HELP "))
    return {parts[2]: parts[3] for parts in words if len(parts) > 3}  # noqa: PLR2004  `# HELP name text`


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").split("\n")
    except OSError:
        return []


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
