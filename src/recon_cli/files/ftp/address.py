"""From a place to a login and a root: what the URL and the options of `recon.toml` mean for FTP."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from recon_cli.core.errors import ConfigError
from recon_cli.core.place import Place
from recon_cli.files.ftp.session import Login

if TYPE_CHECKING:
    import ssl

_TLS_BY_SCHEME = {"ftp": "", "ftps": "implicit", "ftpes": "explicit"}
_PORT, _IMPLICIT_PORT = 21, 990
_FALSE = ("0", "false", "no", "off")


def login_of(place: Place) -> Login:
    """Whom to call. The password is fetched here and nowhere else."""
    parts = urlsplit(place.url)
    tls = place.text("tls") or _TLS_BY_SCHEME.get(parts.scheme, "")
    if tls not in ("", "explicit", "implicit", "off"):
        raise ConfigError(f"`tls = {tls!r}` of {place.label} is unknown", hint="use `explicit`, `implicit` or `off`")
    tls = "" if tls == "off" else tls
    if not parts.hostname:
        raise ConfigError(f"{place.label} has no host", hint="write it as `ftp://user@host/path`")
    user = unquote_to_bytes(parts.username or "").decode() or "anonymous"
    password = place.secret()
    if password is None:
        password = "" if parts.username else "recon@"
    return Login(
        host=parts.hostname,
        port=_port(place) or (_IMPLICIT_PORT if tls == "implicit" else _PORT),
        user=user,
        password=password,
        label=place.label,
        tls=tls,
        context=_context(place) if tls else None,
    )


def root_of(place: Place) -> bytes:
    """The root's path: relative to the login folder, absolute with `ftp://host//path` or `%2F`, as in RFC 1738."""
    path = unquote_to_bytes(urlsplit(place.url).path.removeprefix("/"))
    return path.rstrip(b"/") or (b"/" if path else b"")


def _port(place: Place) -> int | None:
    try:
        return urlsplit(place.url).port
    except ValueError as error:
        raise ConfigError(
            f"{place.label} has an impossible port", cause=str(error), hint="leave it out for 21"
        ) from error


def _context(place: Place) -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - only TLS pays for it

    authority = place.text("ca_file")
    try:
        context = ssl.create_default_context(cafile=authority or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"`ca_file` of {place.label} cannot be read", cause=str(error), hint="name a PEM file"
        ) from error
    if place.text("tls_verify", "true").lower() in _FALSE:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
