"""The ends that the commands of `recon backup` take: databases, destinations and the snapshots in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click

from recon_cli.cli.invocation import Invocation
from recon_cli.config import backups
from recon_cli.config.places import STANDARD_OUTPUT
from recon_cli.core.errors import UsageError
from recon_cli.core.place import Place
from recon_cli.core.report import Report
from recon_cli.jobs.backup.destination import LATEST, Destination
from recon_cli.jobs.backup.places import Wish, open_destination
from recon_cli.jobs.backup.run import COMPRESSIONS
from recon_cli.jobs.backup.shape import Packing
from recon_cli.jobs.backup.sides import Side, of_snapshot, of_view
from recon_cli.snapshot.manifest import NAME, Compression
from recon_cli.snapshot.opened import open_snapshot
from recon_cli.snapshot.reader import Snapshot
from recon_cli.stores.bulk.base import BulkStore
from recon_cli.stores.bulk.registry import open_bulk, serves

STDOUT = STANDARD_OUTPUT
_NAME = re.compile(r"\d{8}T\d{6}Z(-\d+)?|[0-9a-f]{7,64}|latest")
_ARCHIVES = (".tar", ".tar.zst", ".tar.gz", ".tar.age", ".tar.zst.age", ".tar.gz.age")


@dataclass(frozen=True, slots=True)
class Opened:
    """A snapshot open for reading; `home` is the URL of what keeps it."""

    snapshot: Snapshot
    label: str
    home: str


def identity(call: Invocation, key: Path | None = None) -> Path | None:
    """The key that opens encrypted snapshots: the flag's, else the one that is set."""
    return key or backups.general(call.settings).identity_file


def recipients(encrypt: Sequence[str]) -> tuple[str, ...]:
    """The age recipients of `--encrypt age:…` as typed.

    Raises:
        UsageError: another kind of encryption is asked for.
    """
    for one in encrypt:
        if not one.startswith(("age:", "age1")):
            raise UsageError(f"`--encrypt {one}` is unknown", hint="write it as `--encrypt age:age1…`, a public key")
    return tuple(one.removeprefix("age:") for one in encrypt)


def destination_place(call: Invocation, name_or_url: str) -> Place:
    """Where snapshots are kept: a name of [backups] or [files], a URL, a folder, `-`."""
    return backups.resolve_destination(call.settings, name_or_url, call.warn)


@dataclass(frozen=True, slots=True)
class Asked:
    """What flags say about a destination; None and empty leave it to the settings."""

    encrypt: Sequence[str] | None = None
    push: str | None = None
    compress: str = ""
    key: Path | None = None


@contextmanager
def destination(call: Invocation, name_or_url: str, asked: Asked = Asked()) -> Iterator[Destination]:
    """A destination, open; closed at the end. What the flags do not say, a backup of that name does."""
    target = named(call, name_or_url)
    place = target.to if target else destination_place(call, name_or_url)
    keys = asked.encrypt if asked.encrypt is not None else target.encrypt if target else ()
    push = asked.push if asked.push is not None else target.push if target else ""
    how = asked.compress or (target.compress if target else "")
    wish = _wish(keys, identity(call, asked.key), push, how)
    with closing(open_destination(place, wish)) as opened:
        yield opened


def _wish(encrypt: Sequence[str], key: Path | None, push: str, compress: str) -> Wish:
    how = COMPRESSIONS[compress] if compress else Compression.ZSTD
    return Wish(Packing(how, recipients(encrypt), key), push=push)


def named(call: Invocation, name: str) -> backups.Target | None:
    """The backup of that name, if there is one."""
    if not call.settings.named("backups", name):
        return None
    return backups.resolve_backup(call.settings, name, call.warn)


@contextmanager
def target_destination(call: Invocation, target: backups.Target) -> Iterator[Destination]:
    """The destination of a backup of recon.toml."""
    wish = _wish(target.encrypt, identity(call), target.push, target.compress)
    with closing(open_destination(target.to, wish)) as opened:
        yield opened


@contextmanager
def snapshot(call: Invocation, text: str, key: Path | None = None) -> Iterator[Opened]:
    """The snapshot that `text` names: a path, `DEST@NAME`, or a destination, whose latest it is."""
    if _is_snapshot(Path(text)):
        with closing(open_snapshot(Path(text), identity(call, key))) as found:
            yield Opened(found, text, str(Path(text).absolute()))
        return
    where, name = parted(text)
    with destination(call, where, Asked(key=key)) as opened, opened.open(name) as found:
        yield Opened(found, _label(where, name), opened.url)


def parted(text: str) -> tuple[str, str]:
    """`nightly@20261121T030000Z` as destination and name; without a name, the latest."""
    where, sign, name = text.rpartition("@")
    return (where, name) if sign and where and _NAME.fullmatch(name) else (text, LATEST)


def _label(where: str, name: str) -> str:
    return where if name == LATEST else f"{where}@{name}"


def _is_snapshot(path: Path) -> bool:
    return (path / NAME).is_file() or (path.is_file() and path.name.endswith(_ARCHIVES))


@contextmanager
def store(call: Invocation, name_or_url: str) -> Iterator[tuple[BulkStore, Place]]:
    """A database and its place; closed at the end."""
    place = call.store(name_or_url)
    with closing(open_bulk(place)) as opened:
        yield opened, place


@contextmanager
def side(call: Invocation, text: str, key: Path | None = None) -> Iterator[Side]:
    """A side of `diff`: a store by name or URL, else a snapshot."""
    if not _is_store(call, text):
        with snapshot(call, text, key) as opened:
            yield of_snapshot(opened.snapshot, opened.label)
        return
    with store(call, text) as (opened_store, _place), opened_store.join() as view:
        yield of_view(view, text)


def _is_store(call: Invocation, text: str) -> bool:
    """Whether a side of `diff` is a database: by its name, its URL, or as a file that is no archive."""
    if call.settings.named("stores", text):
        return True
    if call.settings.named("backups", text) or call.settings.named("files", text):
        return False
    if "://" in text:
        return serves(text)
    path = Path(text)
    return not path.name.endswith(_ARCHIVES) and (path.is_file() or serves(text))


def beside_the_stream(call: Invocation, report: Report) -> NoReturn:
    """End an export to standard output: the snapshot stands there, so the summary goes to standard error."""
    if not call.quiet:
        call.screen.say(report.summary)
    raise click.exceptions.Exit(int(report.exit_code))
