"""Loading rows that were rejected and have been mended: the file brings its plan, so the source is not needed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recon_cli.core import words
from recon_cli.core.catalog import Cell
from recon_cli.core.errors import DataError, ExitCode, NotFoundError
from recon_cli.core.json_text import loads
from recon_cli.core.place import Place
from recon_cli.core.report import Problem, Report
from recon_cli.migration import ddl, planfile
from recon_cli.migration.cells import Text
from recon_cli.migration.encode import HEADER, TRAILER, Encoder
from recon_cli.migration.plan import MigrationPlan, TablePlan
from recon_cli.migration.target import Target
from recon_cli.ops import atomic
from recon_cli.ops.clock import Clock
from recon_cli.stores.bulk.postgres_link import Connection, quote, run

import psycopg  # isort: skip  postgres_link says how to get the driver

SCHEMA = "recon.rejects/1"


def head(plan: MigrationPlan, schema: str) -> bytes:
    """The first line of a rejects file."""
    body = {"schema": SCHEMA, "to": schema, "plan": planfile.document(plan)}
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def load(place: Place, schema: str, path: Path, clock: Clock) -> Report:
    """Put every mended row of a rejects file in; what still does not fit stays in the file, the rest leaves it.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is not a rejects file.
    """
    began = clock.monotonic()
    first, lines = _read(path)
    plan = planfile.parse(first["plan"], str(path))
    target = Target(place, schema, plan.source)
    kept, loaded = list[str](), 0
    problems: list[Problem] = []
    with target.connection() as connection, connection.transaction():
        for line in lines:
            why = _put(connection, target, plan, line)
            if why:
                kept.append(line)
                problems.append(Problem(f"{path} line {lines.index(line) + 2}", why))
            else:
                loaded += 1
        for table in plan.included:
            advance = ddl.advance(schema, table)
            if advance is not None and loaded:
                run(connection, advance)
    _rewrite(path, head(plan, schema), kept)
    return Report(
        "recon.migrate-rejects/1",
        f"{words.count(loaded, 'row')} loaded into {schema} of {target.link.url},"
        f" {len(kept)} still rejected, in {words.seconds(clock.monotonic() - began)}",
        {"loaded": loaded, "rejected": len(kept), "rejects": str(path) if kept else None},
        problems=tuple(problems),
        exit_code=ExitCode.PARTIAL if kept else ExitCode.DONE,
    )


def _rewrite(path: Path, first: bytes, kept: list[str]) -> None:
    """The file holds what is still rejected; without anything it is kept beside, as `.done`."""
    if kept:
        atomic.write_file(path, [first, *(line.encode() + b"\n" for line in kept)])
    else:
        path.rename(path.with_name(path.name + ".done"))


def _read(path: Path) -> tuple[Mapping[str, Any], list[str]]:
    try:
        lines = path.read_text("utf-8").splitlines()
        first = loads(lines[0])
    except FileNotFoundError:
        raise NotFoundError(f"no rejects file {path}") from None
    except (OSError, ValueError, IndexError) as exc:
        raise DataError(f"{path} is not a rejects file", cause=str(exc)) from exc
    if not isinstance(first, dict) or first.get("schema") != SCHEMA:
        raise DataError(f"{path} is not a rejects file", cause=f"its first line is not {SCHEMA}")
    return first, [line for line in lines[1:] if line.strip()]


def _put(connection: Connection, target: Target, plan: MigrationPlan, line: str) -> str:
    """Put one row in; why not, if not."""
    try:
        raw = loads(line)
        table = next(one for one in plan.included if one.name == raw["table"])
        cells = [[cell] for cell in _cells(table, raw)]
    except (ValueError, KeyError, TypeError, StopIteration) as exc:
        return f"it cannot be read: {type(exc).__name__} {exc}"
    body, rejected = Encoder(table.stored, plan.policies).encode(cells)
    if rejected:
        return f"{rejected[0].column.name}: {rejected[0].reason}"
    listed = ", ".join(quote(column.target) for column in table.stored)
    sql = f"COPY {ddl.relation(target.schema, table.target)} ({listed}) FROM STDIN (FORMAT binary)"
    try:
        with connection.transaction(), connection.cursor() as cursor, cursor.copy(sql.encode()) as copy:
            copy.write(HEADER + body + TRAILER)
    except (psycopg.DataError, psycopg.IntegrityError) as exc:
        return "; ".join(part for part in (exc.diag.message_primary, exc.diag.message_detail) if part)
    return ""


def _cells(table: TablePlan, raw: Mapping[str, Any]) -> Iterator[Cell]:
    for column in table.stored:
        value = raw["value"] if column.name == raw["column"] else raw["row"][column.name]
        yield _stored(value)


def _stored(value: Any) -> Cell:  # noqa: ANN401  a cell of the file
    if isinstance(value, Mapping):
        return base64.b64decode(value["$b"]) if "$b" in value else float(value["$r"])
    if isinstance(value, str):
        return Text(value.encode())
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} is not a value of a cell")
