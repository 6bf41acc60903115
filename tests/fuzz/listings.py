"""What servers list: FTP, SFTP, HTTP index pages, the web host's own program, and the names in all of them."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime
from http.client import HTTPException, parse_headers
from pathlib import Path

from recon_cli.core.place import Place
from recon_cli.files.encoding import NameCodec
from recon_cli.files.ftp.replies import OutOfStepError, Replies
from recon_cli.files.http import actionlist, autoindex
from recon_cli.files.http import replies as http_replies
from recon_cli.files.listing.lines import LineReader
from recon_cli.files.listing.mlsx import mlsx_row, read_mlsd
from recon_cli.files.sftp import wire
from recon_cli.files.sftp.hostkeys import KnownHosts
from tests.fuzz.harness import target

NOW = datetime(2026, 2, 28, 12, tzinfo=UTC)
UNIX = (
    b"total 12\r\ndrwxr-xr-x   2 me  www   4096 Nov 21 09:31 files\r\n-rw-r--r--  1 me  www  12 Jul 14  2017 a b.txt\r\n"
    b"lrwxrwxrwx 1 me www 4 Jan  1 2020 link -> a b.txt\r\n-rw-r--r-- 1 1000 1000 7 2025-11-21 09:31 \xb7\xce\xb0\xed.png\r\n"
)
DOS = b"02-28-26  09:31AM       <DIR>          files\r\n2026-02-28  21:31                 12 a.txt\r\n"
EPLF = b"+i8388621.29609,m824255902,/,\tdev\r\n+i8388621.44468,m839956783,r,s10376,\tRFCEPLF\r\n"
MLSD = (
    b"type=cdir;modify=20260228120000; .\r\ntype=dir;modify=20260228120000;unique=1g2; files\r\n"
    b"type=file;size=12;modify=20260228120000.123;UNIX.mode=0644; a b.txt\r\ntype=OS.unix=slink:/x; link\r\n"
)
NGINX = (
    b'<html><head><title>Index of /x/</title></head><body><h1>Index of /x/</h1><hr><pre><a href="../">../</a>\n'
    b'<a href="a%20b.txt">a b.txt</a>      21-Nov-2025 09:31    1.2K\n<a href="d/">d/</a> 21-Nov-2025 09:31 -\n</pre></body></html>'
)
APACHE = (
    b'<html><head><title>Index of /x</title></head><body><h1>Index of /x</h1><table><tr><td><a href="?C=N;O=D">Name</a></td></tr>'
    b'<tr><td><a href="b.png">b.png</a></td><td align="right">2025-11-21 09:31  </td><td> 12K</td></tr></table></body></html>'
)
MODELS = (
    b'{"status":"success","models":[{"model_id":"0123456789abcdef0123456789abcdef","files":'
    b'[{"name":"model.obj","size":12,"modified":1764000000},{"name":"t.png","size":"1.2 KB","modified":"2025-11-21 09:31:00"}]}]}'
)


@target(UNIX, DOS, EPLF)
def ftp_list(data: bytes, _folder: Path) -> None:
    reader = LineReader(NOW)
    half = len(data) // 2
    for block in (data, data[:half], data[half:]):
        for row in reader.read(block).rows:
            assert b"\r\n" not in row.name  # a bare line feed may be part of a name where lines end with both


@target(MLSD)
def ftp_mlsd(data: bytes, _folder: Path) -> None:
    read_mlsd(data)
    mlsx_row(data)


@target(b"220-hello\r\n220 ready\r\n213-files\r\n a\r\n213 end\r\n", b"150 go\n226 done\n", refuses=(OutOfStepError,))
def ftp_replies(data: bytes, _folder: Path) -> None:
    replies = Replies()
    for start in range(0, len(data), max(1, len(data) // 7)):
        replies.feed(data[start : start + max(1, len(data) // 7)])
        while (found := replies.next()) is not None:
            assert found.words is not None
            assert isinstance(found.body, bytes)


@target(NGINX, APACHE)
def index_page(data: bytes, _folder: Path) -> None:
    for one in autoindex.parse(data, "http://host/x/", UTC).items or ():
        assert one.raw not in {b"", b".", b".."}
        assert b"/" not in one.raw


@target(MODELS)
def action_list(data: bytes, _folder: Path) -> None:
    for listing in actionlist.tree_of(actionlist.models_in(data, "http://host/delete.php"), UTC):
        for entry in listing.entries:
            assert ".." not in entry.path.split("/")


@target(b"Last-Modified: Fri, 21 Nov 2025 09:31:00 GMT\r\nContent-Length: 12\r\n\r\n", refuses=(HTTPException,))
def http_headers(data: bytes, _folder: Path) -> None:
    headers = parse_headers(io.BytesIO(data + b"\r\n\r\n"))
    http_replies.modified(headers)
    http_replies.length(headers)


def _packet(kind: int, body: bytes) -> bytes:
    return struct.pack(">IB", len(body) + 1, kind) + body


def _string(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


_NAME = struct.pack(">II", 7, 1) + _string(b"a b.txt") + _string(b"-rw-r--r-- 1 me www 12 Nov 21 09:31 a b.txt")
_ATTRIBUTES = struct.pack(">IQIIIII", 0b1111, 12, 0, 0, 0o100644, 1764000000, 1764000000)


@target(
    _packet(wire.Kind.NAME, _NAME + _ATTRIBUTES),
    _packet(wire.Kind.STATUS, struct.pack(">II", 7, 1) + _string(b"end") + _string(b"en")),
    refuses=(struct.error, ValueError),
)
def sftp_packets(data: bytes, _folder: Path) -> None:
    """`Lister` and `reading` answer for struct.error and ValueError: the packet, not the run, is given up."""
    for reply in wire.Packets().feed(data):
        for read in (wire.names, wire.status):
            try:
                read(reply)
            except (struct.error, ValueError):
                continue


@target("로고.png\nmodel.obj\n".encode(), "로고.png\n앞면(1).jpg".encode("cp949"), b"\xff\n\x80")
def names(data: bytes, _folder: Path) -> None:
    """A name, of which a path has several, is found again by its text."""
    codec = NameCodec("auto")
    raw = data.replace(b"/", b"").split(b"\n")
    codec.see(raw)
    for one in raw:
        assert one in codec.candidates(codec.decode(one))


@target(
    b"host ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJm1Vd8eJ0sBq0J0s8cFhz7v1c0y0uZ4nJ8p1yQ0b3mA\n|1|c2FsdA==|aGFzaA== ssh-rsa AAAA\n"
)
def known_hosts(data: bytes, folder: Path) -> None:
    path = folder / "known_hosts"
    path.write_bytes(data)
    KnownHosts(Place("sftp://host/", options={"known_hosts": str(path)}), "host", 22).kinds()
