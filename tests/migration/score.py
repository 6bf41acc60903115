"""`python -m tests.migration.score [--tool recon pgloader sqlalchemy] [--real] [NAME …]`: who brings what over.

Each one-feature database (with `--real`, each twin of a real-world file) goes through each tool into a database of
its own, and the auditor reads both sides. "Fully right" is no finding at all; what a tool prints counts as told.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy

from tests.migration.audit.told import Told
from tests.migration.features import FEATURES, Feature
from tests.migration.landing import Landing, Moved, migrated, wrong
from tests.support import postgres

Tool = Callable[[Path, Landing], Moved]
PGLOADER = ("--with", "prefetch rows = 10000", "--with", "batch rows = 5000", "--with", "batch size = 5MB")
LIMIT_S = 120


def recon(source: Path, landing: Landing) -> Moved:
    """Ours."""
    return migrated(source, landing, here=False)


def pgloader(source: Path, landing: Landing) -> Moved:
    """Its defaults, but names as they are and settings with which it survives."""
    parts = urlsplit(landing.url)
    target = f"postgresql://{parts.username}:{landing.password}@{parts.hostname}:{parts.port}{parts.path}"
    command = ["pgloader", *PGLOADER, "--with", "quote identifiers", f"sqlite://{source}", target]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=LIMIT_S, cwd=source.parent)
    except subprocess.TimeoutExpired:
        return Moved(124, Told())
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    warned = tuple(line for line in said.splitlines() if any(word in line for word in ("WARN", "ERROR", "FATAL")))
    return Moved(done.returncode, Told(warned), said)


def reflecting(source: Path, landing: Landing) -> Moved:
    """SQLAlchemy as its pages show it: reflect, create, insert."""
    here = sqlalchemy.create_engine(f"sqlite:///{source}")
    url = sqlalchemy.make_url(landing.url).set(drivername="postgresql+psycopg", password=landing.password)
    there = sqlalchemy.create_engine(url)
    try:
        declared = sqlalchemy.MetaData()
        sqlalchemy.event.listen(declared, "column_reflect", _generic)
        declared.reflect(here)
        declared.create_all(there)
        with here.connect() as reader, there.begin() as writer:
            for table in declared.sorted_tables:
                rows: list[dict[str, Any]] = [dict(row._mapping) for row in reader.execute(table.select())]
                if rows:
                    writer.execute(table.insert(), rows)
    except Exception as error:  # noqa: BLE001  whatever a peer does is a result
        return Moved(1, Told((f"ERROR {error}",)), str(error))
    finally:
        here.dispose()
        there.dispose()
    return Moved(0, Told())


def _generic(_inspector: object, _table: object, column: dict[str, Any]) -> None:
    """Types of any dialect instead of SQLite's, as SQLAlchemy's own pages advise."""
    with suppress(NotImplementedError):
        column["type"] = column["type"].as_generic()


TOOLS: dict[str, Tool] = {"recon": recon, "pgloader": pgloader, "sqlalchemy": reflecting}


def main() -> int:
    """Score and print; the findings go to standard error with `--why`."""
    options = _options()
    tools = [name for name in options.tool if name != "pgloader" or shutil.which("pgloader")]
    wanted = _wanted(options.name, real=options.real)
    right: dict[str, dict[str, bool]] = {feature.name: {} for feature in wanted}
    with postgres.running() as server, tempfile.TemporaryDirectory(prefix="recon-score-") as scratch:
        for feature in wanted:
            for tool in tools:
                folder = Path(scratch) / tool / feature.name
                folder.mkdir(parents=True)
                landing = Landing(server.database(), server.password, "public")
                said = _said(feature, TOOLS[tool], folder, landing)
                right[feature.name][tool] = not said
                if options.why:
                    sys.stderr.write("".join(f"{feature.name} · {tool} · {one}\n" for one in said))
                shutil.rmtree(folder)
    sys.stdout.write(_table(right, tools) + "\n")
    if options.json:
        options.json.write_text(json.dumps(right, indent=1))
    return 0


def _said(feature: Feature, tool: Tool, folder: Path, landing: Landing) -> list[str]:
    source = feature.make(folder / "source.db")
    try:
        return wrong(feature, source, landing, tool(source, landing))
    except Exception as error:  # noqa: BLE001  a result that the auditor cannot read is not right
        return [f"cannot be audited: {type(error).__name__}: {error}"]


def _wanted(names: Sequence[str], *, real: bool) -> list[Feature]:
    every = FEATURES
    if real:
        from tests.migration.twins import TWINS  # noqa: PLC0415  only then

        every = TWINS
    return [feature for name, feature in every.items() if (not names and not feature.slow) or name in names]


def _table(right: dict[str, dict[str, bool]], tools: list[str]) -> str:
    lines = ["| database | " + " | ".join(tools) + " |", "|---" * (1 + len(tools)) + "|"]
    lines += [
        f"| {name} | " + " | ".join("right" if found[tool] else "–" for tool in tools) + " |"
        for name, found in right.items()
    ]
    sums = [str(sum(found[tool] for found in right.values())) for tool in tools]
    lines.append(f"| **fully right, of {len(right)}** | " + " | ".join(f"**{count}**" for count in sums) + " |")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.migration.score", description=__doc__)
    parser.add_argument("name", nargs="*", help="only these databases")
    parser.add_argument("--tool", nargs="+", default=list(TOOLS), choices=list(TOOLS))
    parser.add_argument("--real", action="store_true", help="the twins of real-world files")
    parser.add_argument("--why", action="store_true", help="what is wrong, to standard error")
    parser.add_argument("--json", type=Path, help="also write the table there")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
