"""The store of files behind an FTP or FTPS server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recon_cli.core.entry import Entry, Listing
from recon_cli.core.place import Place, redact
from recon_cli.files.base import FileRef, ScanOptions
from recon_cli.files.ftp.address import login_of, root_of
from recon_cli.files.ftp.encoding import Names
from recon_cli.files.ftp.scan import Scan
from recon_cli.files.ftp.session import Login

_TIMEOUT_S = 30.0


class FtpStore:
    """Files below one folder of an FTP server. Nothing is sent before the first method is called."""

    def __init__(self, place: Place) -> None:
        self.url = redact(place.url)
        self._place = place
        self._timeout_s = place.number("timeout_s", _TIMEOUT_S)
        self._names = Names(place.text("encoding", "auto"))
        self._login_kept: Login | None = None
        self._root = root_of(place)

    @property
    def _login(self) -> Login:
        if self._login_kept is None:
            self._login_kept = login_of(self._place)
        return self._login_kept

    def scan(self, under: str = "", options: ScanOptions | None = None) -> Iterator[Listing]:
        """List everything below `under` over the control channel where the server allows it."""
        options = options or ScanOptions()
        names = self._names if options.encoding == "auto" else Names(options.encoding)
        scan = Scan(
            self._login,
            self._root,
            names.encode(under),
            options,
            timeout_s=self._timeout_s,
            zone=self._place.text("zone"),
            names=names,
        )
        return scan.listings()

    def close(self) -> None:
        """Give the connection back."""
