"""The commands that list a store: ours, rclone, lftp; and what each of their listings says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.turns import Contestant, RefusedError

Listing = dict[str, int]
"""Path → size of every file."""

LFTP_LINE = re.compile(r"^-\S+ .*? (\d+) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.+)$")


@dataclass(frozen=True, slots=True)
class Target:
    """A server as a command is told of it; `key_file` and `host_key` are for SFTP."""

    scheme: str
    port: int
    user: str
    password: str = ""
    path: str = "/"
    key_file: str = ""
    host_key: str = ""

    @property
    def url(self) -> str:
        """The address, without a password."""
        return f"{self.scheme}://{self.user}@127.0.0.1:{self.port}{self.path}"


def ours(target: Target, want: Listing, scratch: Path, *, exact: bool) -> Contestant:
    """`recon scan`, with the password in a file as recon.toml wants it."""
    (scratch / "password").write_text(target.password)
    (scratch / "password").chmod(0o600)
    lines = ["version = 1", "[files.bench]", f'url = "{target.url}"']
    lines += [f'key_file = "{target.key_file}"'] if target.key_file else [f'password_file = "{scratch}/password"']
    if target.host_key:
        (scratch / "known_hosts").write_text(f"[127.0.0.1]:{target.port} {target.host_key}\n")
        lines.append(f'known_hosts = "{scratch}/known_hosts"')
    (scratch / "recon.toml").write_text("\n".join(lines) + "\n")
    command = [program("recon"), "scan", "bench", "--json-lines", "--mtime", "exact" if exact else "none"]
    env = {"RECON_STATE_DIR": str(scratch / "state"), "RECON_CONFIG": str(scratch / "recon.toml")}
    return Contestant("recon scan, exact times" if exact else "recon scan", command, complete(read_ours, want), env)


def rclone(target: Target, want: Listing, *, exact: bool, checkers: int = 8) -> Contestant:
    """`rclone lsjson -R`: no configuration file, no retries that would hide a failure.

    With times it asks for each file's where the listing has none, for minutes: once is enough then.
    """
    rc = program("rclone")
    where = f":{target.scheme},host=127.0.0.1,port={target.port},user={target.user}"
    if target.key_file:
        where += f",key_file={target.key_file},shell_type=none"
    else:
        hidden = subprocess.run([rc, "obscure", target.password], capture_output=True, text=True, check=True)
        where += f",pass={hidden.stdout.strip()}"
    times = [] if exact else ["--no-modtime"]
    command = [rc, "lsjson", "-R", *times, "--checkers", str(checkers), "--config", "", "--retries", "1"]
    name = "rclone, exact times" if exact else "rclone"
    once = 1 if exact else None
    return Contestant(name, [*command, f"{where}:{target.path}"], complete(read_rclone, want), at_most=once, tries=3)


def lftp(target: Target, want: Listing, command: str, env: dict[str, str]) -> Contestant:
    """`lftp -e 'find -l'`, one run: it walks alone, one directory after the other."""
    site = f"-p {target.port} -u '{target.user},{target.password}' {target.scheme}://127.0.0.1"
    script = f"set net:max-retries 1; open {site}; find -l {target.path}; exit"
    read = complete(read_lftp, want)
    return Contestant("lftp find", [command, "--norc", "-c", script], read, env, at_most=1, tries=3)


def program(name: str) -> str:
    """A program of this environment, or of the machine."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise RefusedError(f"`{name}` is not installed here")
    return found


def complete(read: Callable[[Iterable[str]], Iterator[tuple[str, int]]], want: Listing) -> Callable[[Path], None]:
    """A check that a listing has every file with its size, and nothing else."""

    def check(out: Path) -> None:
        with out.open(encoding="utf-8") as lines:
            have = dict(read(lines))
        missing, extra = sorted(want.items() - have.items()), sorted(have.items() - want.items())
        if missing or extra:
            raise RefusedError(f"{len(missing)} missing {missing[:3]}, {len(extra)} too many {extra[:3]}")

    return check


def read_ours(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    """`recon scan --json-lines`."""
    for line in lines:
        entry = json.loads(line)
        if entry.get("type") == "file":
            yield entry["path"], entry["size"]


def read_rclone(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    """`rclone lsjson`: one entry a line inside one array."""
    for line in lines:
        if line.startswith("{"):
            entry = json.loads(line.rstrip().rstrip(","))
            if not entry["IsDir"]:
                yield entry["Path"], entry["Size"]


def read_lftp(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    """`lftp find -l`."""
    for line in lines:
        if found := LFTP_LINE.match(line.rstrip("\n")):
            yield os.path.normpath(found[2]).lstrip("/"), int(found[1])
