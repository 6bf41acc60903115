"""Unpack the FTP servers and lftp into a folder, without installing them: their Debian packages exclude one another.

Run `python tests/support/fetch_servers.py DIR`, then the tests with `RECON_SYSTEM_DIR=DIR`. Running it again is free.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

WANTED = ("vsftpd", "proftpd-core", "proftpd-mod-crypto", "pure-ftpd", "lftp")
PROGRAMS = (
    "usr/sbin/vsftpd",
    "usr/sbin/proftpd",
    "usr/lib/proftpd/mod_tls.so",
    "usr/sbin/pure-ftpd",
    "usr/bin/pure-pw",
    "usr/bin/lftp",
)


def main(argv: list[str]) -> int:
    """Fetch what is missing below the folder named first in `argv`; 0 when every program finds its libraries."""
    if len(argv) != 1:
        return _say("usage: python tests/support/fetch_servers.py DIR", code=2)
    folder = Path(argv[0]).resolve()
    (folder / "debs").mkdir(parents=True, exist_ok=True)
    for package in WANTED:
        _unpack(folder, package)
    packages = sorted(stamp.name.removesuffix(".done") for stamp in (folder / "debs").glob("*.done"))
    while wanted := [name for name in _library_packages(folder, packages) if name not in packages]:
        for package in wanted:
            _unpack(folder, package)
        packages += wanted
    left = _missing_libraries(folder)
    absent = [program for program in PROGRAMS if not (folder / program).exists()]
    if left or absent:
        return _say(f"still missing: {', '.join([*absent, *sorted(left)])}", code=1)
    return _say(f"ready: RECON_SYSTEM_DIR={folder}")


def library_path(folder: Path) -> str:
    """The value of LD_LIBRARY_PATH that lets programs unpacked below `folder` find their libraries."""
    found = {path.parent for path in folder.glob("usr/lib/**/*.so*")} | {
        path.parent for path in folder.glob("lib/**/*.so*")
    }
    return os.pathsep.join(sorted(str(path) for path in found))


def _say(text: str, code: int = 0) -> int:
    sys.stdout.write(text + "\n")
    return code


def _unpack(folder: Path, package: str) -> None:
    stamp = folder / "debs" / f"{package}.done"
    if stamp.exists():
        _say(f"{package}: there already")
        return
    subprocess.run(["apt-get", "download", "-qq", package], cwd=folder / "debs", check=True, capture_output=True)
    deb = max((folder / "debs").glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
    subprocess.run(["dpkg", "-x", str(deb), str(folder)], check=True)
    stamp.touch()
    _say(f"{package}: unpacked {deb.name}")


def _library_packages(folder: Path, packages: list[str]) -> Iterator[str]:
    """Dependencies of `packages` that bring a library the programs do not find."""
    missing = _missing_libraries(folder)
    shown = subprocess.run(["apt-cache", "depends", *packages], check=True, capture_output=True, text=True).stdout
    for package in sorted(set(re.findall(r"Depends: (lib[^\s:]+)", shown))):
        flat = package.replace("-", "").replace("t64", "")
        if any(_package_stem(name) == flat for name in missing):
            yield package


def _package_stem(soname: str) -> str:
    """The Debian package name of a library by convention: libwrap.so.0 → libwrap0, without hyphens."""
    return soname.replace(".so.", "").replace("-", "")


def _missing_libraries(folder: Path) -> set[str]:
    environment = {**os.environ, "LD_LIBRARY_PATH": library_path(folder)}
    missing: set[str] = set()
    for program in PROGRAMS:
        shown = subprocess.run(
            ["ldd", str(folder / program)], env=environment, capture_output=True, text=True, check=False
        )
        missing.update(re.findall(r"(\S+) => not found", shown.stdout))
    return missing


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
