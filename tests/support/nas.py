"""A NAS of small exports, of which it is known which are valid and which nobody can take; and the proof after a fault.

The proof is always the same: the rows of the target are the valid sources, the dead letters are the poison, nothing is
in both, nothing is nowhere, and the books of the queue agree.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from recon_cli.jobs.sync.init import init
from recon_cli.jobs.sync.replay import replay
from recon_cli.ops.clock import SystemClock
from recon_cli.outbox.item import Limits
from recon_cli.outbox.opening import open_outbox
from recon_cli.outbox.verify import verify
from recon_cli.stores.sink.registry import open_sink
from recon_cli.systems import registry
from tests.support.recon import Done, Recon
from tests.support.targets import RestTarget, SqliteTarget, Target

FIRST = 638961224831992165
"""Session ids begin here: above 2^53, where a float would make many one."""
SETTINGS = """\
version = 1
[stores.target]
url = '{url}'
timeout_s = {timeout_s}
[syncs.gfx]
system = 'gfx'
from = './nas'
to = 'target'
settle_s = 0.02
{more}
"""
POISONED_TITLE = "POISON"


def export(number: int, *, hands: int = 1, title: str = "Main Event", pad_bytes: int = 0, **more: Any) -> bytes:
    """A small export; each number is a session of its own, more hands of it another content."""
    played = [{"HandNum": hand, "StartDateTimeUTC": "2025-10-16T08:28:10.1234567Z"} for hand in range(1, hands + 1)]
    content = {"ID": FIRST + number, "EventTitle": title, "Type": "FEATURE_TABLE", "Hands": played, **more}
    if pad_bytes:
        content["Notes"] = "x" * pad_bytes
    return json.dumps(content, ensure_ascii=False).encode()


def spoilt(number: int, kind: str) -> bytes:
    """One kind of poison: refused by every target, by Postgres alone (`NUL`, `float`), or before any."""
    if kind in {"check", "trigger"}:
        return export(number, title=f"{POISONED_TITLE} {kind}")
    if kind == "NUL":
        return export(number, Notes="§").replace("§".encode(), b"\\u0000")
    if kind == "float":
        return export(number, Notes=0).replace(b'"Notes": 0', b'"Notes": 1e999999')
    if kind == "list":
        return b"[" + export(number) + b"]"
    return export(number).replace(b'"Hands"', b'"Hands')


EVERYWHERE = ("check", "trigger", "list", "broken")
IN_POSTGRES = (*EVERYWHERE, "NUL", "float")


def sha(raw: bytes) -> str:
    """The identity of a content."""
    return hashlib.sha256(raw).hexdigest()


@dataclass
class Nas:
    """A folder with PCs in it, and what has to become of its files."""

    root: Path
    valid: dict[str, bytes] = field(default_factory=dict)
    poison: dict[str, bytes] = field(default_factory=dict)

    def path(self, number: int, pc: str = "PC01") -> Path:
        """Where an export lies."""
        return self.root / pc / "hands" / f"PGFX_live_data_export GameID={FIRST + number}.json"

    def write(self, numbers: Iterable[int], pc: str = "PC01", **how: Any) -> None:
        """Valid exports."""
        for number in numbers:
            self.put(self.path(number, pc), export(number, **how))

    def spoil(self, numbers: Iterable[int], kind: str = "check") -> None:
        """Exports that nobody can take."""
        for number in numbers:
            raw = spoilt(number, kind)
            self.put(self.path(number), raw, good=False)

    def put(self, path: Path, raw: bytes, *, good: bool = True) -> None:
        """One file, whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        (self.valid if good else self.poison)[sha(raw)] = raw


@dataclass
class Site:
    """A NAS, `recon` and an empty target, made ready by `recon sync init`."""

    recon: Recon
    target: Target
    nas: Nas

    @property
    def folder(self) -> Path:
        return self.recon.folder

    @property
    def queue(self) -> Path:
        return self.folder / "state" / "queue.db"

    def settings(self, *, url: str = "", more: str = "", timeout_s: float = 10) -> None:
        """A recon.toml with a sync called `gfx`."""
        text = SETTINGS.format(url=url or self.target.place.url, more=more, timeout_s=timeout_s)
        (self.folder / "recon.toml").write_text(text)

    def __call__(self, *words: str, expect: int | None = 0, recon: Recon | None = None) -> Any:
        """`recon WORDS --json`; its document."""
        done = self.done(*words, expect=expect, recon=recon)
        return json.loads(done.out) if done.out else done.err

    def done(self, *words: str, expect: int | None = 0, recon: Recon | None = None) -> Done:
        """The same, as it ended."""
        return (recon or self.recon)(*words, "--json", expect=expect, env=self.password())

    def sync(self, *words: str, expect: int | None = 0) -> Any:
        """One run."""
        return self("sync", "gfx", "--once", *words, expect=expect)

    def password(self) -> dict[str, str]:
        """The target's key, as the variable that gives it."""
        return {"RECON_STORES_TARGET_PASSWORD": next(iter(self.target.env.values()), "")}

    def init(self) -> None:
        """The tables that `recon sync init` makes, and a rule of the target that refuses what is poisoned."""
        owner = self.target.behind if isinstance(self.target, RestTarget) else self.target
        with closing(open_sink(owner.place)) as sink:
            init(registry.feed("gfx"), sink, owner.place, apply=True)
        self.target.make(*(_SQLITE_RULES if isinstance(self.target, SqliteTarget) else _POSTGRES_RULES))

    def replayed(self, *, times: int = 6) -> None:
        """What `recon queue replay` does, until nothing waits: each time spends one attempt of what is refused."""
        place = replace(self.target.place, name="target")
        with open_outbox(self.queue, SystemClock(), "replay", Limits(ballast_bytes=0)) as queue:
            for _ in range(times):
                if not queue.waiting():
                    return
                replay(queue, lambda _name: place)

    def prove(self, *, lost: bool = False) -> None:
        """Rows are the valid sources, dead letters the poison; see above. `lost`: a damaged queue may name losses."""
        rows = [found for (found,) in self.target.ask("SELECT file_hash FROM gfx_sessions")]
        assert len(rows) == len(set(rows))
        dead = {sha(raw) for raw in dead_letters(self.queue)}
        assert set(rows) == set(self.nas.valid), _told(set(rows), set(self.nas.valid))
        assert dead == set(self.nas.poison), _told(dead, set(self.nas.poison))
        assert not dead & set(rows)
        left = books(self.queue)
        assert (left["waiting"], left["spilled"]) == (0, 0)
        assert lost or not left["lost"]


def _told(found: set[str], wanted: set[str]) -> str:
    return f"{len(wanted - found)} of {len(wanted)} missing, {len(found - wanted)} too many"


_REFUSE_HERE = """
CREATE TRIGGER refuses BEFORE INSERT ON gfx_sessions WHEN NEW.event_title LIKE 'POISON%'
BEGIN SELECT RAISE(ABORT, 'poison'); END
"""
_SQLITE_RULES = (_REFUSE_HERE,)
_REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.event_title = 'POISON trigger' THEN RAISE EXCEPTION 'poison'; END IF; RETURN NEW; END $$
"""
_POSTGRES_RULES = (
    "ALTER TABLE gfx_sessions ADD CHECK (event_title <> 'POISON check')",
    _REFUSE,
    "CREATE TRIGGER refuses BEFORE INSERT ON gfx_sessions FOR EACH ROW EXECUTE FUNCTION refuse()",
)


@contextmanager
def reading(queue: Path) -> Iterator[sqlite3.Connection]:
    """A queue file, as an onlooker has it."""
    with closing(sqlite3.connect(f"{queue.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as db:
        yield db


def books(queue: Path) -> dict[str, int]:
    """Every account's number of items, after the books were found right."""
    with reading(queue) as db:
        report = verify(db, queue)
        assert report.right, report.wrong
        return {account.value: one.items for account, one in report.accounts.items()}


def dead_letters(queue: Path) -> list[bytes]:
    """The contents that were given up."""
    with reading(queue) as db:
        return [bytes(raw) for (raw,) in db.execute("SELECT payload FROM dead")]


def attempts(queue: Path) -> dict[str, int]:
    """Attempts spent by what still waits, by path."""
    with reading(queue) as db:
        rows = db.execute("SELECT i.meta, t.failures FROM items i JOIN tries t ON t.id = i.id WHERE t.failures > 0")
        return {json.loads(meta)["path"]: failures for meta, failures in rows}
