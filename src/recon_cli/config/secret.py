"""Passwords: fetched when the connection is made, from where the operator put them, and never shown.

The order is that of all settings, the nearer wins: `RECON_FILES_<NAME>_PASSWORD`, the systemd credential
`recon.files.<NAME>.password`, `password_file` or `password_command`, and for files the `~/.netrc` of the host.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from recon_cli.config.layers import Setting
from recon_cli.config.reference import variable_part
from recon_cli.core.errors import AuthError, ConfigError, ToolMissingError
from recon_cli.ops import redact

COMMAND_TIMEOUT_S = 120.0  # long enough to type a passphrase
_BY_HAND = "run it by hand to see what it says"
_NETRC = "correct that line, or name a `password_file`"
_READABLE = "name a UTF-8 file that you may read"

Fetch = Callable[[], str | None]


def variable(section: str, name: str = "") -> str:
    """The environment variable with the password of a place; without a name, that of a bare URL."""
    return f"RECON_{section.upper()}_{variable_part(name)}_PASSWORD" if name else f"RECON_{section.upper()}_PASSWORD"


def source(section: str, name: str, keyed: Mapping[str, Setting]) -> tuple[str, Fetch] | None:
    """Where the password of a place comes from, in words, and how to fetch it; None if nothing is configured.

    Raises:
        ConfigError: both a file and a command are named.
    """
    if os.environ.get(variable(section, name)):
        return f"`{variable(section, name)}`", lambda: os.environ.get(variable(section, name))
    credential = _credential(section, name)
    if credential is not None:
        return "systemd credential", lambda: _from_file(credential)
    return _configured(f"{section}.{name}", keyed)


def token(section: str, keyed: Mapping[str, Setting]) -> tuple[str, Fetch] | None:
    """Where the token of a section comes from, likewise: `RECON_<SECTION>_TOKEN`, `recon.<section>.token`, `token_…`.

    Raises:
        ConfigError: both a file and a command are named.
    """
    named = f"RECON_{section.upper()}_TOKEN"
    if os.environ.get(named):
        return f"`{named}`", lambda: os.environ.get(named)
    credential = _credential(section, "", "token")
    if credential is not None:
        return "systemd credential", lambda: _from_file(credential)
    return _configured(section, keyed, "token")


def _configured(place: str, keyed: Mapping[str, Setting], word: str = "password") -> tuple[str, Fetch] | None:
    file, command = keyed.get(f"{word}_file"), keyed.get(f"{word}_command")
    if file and command and file.source.layer is command.source.layer:
        message = f"`{place}` has both `{word}_file` and `{word}_command`"
        raise ConfigError(message, cause=f"{file.source}, {command.source}", hint="keep one of them")
    if file and (command is None or file.source.layer.strength > command.source.layer.strength):
        path = Path(str(file.value))
        return f"{word}_file", lambda: _from_file(path)
    if command is not None:
        words, folder = _words(command), command.source.base
        return f"{word}_command", lambda: _from_command(words, folder)
    return None


def once(fetch: Fetch) -> Fetch:
    """Fetch a secret at most once, also from several threads, and hide it in every text from then on."""
    lock, kept = threading.Lock(), list[str | None]()

    def fetched() -> str | None:
        with lock:
            if not kept:
                secret = fetch()
                kept.append(secret if secret is None else redact.remember(secret))
            return kept[0]

    return fetched


def warning(keyed: Mapping[str, Setting], word: str = "password") -> str | None:
    """What to tell about a password file that everybody on the machine can read."""
    file = keyed.get(f"{word}_file")
    try:
        mode = Path(str(file.value)).stat().st_mode if file else 0
    except OSError:
        return None  # the error comes when the secret is fetched
    if file is None or not mode & stat.S_IROTH:
        return None
    import shlex  # noqa: PLC0415  the rare path

    return f"everybody on this machine can read {file.value}; run `chmod 600 {shlex.quote(str(file.value))}`"


def from_netrc(host: str, user: str) -> tuple[str, str] | None:
    """The login and password of a host in `~/.netrc` (or `$NETRC`); a named user must match.

    Raises:
        ConfigError: the file cannot be read as netrc.
    """
    path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    if not path.is_file():
        return None
    import netrc  # noqa: PLC0415  few have such a file

    try:
        found = netrc.netrc(path).authenticators(host)
    except (netrc.NetrcParseError, OSError) as exc:
        raise ConfigError(f"cannot read {path}", cause=getattr(exc, "msg", None) or str(exc), hint=_NETRC) from exc
    if found is None or not found[2] or (user and user != found[0]):
        return None
    return found[0], found[2]


def _credential(section: str, name: str, word: str = "password") -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder or "/nonexistent") / ".".join(part for part in ("recon", section, name, word) if part)
    return path if folder and path.is_file() else None


def _from_file(path: Path) -> str:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        cause = getattr(exc, "strerror", None) or "it is not UTF-8"
        raise ConfigError(f"cannot read the password file {path}", cause=cause, hint=_READABLE) from exc
    return _first_line(text, f"the password file {path}")


def _from_command(words: list[str], folder: Path) -> str:
    import subprocess  # noqa: PLC0415  costs more than all of the settings

    try:
        done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, timeout=COMMAND_TIMEOUT_S, check=True)
    except FileNotFoundError as exc:
        hint = "install it, or write its whole path"
        raise ToolMissingError(f"`{words[0]}` of `password_command` is not installed", hint=hint) from exc
    except subprocess.CalledProcessError as exc:
        cause = f"exit status {exc.returncode}"
        raise AuthError(f"the password command `{words[0]}` failed", cause=cause, hint=_BY_HAND) from exc
    except subprocess.TimeoutExpired as exc:
        cause = f"no answer in {COMMAND_TIMEOUT_S:.0f} s"
        raise AuthError(f"the password command `{words[0]}` failed", cause=cause, hint=_BY_HAND) from exc
    except OSError as exc:
        raise AuthError(f"cannot run the password command `{words[0]}`", cause=exc.strerror, hint=_BY_HAND) from exc
    return _first_line(done.stdout.decode("utf-8", "replace"), f"the answer of the password command `{words[0]}`")


def _words(command: Setting) -> list[str]:
    import shlex  # noqa: PLC0415  only for a command

    value = command.value
    try:
        return shlex.split(value) if isinstance(value, str) else [*value] if isinstance(value, tuple) else []
    except ValueError as exc:
        hint = 'write it as a list of words: `["pass", "show", "host"]`'
        raise ConfigError(f"`{command.key}` cannot be split into words", cause=str(exc).lower(), hint=hint) from exc


def _first_line(text: str, holder: str) -> str:
    line = text.partition("\n")[0].rstrip("\r")
    if not line:
        raise ConfigError(f"{holder} is empty", hint="its first line is taken as the password")
    return line
