"""Each store with each fault: the outbox keeps all, exit code and words say what it is, and then all arrives once.

Git has faults of its own kind: `test_git_faults.py`. A token of Firestore that is refused: `test_firestore_login.py`.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from recon_cli.core.place import Place
from recon_cli.jobs.sync import init
from recon_cli.stores.registry import open_records
from recon_cli.stores.sink.registry import open_sink
from recon_cli.systems import registry
from tests.support.proxy import Proxy
from tests.support.recon import Recon, as_a_mortal, in_folder, inside
from tests.support.redis_server import RedisServer, Upstash
from tests.support.system import require
from tests.support.targets import MysqlTarget, PostgresTarget, RestTarget, SqliteTarget

pytestmark = pytest.mark.slow

PASSWORD = "RECON_STORES_THERE_PASSWORD"
RIGHT, LATER = "the-right-one", "the-later-one"
FULL = "could not extend file: No space left on device"
Mend: TypeAlias = "Callable[[], object]"


@dataclass
class Shop:
    """One store as a clerk reaches it: `place` is its owner's way in.

    `fill` makes it full, `expire` lets the clerk's secret run out; each gives what mends it. After `expire` was mended
    `later` is the clerk's secret.
    """

    url: str
    secret: str
    port: int
    place: Place
    fill: Callable[[], Mend] | None = None
    full_says: str = ""
    expire: Callable[[], Mend] | None = None
    later: str = LATER
    env: dict[str, str] = field(default_factory=dict)


def redis_shop(request: pytest.FixtureRequest) -> Shop:
    server: RedisServer = request.getfixturevalue("redis_server_")
    url = server.database()
    server.ask(0, "ACL", "SETUSER", "clerk", "reset", "on", f">{RIGHT}", "~*", "&*", "+@all")

    def fill() -> Mend:
        server.ask(0, "CONFIG", "SET", "maxmemory", "1")
        return lambda: server.ask(0, "CONFIG", "SET", "maxmemory", "0")

    def expire() -> Mend:
        server.ask(0, "ACL", "SETUSER", "clerk", "resetpass", f">{LATER}")
        return lambda: None

    place = Place(url, secret=lambda: server.password)
    return Shop(url.replace("//", "//clerk@"), RIGHT, server.port, place, fill, "give it more memory", expire)


def upstash_shop(request: pytest.FixtureRequest) -> Shop:
    rest: Upstash = request.getfixturevalue("upstash")

    def fill() -> Mend:
        told = {"error": "ERR max daily request limit exceeded. Limit: 10000, Usage: 10000"}
        rest.fail = lambda _words: (400, {}, told)
        return lambda: setattr(rest, "fail", lambda _words: None)

    def expire() -> Mend:
        rest.token = LATER
        return lambda: None

    return Shop(rest.url, rest.token, rest.port, Place(rest.url, secret=lambda: rest.token), fill, "limit", expire)


def firestore_shop(request: pytest.FixtureRequest) -> Shop:
    place: Place = request.getfixturevalue("firestore_db")
    address = os.environ["FIRESTORE_EMULATOR_HOST"]
    port = int(address.rpartition(":")[2])
    return Shop(place.url, "", port, place, env={"FIRESTORE_EMULATOR_HOST": address})


def postgres_shop(request: pytest.FixtureRequest) -> Shop:
    pg: PostgresTarget = request.getfixturevalue("pg")
    made(pg.place)
    role = f"clerk_{os.getpid()}"
    granted = f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
    pg.make(f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role} LOGIN PASSWORD '{RIGHT}'", granted)
    request.addfinalizer(lambda: pg.make(f"DROP OWNED BY {role}", f"DROP ROLE {role}"))

    def expire() -> Mend:
        pg.make(f"ALTER ROLE {role} VALID UNTIL '2001-01-01'")
        pg.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")  # noqa: S608  our own words
        return lambda: pg.make(f"ALTER ROLE {role} VALID UNTIL 'infinity'")

    url = pg.url.replace(f"//{re.split('//|@', pg.url)[1]}@", f"//{role}@")
    return Shop(url, RIGHT, pg.server.port, pg.place, lambda: full(pg), FULL, expire, later=RIGHT)


def rest_shop(request: pytest.FixtureRequest) -> Shop:
    rest: RestTarget = request.getfixturevalue("rest")
    made(rest.behind.place)

    def expire() -> Mend:
        rest.rest.key = LATER
        return lambda: None

    url, key = rest.place.url, rest.rest.key
    return Shop(url, key, rest.rest.port, rest.behind.place, lambda: full(rest.behind), FULL, expire)


def full(pg: PostgresTarget) -> Mend:
    """A disk that is full, as far as one table can tell: the server's own state and words, given by a trigger."""
    body = f"BEGIN RAISE EXCEPTION '{FULL}' USING ERRCODE = '53100'; END"
    pg.make(
        f"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON conversations FOR EACH ROW EXECUTE FUNCTION full_disk()",
    )
    return lambda: pg.make("DROP FUNCTION full_disk CASCADE")


def mysql_shop(request: pytest.FixtureRequest) -> Shop:
    maria: MysqlTarget = request.getfixturevalue("maria")
    made(maria.place)
    name, clerk = maria.url.rpartition("/")[2], "clerk@'127.0.0.1'"
    maria.make(f"CREATE OR REPLACE USER {clerk} IDENTIFIED BY '{RIGHT}'", f"GRANT ALL ON `{name}`.* TO {clerk}")

    def fill() -> Mend:
        maria.make(
            "CREATE TRIGGER full_disk BEFORE INSERT ON conversations FOR EACH ROW"
            " SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'"
        )
        return lambda: maria.make("DROP TRIGGER full_disk")

    def expire() -> Mend:
        maria.make(f"ALTER USER {clerk} PASSWORD EXPIRE")
        return lambda: maria.make(f"ALTER USER {clerk} IDENTIFIED BY '{LATER}'")

    return Shop(
        maria.server.url(name, "clerk"), RIGHT, maria.server.port, maria.place, fill, "The table is full", expire
    )


def made(place: Place) -> None:
    """The tables, as `recon sync init` makes them."""
    with closing(open_sink(place)) as sink:
        init.init(registry.feed("conversations"), sink, place, apply=True)


@dataclass
class Site:
    """A folder of logs, and `recon` before one store."""

    recon: Recon
    secret: str = ""
    files: int = 0
    apart: bool = False
    """Whether runs are processes of their own: locks of files do not hold within one."""

    def sync(self, secret: str | None = None) -> tuple[int, Any, str]:
        """One more file, and one run: exit code, document, and its problems in words."""
        self.files += 1
        text = f"## 🗣️ **나질문**\n\n{self.files}번째 말\n"
        (self.recon.folder / "logs" / f"방{self.files}.md").write_text(text)
        held = self.secret if secret is None else secret
        recon = replace(self.recon, env={**self.recon.env, **({PASSWORD: held} if held else {})})
        words = ("sync", "talk", "--once", "--json")
        done = recon(*words, expect=None) if self.apart else inside(recon, *words)
        assert not held or held not in done.out + done.err
        told = " ".join(f"{one['reason']}: {one['detail']}" for one in done.document["problems"])
        return done.code, done.document, told

    def all_there_once(self, place: Place) -> bool:
        """Whether the store has one turn of each file."""
        with closing(open_records(place)) as store:
            rows = [one.values["turn_id"] for one in store.read("conversations") if one.values["kind"] != "raw"]
        return len(rows) == len(set(rows)) == self.files


def site_at(folder: Path, url: str, secret: str = "", **env: str) -> Site:
    (folder / "logs").mkdir()
    (folder / "recon.toml").write_text(
        f'version = 1\n[stores.there]\nurl = "{url}"\ntimeout_s = 1\n'
        '[syncs.talk]\nsystem = "conversations"\nfrom = "logs"\nto = "there"\nsettle_s = 0.01\n'
    )
    return Site(in_folder(folder, **env), secret)


SHOPS = [redis_shop, upstash_shop, firestore_shop, postgres_shop, rest_shop, mysql_shop]


@pytest.fixture(params=SHOPS)
def shop(request: pytest.FixtureRequest) -> Shop:
    return request.param(request)  # type: ignore[no-any-return]  # as pytest has it


@pytest.fixture
def proxy(shop: Shop) -> Iterator[Proxy]:
    with Proxy(shop.port) as between:
        yield between


def test_every_store_keeps_all_with_every_fault_says_what_it_is_and_gets_all_once(
    tmp_path: Path, shop: Shop, proxy: Proxy
) -> None:
    def via(text: str) -> str:
        return text.replace(f":{shop.port}", f":{proxy.port}")

    site = site_at(tmp_path, via(shop.url), shop.secret, **{name: via(value) for name, value in shop.env.items()})
    assert site.sync()[0] == 0
    waiting = 0

    def strikes() -> Iterator[tuple[str, str]]:
        for size_bytes in (400, 2_500):
            proxy.cut_after(size_bytes, times=1000)
            yield f"cut after {size_bytes}", "transient"
            proxy.resume()
            proxy.stall_after(size_bytes)
            yield f"silent after {size_bytes}", "transient"
            proxy.resume()
        proxy.refuse()
        yield "away", "transient"
        proxy.refuse(refusing=False)
        if shop.fill:
            mend = shop.fill()
            yield "full", shop.full_says
            mend()

    for name, said in strikes():
        code, document, told = site.sync()
        waiting += 1 - document["delivered"]
        assert (name, code, document["waiting"], document["buried"], document["retried"]) == (name, 13, waiting, 0, 0)
        assert said in told, (name, told)
    if shop.secret:
        waiting += 1
        refused(site.sync("a-wrong-one"), waiting)
    if shop.expire:
        waiting += 1
        mend = shop.expire()
        refused(site.sync(), waiting)
        mend()
        site.secret = shop.later
    code, document, told = site.sync()
    assert (code, document["waiting"], document["delivered"]) == (0, 0, waiting + 1), told
    assert site.all_there_once(shop.place)


def refused(done: tuple[int, Any, str], waiting: int) -> None:
    """The login was not taken; nothing was lost, and it says where to look."""
    code, document, told = done
    assert (code, document["waiting"], document["delivered"]) == (12, waiting, 0), told
    assert re.search("look at|check user|Double check", told), told


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    size = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run([require("mount", "mount"), *size], capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_sqlite_file_that_is_locked_read_only_or_on_a_full_disk_keeps_all_waiting(
    tmp_path: Path, small_disk: Path
) -> None:
    lite = SqliteTarget(small_disk / "target.db")
    made(lite.place)
    site = replace(site_at(tmp_path, lite.place.url), apart=True)
    assert site.sync()[0] == 0

    def strikes() -> Iterator[tuple[int, str]]:
        with closing(sqlite3.connect(lite.path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield 13, "locked"
            other.execute("ROLLBACK")
        lite.path.chmod(0o444)
        site.recon = as_a_mortal(site.recon)
        yield 12, "readonly"
        lite.path.chmod(0o644)
        filler = small_disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(512)):
                pass
        yield 13, "full"
        filler.unlink()

    for waiting, (expected, said) in enumerate(strikes(), 1):
        code, document, told = site.sync()
        assert (code, document["waiting"], document["buried"]) == (expected, waiting, 0), told
        assert said in told
    code, document, told = site.sync()
    assert (code, document["waiting"], document["delivered"]) == (0, 0, 4), told
    assert site.all_there_once(lite.place)
