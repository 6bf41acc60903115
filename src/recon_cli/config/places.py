"""Names and URLs to Places: what a command was given becomes something that can be opened."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from recon_cli.config import secret
from recon_cli.config.layers import Setting
from recon_cli.config.near import suggest
from recon_cli.config.settings import Settings
from recon_cli.core.errors import ConfigError, ReconError, UsageError
from recon_cli.core.place import Place
from recon_cli.ops import redact

Warn = Callable[[str], None]
_NOT_OPTIONS = frozenset({"url", "password_file", "password_command"})
_SCHEME = re.compile(r"[a-zA-Z][\w+.-]*://")
_GIT = "git:"
STANDARD_OUTPUT = "-"
_DATABASE_FILES = (".db", ".sqlite", ".sqlite3", ".db3")
_SECRET_FIELDS = re.compile(r"[?&](password|passwd|pwd|sslpassword|token|api_?key)=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Route:
    """`[tables.NAME]`: which files become which records, by whose rules. `shape` and `zone` may be empty."""

    name: str
    system: str
    source: Place
    target: Place
    also: tuple[str, ...] = ()
    take: tuple[str, ...] = ()
    shape: str = ""
    zone: str = ""


def _quiet(_warning: str) -> None:
    """Say nothing."""


def resolve_files(settings: Settings, name_or_url: str, warn: Warn = _quiet) -> Place:
    """The files called `name_or_url`: a name of `[files]`, a URL, or a local folder.

    Raises:
        UsageError: no such name; or the URL holds a password, which everybody would see in the list of processes.
        ConfigError: the place is configured wrongly.
    """
    return _resolve(settings, "files", name_or_url, warn)


def resolve_store(settings: Settings, name_or_url: str, warn: Warn = _quiet) -> Place:
    """The records called `name_or_url`: a name of `[stores]`, a URL, or a database file. Raises as `resolve_files`."""
    return _resolve(settings, "stores", name_or_url, warn)


def resolve_table(settings: Settings, name: str, warn: Warn = _quiet) -> Route:
    """The route called `name`.

    Raises:
        UsageError: no such name.
        ConfigError: it, or a place it names, is configured wrongly.
    """
    keyed = settings.named("tables", name)
    if not keyed:
        raise unknown(settings, "tables", name)
    needed = {key: needs("tables", name, keyed, key) for key in ("system", "from", "to")}
    return Route(
        name,
        str(needed["system"].value),
        end(settings, "files", needed["from"], warn),
        end(settings, "stores", needed["to"], warn),
        texts(keyed, "also", anchored=True),
        texts(keyed, "take"),
        str(keyed["shape"].value) if "shape" in keyed else "",
        str(keyed["zone"].value) if "zone" in keyed else "",
    )


def has_password(url: str) -> bool:
    """Whether a URL carries a secret, also where the secret breaks the URL's syntax (`ftp://u:a/b@host`)."""
    if not _SCHEME.match(url):
        return False
    if _SECRET_FIELDS.search(url):
        return True
    try:
        parts = urlsplit(url)
    except ValueError:
        return "@" in url
    if "@" in parts.netloc:
        return bool(parts.netloc.rpartition("@")[0].partition(":")[2])
    after_colon = re.sub(r"^\[[^\]]*\]", "", parts.netloc).partition(":")[2]
    return "@" in url and not after_colon.isdigit() and bool(after_colon)


def _resolve(settings: Settings, section: str, name_or_url: str, warn: Warn) -> Place:
    if settings.named(section, name_or_url):
        return _named(settings, section, name_or_url, warn)
    if has_password(name_or_url):
        raise UsageError(
            f"there is a password in the URL {redact.text(name_or_url)}",
            cause="every user of this machine sees it in the list of processes",
            hint=f"leave it out and set `{secret.variable(section)}`, or use `password_file` in recon.toml",
        )
    if not _is_address(name_or_url):
        raise unknown(settings, section, name_or_url)
    try:
        urlsplit(name_or_url)
    except ValueError as exc:
        hint = "an IPv6 address stands in brackets: `ftp://[::1]/folder`"
        raise UsageError(f"{name_or_url} is no URL", cause=str(exc).lower(), hint=hint) from exc
    return _bare(section, anchor(section, name_or_url, Path.cwd()))


def _named(settings: Settings, section: str, name: str, warn: Warn) -> Place:
    keyed = settings.named(section, name)
    if "url" not in keyed:
        hint = f'add `url = "…"` to [{section}.{name}]'
        raise ConfigError(f"`{section}.{name}` has no `url`", cause=str(next(iter(keyed.values())).source), hint=hint)
    url = _clean(section, keyed["url"])
    fetch = secret.source(section, name, keyed)
    told = secret.warning(keyed) if fetch and fetch[0] == "password_file" else None
    if told:
        warn(told)
    options = {key: _option(one) for key, one in keyed.items() if key not in _NOT_OPTIONS}
    if fetch:
        return Place(url, name, secret.once(fetch[1]), options)
    return _with_netrc(section, Place(url, name, options=options))


def _bare(section: str, url: str) -> Place:
    fetch = secret.source(section, "", {})
    return Place(url, secret=secret.once(fetch[1])) if fetch else _with_netrc(section, Place(url))


def _with_netrc(section: str, place: Place) -> Place:
    """The place with login and password from netrc, if it is for files and netrc knows the host."""
    parts = urlsplit(place.url)
    host = parts.hostname if section == "files" and parts.scheme in {"ftp", "ftps", "sftp", "http", "https"} else None
    found = secret.from_netrc(host, unquote(parts.username or "")) if host else None
    if found is None:
        return place
    login, password = found
    address = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=f"{quote(login, safe='')}@{address}")) if login else place.url
    return Place(url, place.name, secret.once(lambda: password), place.options)


def _clean(section: str, setting: Setting) -> str:
    url = str(setting.value)
    if has_password(url):
        owner, name, _ = setting.key.split(".")
        variable = secret.variable(section, name if owner == section else "")
        raise ConfigError(
            f"there is a password in `{setting.key}`",
            cause=str(setting.source),
            hint=f'leave it out and say `password_file = "…"`, or set `{variable}`',
        )
    return anchor(section, url, setting.source.base)


def anchor(section: str, url: str, base: Path) -> str:
    """The URL with a relative local path made absolute from `base`; a database file becomes a sqlite URL."""
    if url.startswith("sqlite") and ":///" in url:
        scheme, _, path = url.partition(":///")
        stays = not path or path.startswith(("/", ":memory:"))
        return url if stays else f"{scheme}:///{base / Path(path).expanduser()}"
    if _SCHEME.match(url) or url == "sqlite://":
        return url
    if url.startswith(_GIT):
        return f"{_GIT}{base / Path(url.removeprefix(_GIT)).expanduser()}"
    if url == STANDARD_OUTPUT:
        return url
    path = str(base / Path(url).expanduser())
    return f"sqlite:///{path}" if section == "stores" else path


def end(settings: Settings, section: str, setting: Setting, warn: Warn) -> Place:
    """One end of a route: as `_resolve`, but a wrong value is a wrong setting, and paths start at its file."""
    address = str(setting.value)
    if settings.named(section, address):
        return _named(settings, section, address, warn)
    if not _is_address(address):
        known = settings.names(section)
        cause = f"{setting.source} says `{address}`"
        raise ConfigError(f"`{setting.key}` names no known place", cause=cause, hint=_meant(section, address, known))
    return _bare(section, _clean(section, setting))


def needs(section: str, name: str, keyed: Mapping[str, Setting], key: str) -> Setting:
    """A key that `[section.name]` cannot do without.

    Raises:
        ConfigError: it is not there.
    """
    if key in keyed:
        return keyed[key]
    where = str(next(iter(keyed.values())).source)
    raise ConfigError(
        f"`{section}.{name}` has no `{key}`", cause=where, hint=f'add `{key} = "…"` to [{section}.{name}]'
    )


def texts(keyed: Mapping[str, Setting], key: str, *, anchored: bool = False) -> tuple[str, ...]:
    """A key's list of texts, empty if it is not set; `anchored`: they are paths, relative to the file that says so."""
    if key not in keyed or not isinstance(keyed[key].value, tuple):
        return ()
    setting = keyed[key]
    found = tuple(str(item) for item in setting.value)  # type: ignore[union-attr]  # a tuple, as asked above
    return tuple(anchor("files", text, setting.source.base) for text in found) if anchored else found


def _is_address(text: str) -> bool:
    """Whether a word is meant as an address: a URL, a path by its looks, or a path that is there."""
    by_looks = text.startswith((".", "/", "~", _GIT)) or "/" in text or text.endswith(_DATABASE_FILES)
    return bool(_SCHEME.match(text)) or by_looks or text in {"sqlite://", STANDARD_OUTPUT} or Path(text).exists()


def unknown(settings: Settings, section: str, name: str) -> ReconError:
    """The error for a name that a section does not define."""
    known = settings.names(section)
    kind = {"files": "files", "stores": "store", "tables": "table", "backups": "backup", "syncs": "sync"}[section]
    nothing = f"define it as [{section}.{name}] in recon.toml" + (", or give a URL" if section == "stores" else "")
    return UsageError(f"no {kind} named `{redact.text(name)}`", hint=_meant(section, name, known, nothing))


def _meant(section: str, word: str, known: Sequence[str], nothing: str = "") -> str:
    """What an unknown word may be meant as; a folder need not be there yet."""
    hint = suggest(word, known, "" if known else nothing)
    return "; ".join(filter(None, (hint, f"for a folder write `./{redact.text(word)}`" if section == "files" else "")))


def _option(setting: Setting) -> str | int | float | bool:
    value = setting.value
    return ",".join(value) if isinstance(value, tuple) else value
