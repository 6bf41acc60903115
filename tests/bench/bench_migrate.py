"""SQLite to Postgres: ours with the proof and without, by either reader, pgloader so that it survives, and the floor.

The floor is what no client can pass: ready-made binary COPY files, loaded by psql in two sessions with FREEZE, then the
same indexes. Whatever a command left is compared with the first, verified result before its time counts; of pgloader,
which writes REAL as float4, the rows are counted.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import psycopg

from tests.bench import moved, results, servers
from tests.bench.__main__ import Wish
from tests.bench.lister import program
from tests.bench.turns import Contestant, RefusedError, in_turn
from tests.support import postgres

SMOKE = 0.002
SCHEMA = "moved"
PGLOADER = ("prefetch rows = 10000", "batch rows = 5000", "batch size = 5MB")
MAKERS = {"wide": (moved.wide, moved.WIDE_ROWS), "narrow": (moved.narrow, moved.NARROW_ROWS)}
DEFAULTS = ("fsync=on", "jit=on")
"""Settings of tests taken back: the server runs as one that is installed and left alone."""


@dataclass
class Arena:
    """A server, and what each contestant cost it."""

    server: postgres.PostgresServer
    url: str
    watch: servers.Watch
    source: Path
    folder: Path
    before_s: float = 0.0
    server_s: dict[str, list[float]] = field(default_factory=dict)
    peak_bytes: dict[str, list[int]] = field(default_factory=dict)
    wanted: dict[str, object] = field(default_factory=dict)

    def sql(self, text: str) -> list[tuple[object, ...]]:
        """Run a statement; its rows, if it has any."""
        with psycopg.connect(self.url, password=self.server.password, autocommit=True) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []

    def clean(self) -> None:
        """Take away what the last command left, and begin to count."""
        self.sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        self.sql("DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public")
        self.sql("CHECKPOINT")
        self.watch.take()
        self.before_s = servers.cpu_s(self.server.pid)

    def count(self, name: str) -> None:
        """Note what a command cost the server, and how much memory its processes took together."""
        self.server_s.setdefault(name, []).append(servers.cpu_s(self.server.pid) - self.before_s)
        self.peak_bytes.setdefault(name, []).append(self.watch.take())


def cases(wish: Wish) -> Iterator[results.Case]:
    """Both data sets, one after the other."""
    scale = SMOKE if wish.smoke else wish.scale
    for name, (make, rows) in MAKERS.items():
        if not wish.only or any(word in name for word in wish.only):
            yield case(name, make, max(100, int(rows * scale)), wish)


def case(name: str, make: Callable[[Path, int], Path], rows: int, wish: Wish) -> results.Case:
    """One data set through all contestants in turn."""
    folder = wish.scratch / name
    folder.mkdir()
    source = make(folder / "source.db", rows)
    size = source.stat().st_size / 2**20
    with postgres.running(None, *DEFAULTS) as server, servers.Watch(server.pid) as watch:
        arena = Arena(server, server.database(), watch, source, folder)
        arena.clean()
        first = ours(arena, "recon migrate")
        in_turn([first], 0, wish.scratch)
        field_ = [one for one in contestants(arena) if one.name not in wish.without]
        outcomes = in_turn(field_, wish.runs, wish.scratch, warm_ups=0)  # the first run and the floor's files warmed up
        notes = noted(arena, wish.runs)
    return results.Case(f"{name}, {rows} rows, {size:.0f} MiB", tuple(outcomes), "pgloader", notes)


def contestants(arena: Arena) -> list[Contestant]:
    """All that take part; pgloader where it is installed."""
    field_ = [ours(arena, "recon migrate"), ours(arena, "recon, not verified", "--verify", "off")]
    if find_spec("recon_native"):
        field_.append(ours(arena, "in Python", native="off"))
        field_.append(ours(arena, "in Python, not verified", "--verify", "off", native="off"))
    return [*field_, floor(arena), *([pgloader(arena)] if shutil.which("pgloader") else [])]


def ours(arena: Arena, name: str, *options: str, native: str = "on") -> Contestant:
    """`recon migrate` into a schema of its own, by the compiled reader where it is there, or without (`off`)."""
    words = [program("recon"), "migrate", str(arena.source), arena.url, "--schema", SCHEMA, "-q", *options]
    env = {"RECON_STORES_PASSWORD": arena.server.password, "RECON_STATE_DIR": str(arena.folder / "state")}
    env["RECON_NATIVE"] = native
    return Contestant(name, words, checked(arena, name, SCHEMA), env)


def pgloader(arena: Arena) -> Contestant:
    """With the settings under which it does not exhaust its heap."""
    words = ["pgloader", *(word for setting in PGLOADER for word in ("--with", setting)), f"sqlite://{arena.source}"]
    url = arena.url.replace("recon@", f"recon:{arena.server.password}@")
    return Contestant("pgloader", [*words, url], checked(arena, "pgloader", "public", exact=False))


def floor(arena: Arena) -> Contestant:
    """Files that are ready to be loaded; made of what stands in the schema now."""
    script = arena.folder / "floor.sh"
    script.write_text(_floor(arena))
    arena.clean()
    return Contestant(
        "floor", ["sh", str(script)], checked(arena, "floor", SCHEMA), {"PGPASSWORD": arena.server.password}
    )


def checked(arena: Arena, name: str, schema: str, *, exact: bool = True) -> Callable[[Path], None]:
    """Compare what a command left with the first result, which stays for the floor to be made of."""

    def check(_out: Path) -> None:
        arena.count(name)
        have = contents(arena, schema, exact=exact)
        want = {table: value if exact else value[0] for table, value in arena.wanted.items()}  # type: ignore[index]
        if not arena.wanted:
            arena.wanted.update(have)
            return
        if have != want:
            raise RefusedError(f"{name}: {have} and not {want}")
        arena.clean()

    return check


def contents(arena: Arena, schema: str, *, exact: bool) -> dict[str, object]:
    """Of each table the number of rows, and the sum of a hash over each row's text."""
    tables = arena.sql(f"SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = '{schema}'::regnamespace")
    found: dict[str, object] = {}
    for (table,) in tables:
        digest = ", sum(hashtextextended(t::text, 0))" if exact else ""
        ((*told,),) = arena.sql(f'SELECT count(*){digest} FROM {schema}."{table}" t')
        found[str(table)] = tuple(map(str, told)) if exact else str(told[0])
    return found


def _floor(arena: Arena) -> str:
    """A shell script: two psql at once, each with half of the bytes, then the foreign keys."""
    tables = arena.sql(
        "SELECT relname, pg_table_size(c.oid) FROM pg_class c WHERE relkind = 'r' "
        f"AND relnamespace = '{SCHEMA}'::regnamespace ORDER BY 2 DESC"
    )
    sessions: list[tuple[list[str], int]] = [([], 0), ([], 0)]
    for table, size in tables:
        least = min(range(2), key=lambda place: sessions[place][1])
        lines, held = sessions[least]
        sessions[least] = ([*lines, *_table(arena, str(table))], held + int(str(size)))
    psql = shlex.join([str(arena.server.programs / "psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", arena.url])
    files = []
    for number, (lines, _) in enumerate(sessions):
        path = arena.folder / f"session{number}.sql"
        path.write_text("\n".join(["SET maintenance_work_mem = '512MB';", *lines]) + "\n")
        files.append(path)
    keys = arena.sql(
        "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        f"WHERE contype = 'f' AND connamespace = '{SCHEMA}'::regnamespace"
    )
    last = arena.folder / "keys.sql"
    last.write_text("".join(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {text};\n' for table, name, text in keys))
    return (
        f"set -e\n{psql} -c 'CREATE SCHEMA {SCHEMA}'\n{psql} -f {files[0]} & one=$!\n{psql} -f {files[1]}\n"
        f"wait $one\n{psql} -f {last}\n"
    )


def _table(arena: Arena, table: str) -> list[str]:
    """What loads one table: created and filled in one transaction, then its indexes."""
    path = arena.folder / f"{table}.copy"
    columns = arena.sql(
        "SELECT quote_ident(attname) || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attcollation <> 0 "
        "THEN ' COLLATE \"C\"' ELSE '' END || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END FROM pg_attribute "
        f"WHERE attrelid = '{SCHEMA}.{table}'::regclass AND attnum > 0 ORDER BY attnum"
    )
    indexes = arena.sql(
        f"SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '{SCHEMA}.{table}'::regclass"
    )
    with (
        psycopg.connect(arena.url, password=arena.server.password) as connection,
        connection.cursor().copy(f"COPY {SCHEMA}.{table} TO STDOUT (FORMAT binary)") as copy,
        path.open("wb") as out,
    ):
        for piece in copy:
            out.write(piece)
    return [
        "BEGIN;",
        f"CREATE TABLE {SCHEMA}.{table} ({', '.join(str(one[0]) for one in columns)});",
        f"\\copy {SCHEMA}.{table} FROM '{path}' (FORMAT binary, FREEZE)",
        "COMMIT;",
        *(f"{one[0]};" for one in indexes),
    ]


def noted(arena: Arena, runs: int) -> dict[str, str | int | float]:
    """The server's share, and memory over all processes of a command; the first run left out."""
    found: dict[str, str | int | float] = {}
    for name, seconds in arena.server_s.items():
        found[f"{name}: server cpu s"] = round(median(seconds[-runs:]), 2)
        found[f"{name}: peak MiB of all processes"] = round(max(arena.peak_bytes[name][-runs:]) / 2**20)
    return found


def versions() -> dict[str, str]:
    """The programs that took part."""
    told = {
        "recon": results.version(program("recon"), "--version"),
        "postgres": results.version(str(postgres.binaries() / "postgres"), "--version"),
    }
    return told | ({"pgloader": results.version("pgloader", "--version")} if shutil.which("pgloader") else {})
