"""Host keys: whom we talk to is checked before any credential is sent."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import paramiko
from paramiko.hostkeys import InvalidHostKey

from recon_cli.core.errors import ConfigError, UnreachableError
from recon_cli.core.place import Place

ACCEPT_NEW = "accept-new"


class KnownHosts:
    """The `known_hosts` file of a place, and its `host_key` option: empty, `accept-new` or a `SHA256:…` fingerprint."""

    def __init__(self, place: Place, host: str, port: int) -> None:
        self._path = Path(place.text("known_hosts", "~/.ssh/known_hosts")).expanduser()
        self._option = place.text("host_key")
        self._name = host if port == 22 else f"[{host}]:{port}"  # noqa: PLR2004  SSH's port
        self._label = place.label
        self._keys = paramiko.HostKeys()
        if self._path.exists():
            self._load()

    def _load(self) -> None:
        try:
            self._keys.load(str(self._path))
        except (OSError, paramiko.SSHException, InvalidHostKey, UnicodeDecodeError) as exc:
            raise ConfigError(f"cannot read {self._path}", cause=str(exc), hint="look at `known_hosts`") from exc

    def kinds(self) -> list[str]:
        """The key types known for this host, for which the server should be asked first."""
        return list((self._keys.lookup(self._name) or {}).keys())

    def check(self, key: paramiko.PKey) -> None:
        """Accept the server's key or refuse to go on.

        Raises:
            UnreachableError: the key is unknown, or not the one that is known.
        """
        shown = fingerprint(key)
        if self._option.startswith("SHA256:"):
            if self._option.rstrip("=") != shown:
                raise self._refused(shown, "it is not the fingerprint in `host_key`")
        elif self._keys.check(self._name, key):
            return
        elif self._keys.lookup(self._name):
            raise self._refused(shown, f"{self._path} holds another key for {self._name}")
        elif self._option == ACCEPT_NEW:
            self._remember(key)
        else:
            hint = (
                f"compare {shown} with the server's own key; if it is right, set "
                f'`host_key = "{shown}"`, or `host_key = "{ACCEPT_NEW}"` to accept new keys unseen'
            )
            raise UnreachableError(f"the host key of {self._name} is not known", cause=f"{shown}", hint=hint)

    def _refused(self, shown: str, why: str) -> UnreachableError:
        hint = f"if the server was set up anew, run `ssh-keygen -R '{self._name}'`; if not, somebody may be in between"
        return UnreachableError(f"{self._label} shows another host key: {shown}", cause=why, hint=hint)

    def _remember(self, key: paramiko.PKey) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with open(number, "w", encoding="ascii") as file:  # noqa: PTH123  a descriptor, not a path
            file.write(f"{self._name} {key.get_name()} {key.get_base64()}\n")
        self._keys.add(self._name, key.get_name(), key)


def fingerprint(key: paramiko.PKey) -> str:
    """The fingerprint as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
