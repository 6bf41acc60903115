"""Write docs/reference/licences.md from the metadata of what is installed; `--check` only says whether it is current.

The page tells of the lock's versions for CPython 3.11 on Linux: other machines may bring a package more or less.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "licences.md"
ALWAYS = "always"
LEFT_OUT = frozenset({"gpu", "all"})
"""`gpu` brings torch, which weighs gigabytes and is in no session; `all` is the others together."""
MACHINE = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "linux",
}
WORDS = {
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "BSD License": "BSD",
    "BSD 3-Clause License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""Trove classifiers and free words, as SPDX has them (https://spdx.org/licenses/) where they are exact enough."""
TOLD = {"paramiko": "LGPL-2.1-only", "pyftpdlib": "MIT", "pyrage": "MIT"}
"""Where the licence file or the repository of a package says more than its metadata."""
STRONG = re.compile(r"(?<![A-Z])A?GPL", re.ASCII)
"""Licences that would bind whatever is distributed with them; the lesser GPL is not one."""
_LONGEST = 60


def licence(name: str) -> str:
    """What a package says of its licence, shortly."""
    if name in TOLD:
        return TOLD[name]
    found = metadata.metadata(name).json
    if "license_expression" in found:
        return str(found["license_expression"])
    words = [one.rpartition(" :: ")[2] for one in found.get("classifier", ()) if one.startswith("License :: OSI")]
    text = str(found.get("license", "")).strip().partition("\n")[0]
    if not words and 0 < len(text) <= _LONGEST:
        words = [text]
    return " or ".join(sorted({WORDS.get(word, word) for word in words})) or "not told"


def closure(wanted: Sequence[Requirement]) -> Iterator[str]:
    """The names of these packages and of all that they need on `MACHINE`."""
    seen: set[tuple[str, frozenset[str]]] = set()
    ahead = list(wanted)
    while ahead:
        one = ahead.pop()
        key = (canonicalize_name(one.name), frozenset(one.extras))
        if key in seen or key[0] == "recon-cli":
            continue
        seen.add(key)
        yield key[0]
        needed = map(Requirement, metadata.requires(key[0]) or ())
        ahead += [other for other in needed if any(_meant(other, extra) for extra in ("", *one.extras))]


def _meant(one: Requirement, extra: str) -> bool:
    return one.marker is None or one.marker.evaluate({**MACHINE, "extra": extra})


def packages() -> dict[str, list[str]]:
    """Package → what brings it: `always`, or the names of extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups: Mapping[str, Sequence[str]] = {ALWAYS: project["dependencies"], **project["optional-dependencies"]}
    found: dict[str, list[str]] = {}
    for group in (one for one in groups if one not in LEFT_OUT):
        for name in set(closure([Requirement(one) for one in groups[group]])):
            if ALWAYS not in found.get(name, ()):
                found.setdefault(name, []).append(group)
    return dict(sorted(found.items()))


def page() -> str:
    """The whole page."""
    rows = "\n".join(f"| {name} | {licence(name)} | {', '.join(by)} |" for name, by in packages().items())
    return f"""<!-- made by tools/licences.py: `nox -s docs -- --write` -->
# Licences of what recon needs

recon itself is under the Apache License 2.0 ([LICENSE](../../LICENSE)) and ships nothing of these packages: a package
manager fetches them. The list is made from the metadata of the versions in `requirements/lock.txt`, for CPython 3.11 on
Linux; `gpu` (torch, gsplat and NVIDIA's libraries, under licences of their own) is not in the lock. No photo and no
font is shipped.

Nothing that is always there, and nothing that an extra brings, is under the GPL or AGPL; a test of this page says so.
Under the **LGPL** are paramiko, psycopg and psycopg-pool. recon imports them unchanged, as separate packages that
anybody may replace, which the LGPL allows to a program of any licence. Whoever hands recon on together with them, as in
a container image or a frozen executable, owes its receivers their licence texts and source, and the means to replace
them. `psycopg[binary]` carries libpq (PostgreSQL licence) and OpenSSL (Apache-2.0). orjson and certifi carry files
under the MPL-2.0, which binds those files alone.

| package | licence | for |
|---|---|---|
{rows}
"""


def main(argv: Sequence[str]) -> int:
    """Write or check; 1 where the page is out of date."""
    current = PAGE.exists() and PAGE.read_text("utf-8") == page()
    if not current and "--check" not in argv:
        PAGE.write_text(page(), "utf-8")
        return 0
    return 0 if current else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
