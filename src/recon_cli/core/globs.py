"""Path patterns for `--include` and `--exclude`: the gitignore reading most operators know.

`*` and `?` stay within one name, `**` crosses folders, `[...]` is a set. A pattern without a slash matches a name at
any depth; with one it is tied to the root. A pattern that matches a folder covers everything in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from recon_cli.core.errors import UsageError

_LONGEST, _MOST_STARS = 1000, 10
_TOKEN = re.compile(r"/\*\*/|\*\*/|/\*\*|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def compile_glob(pattern: str) -> re.Pattern[str]:
    """The regular expression that a path relative to the root must match in full.

    Raises:
        UsageError: it is no pattern, such as one with the set `[z-a]`.
    """
    pattern = re.sub(r"\*{3,}", "**", pattern)
    if len(pattern) > _LONGEST or pattern.count("*") > _MOST_STARS:
        cause = f"it has more than {_LONGEST} letters, or {_MOST_STARS} stars: matching it could take for ever"
        raise UsageError("a pattern is too long", cause=cause, hint="write several shorter ones")
    body = "".join(_translate(token) for token in _TOKEN.findall(pattern.strip("/")))
    prefix = "" if "/" in pattern.rstrip("/") else "(?:.*/)?"
    try:
        return re.compile(f"{prefix}{body}(?:/.*)?", re.DOTALL)
    except re.error as exc:
        raise UsageError(f"`{pattern}` is no pattern", cause=exc.msg, hint="a set goes upwards: `[a-z]`") from exc


def _translate(token: str) -> str:
    fixed = {"/**/": "/(?:.*/)?", "**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if token in fixed:
        return fixed[token]
    if token.startswith("[") and token not in {"[", "[]", "[!]"}:
        inner = token[1:-1].replace("\\", "\\\\").replace("[", "\\[")
        return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
    return re.escape(token)


@dataclass(frozen=True, slots=True)
class PathFilter:
    """Which paths are wanted: all that no exclude matches and, when there are includes, that one of them matches."""

    includes: tuple[re.Pattern[str], ...] = ()
    excludes: tuple[re.Pattern[str], ...] = ()

    @staticmethod
    def of(includes: Iterable[str] = (), excludes: Iterable[str] = ()) -> PathFilter:
        """A filter from patterns as typed."""
        return PathFilter(tuple(map(compile_glob, includes)), tuple(map(compile_glob, excludes)))

    @property
    def takes_all(self) -> bool:
        """Whether there is nothing to filter."""
        return not self.includes and not self.excludes

    def wants(self, path: str) -> bool:
        """Whether a path is to be shown."""
        if self.excluded(path):
            return False
        return not self.includes or any(one.fullmatch(path) for one in self.includes)

    def excluded(self, path: str) -> bool:
        """Whether a path, and so everything below it, is left out."""
        return any(one.fullmatch(path) for one in self.excludes)
