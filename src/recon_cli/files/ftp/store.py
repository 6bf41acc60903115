"""The store of files behind an FTP or FTPS server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recon_cli.core.entry import Entry, Listing, Precision
from recon_cli.core.errors import NotFoundError, UsageError
from recon_cli.core.place import Place, redact
from recon_cli.files.base import FileRef, ScanOptions
from recon_cli.files.encoding import UTF8, NameCodec, raw_unless_utf8
from recon_cli.files.ftp.address import login_of, root_of
from recon_cli.files.ftp.probe import Ways, shown, shown_path
from recon_cli.files.ftp.scan import PATIENCE, Course, Scan
from recon_cli.files.ftp.session import Login
from recon_cli.files.ftp.transfer import Desk
from recon_cli.files.walk import LOOK_ABOVE

_TIMEOUT_S = 30.0


class FtpStore:
    """Files below one folder of an FTP server. Nothing is sent before the first method is called."""

    def __init__(self, place: Place) -> None:
        self.url = redact(place.url)
        self._place = place
        self._timeout_s = place.number("timeout_s", _TIMEOUT_S)
        self._names = NameCodec(place.text("encoding", "auto"))
        self._login_kept: Login | None = None
        self._root = root_of(place)
        self._scanning: Scan | None = None
        self._desk = Desk(
            lambda: self._login, self._root, self._timeout_s, self._make_room, utf8=self._names.encoding == UTF8
        )

    @property
    def _login(self) -> Login:
        if self._login_kept is None:
            self._login_kept = login_of(self._place)
        return self._login_kept

    def scan(self, under: str = "", options: ScanOptions | None = None) -> Iterator[Listing]:
        """List everything below `under` over the control channel where the server allows it."""
        options = options or ScanOptions()
        names = self._names if options.encoding == "auto" else NameCodec(options.encoding)
        return self._watched(self._scan(self._under(under, names), options, names))

    def stat(self, ref: FileRef) -> Entry:
        """One entry: by MLST, by SIZE and MDTM, else from its folder's listing."""
        raw = self._raw(ref)
        row = self._desk.row(raw)
        if row is None:
            return self._from_listing(raw)
        name = self._names.decode(raw)
        stamp = row.stamp
        return Entry(
            name,
            row.type,
            row.size_bytes,
            stamp.moment if stamp else None,
            stamp.precision if stamp else Precision.NONE,
            raw_unless_utf8(name, raw),
            "MLST" if row.unique else "SIZE",
        )

    def read(self, ref: FileRef, *, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset`, in chunks."""
        return self._desk.read(self._raw(ref), offset, size_bytes)

    def tail(self, ref: FileRef, size_bytes: int) -> bytes:
        """The last bytes."""
        raw = self._raw(ref)
        whole = self._desk.size(raw)
        return b"".join(self._desk.read(raw, max(0, whole - size_bytes), min(whole, size_bytes)))

    def write(self, ref: FileRef, chunks: Iterable[bytes]) -> None:
        """Publish a file whole: stored beside, then renamed."""
        self._desk.write(self._raw(ref), chunks)

    def remove(self, ref: FileRef) -> None:
        """Delete one file."""
        self._desk.remove(self._raw(ref))

    def probe(self) -> dict[str, str]:
        """What the server can do, in words."""
        scan = self._scan(b"", ScanOptions(connections=1, max_depth=0), self._names)
        listings = list(scan.listings())
        assert scan.ways is not None
        return described(scan.ways, self._login, self._names, scan.zone_words, listings)

    def close(self) -> None:
        """Give the connection back."""
        self._desk.close()

    def _scan(self, under: bytes, options: ScanOptions, names: NameCodec) -> Scan:
        course = Course(
            self._login,
            self._root,
            self._timeout_s,
            zone=self._place.text("zone"),
            patience=int(self._place.number("retries", PATIENCE)),
            before_resuming=self._desk.close,
        )
        return Scan(course, under, options, names)

    def _watched(self, scan: Scan) -> Iterator[Listing]:
        """The scan's listings; reading files meanwhile may pause it."""
        self._desk.close()
        self._scanning = scan
        try:
            yield from scan.listings()
        finally:
            self._scanning = None

    def _make_room(self) -> bool:
        if self._scanning is None or self._scanning.paused:
            return False
        self._scanning.pause()
        return True

    def _under(self, path: str, names: NameCodec) -> bytes:
        return self._raw(names.encode(path))

    def _raw(self, ref: FileRef) -> bytes:
        raw = ref if isinstance(ref, bytes) else self._names.encode(ref)
        if b".." in raw.split(b"/"):
            raise UsageError(f"{shown_path(raw)} leads out of {self.url}", hint="give a path below the store's root")
        return raw.strip(b"/")

    def _from_listing(self, raw: bytes) -> Entry:
        """For servers without MLST, SIZE or for folders on them: what the parent's listing says."""
        parent = raw.rpartition(b"/")[0]
        for listing in self._scan(parent, ScanOptions(connections=1, max_depth=0), self._names).listings():
            for entry in listing.entries:
                if self._raw(entry.ref) == raw:
                    return entry
        raise NotFoundError(f"no {shown_path(raw)} below {self.url}", hint=LOOK_ABOVE)


def described(ways: Ways, login: Login, names: NameCodec, zone: str, listings: list[Listing]) -> dict[str, str]:
    """The findings of a probe for `recon doctor`."""
    root = next((listing for listing in listings if not listing.path), None)
    return {
        "server": ways.greeting.splitlines()[0].partition(" ")[2].strip("- ") if ways.greeting else "",
        "listing": ways.listing + (f" ({ways.why})" if ways.why else ""),
        "data channel": shown(ways.data) if ways.data else f"none ({ways.why})",
        "times": "exact (MDTM)" if b"MDTM" in ways.features else "as listed",
        "zone": zone,
        "encoding": names.encoding,
        "tls": login.tls or "none",
        "root": f"{shown_path(ways.root)}, {len(root.entries) if root else 0} entries",
    }
