"""A snapshot as one file: what went in comes out, and nothing else ever does."""

from __future__ import annotations

import contextlib
import io
import random
import tarfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from recon_cli.core.errors import AuthError, DataError, NotFoundError, ReconError, UsageError
from recon_cli.snapshot import archive
from recon_cli.snapshot.archive import unpack, write
from recon_cli.snapshot.check import verify, verify_path
from recon_cli.snapshot.cut import Cut, Scheme
from recon_cli.snapshot.manifest import Compression
from recon_cli.snapshot.opened import open_snapshot
from tests.support.snapshots import ODD, same, snapshot, table

pyrage = pytest.importorskip("pyrage")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made")
    snapshot(made, [(table("models"), ODD), (table("사용자/들"), ODD)], cut=Cut(Scheme.RANGE, 2))
    return made


def packed(folder: Path, compression: Compression = Compression.ZSTD, recipients: tuple[str, ...] = ()) -> bytes:
    sink = io.BytesIO()
    write(folder, sink, compression, recipients)
    return sink.getvalue()


@pytest.mark.parametrize("compression", Compression)
def test_an_archive_opens_as_the_folder_it_was_made_of_and_leaves_nothing(
    folder: Path, tmp_path: Path, compression: Compression
) -> None:
    file = tmp_path / f"one{archive.ENDINGS[compression]}"
    file.write_bytes(packed(folder, compression))
    with file.open("rb") as stream:
        found = unpack(stream, "it", scratch=tmp_path)
    assert found.manifest.tables
    assert same((row for rows in found.rows("사용자/들") for row in rows), ODD)
    assert list(verify(found)) == []
    found.close()
    found.close()
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("compression", Compression)
def test_the_same_snapshot_gives_the_same_archive(folder: Path, compression: Compression) -> None:
    assert packed(folder, compression) == packed(folder, compression)


@pytest.mark.parametrize("compression", Compression)
def test_the_usual_programs_can_read_it(folder: Path, compression: Compression) -> None:
    raw = packed(folder, compression)
    if compression is Compression.ZSTD:
        raw = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True).read()
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        names = tar.getnames()
    assert names[0] == "manifest.json"
    assert sorted(names) == sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


def test_an_archive_of_a_damaged_folder_is_not_made(folder: Path, tmp_path: Path) -> None:
    manifest = snapshot(tmp_path, [(table(), ODD)])
    path = tmp_path / next(iter(manifest.paths()))
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    with pytest.raises(DataError, match="damaged"):
        packed(tmp_path)


@pytest.mark.parametrize("compression", Compression)
def test_a_flipped_bit_or_a_missing_end_is_found(folder: Path, tmp_path: Path, compression: Compression) -> None:
    good = packed(folder, compression)
    file = tmp_path / "one"
    draw = random.Random(5)
    for place in [draw.randrange(len(good)) for _ in range(40)]:
        bad = bytearray(good)
        bad[place] ^= 1 << draw.randrange(8)
        file.write_bytes(bad)
        assert list(verify_path(file)), place
        file.write_bytes(good[:place])
        assert list(verify_path(file)), place
    file.write_bytes(good + b"\0")
    assert list(verify_path(file))


EVIL = [
    ("../out", tarfile.REGTYPE, b"x"),
    ("/tmp/out", tarfile.REGTYPE, b"x"),
    ("data/models/out", tarfile.REGTYPE, b"x"),
    ("manifest.json", tarfile.SYMTYPE, b""),
    ("manifest.json", tarfile.LNKTYPE, b""),
    ("manifest.json", tarfile.CHRTYPE, b""),
    ("manifest.json", tarfile.FIFOTYPE, b""),
    ("manifest.json", tarfile.GNUTYPE_SPARSE, b""),
    ("manifest.json", tarfile.DIRTYPE, b""),
]


@pytest.mark.parametrize(("name", "kind", "content"), EVIL)
@pytest.mark.parametrize("place", ["first", "second", "last"])
def test_a_member_that_the_manifest_does_not_name_never_comes_out(
    folder: Path, tmp_path: Path, name: str, kind: bytes, content: bytes, place: str
) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, len(content), "/etc/passwd"
    evil = member.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)
    good = packed(folder, Compression.NONE)
    at = {"first": 0, "second": end_of_first(good), "last": len(good) - 1024}[place]
    with pytest.raises(DataError):
        unpack(io.BytesIO(good[:at] + evil + good[at:]), "it", scratch=tmp_path)
    assert list(tmp_path.rglob("*")) == []


def end_of_first(tar: bytes) -> int:
    size = int(tar[124:135], 8)
    return 512 + size + -size % 512


def test_a_bomb_is_stopped_at_the_first_byte_too_many(folder: Path, tmp_path: Path) -> None:
    bomb = zstandard.ZstdCompressor().compress(packed(folder, Compression.NONE) + bytes(1 << 30))
    with pytest.raises(DataError) as caught:
        unpack(io.BytesIO(bomb), "it", scratch=tmp_path)
    assert caught.value.cause == "there is more after its end"
    assert list(tmp_path.rglob("*")) == []


def test_a_frame_that_asks_for_a_wide_window_is_refused(folder: Path, tmp_path: Path) -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=27)
    stream = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    raw = stream.compress(packed(folder, Compression.NONE)) + stream.flush()
    with pytest.raises(DataError, match="decompressed"):
        unpack(io.BytesIO(raw), "it", scratch=tmp_path)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_an_archive_holds_only_recon_errors_come_out_and_no_file_stays(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, data: st.DataObject
) -> None:
    scratch = tmp_path_factory.mktemp("fuzz")
    plain = bytearray(packed(folder, Compression.NONE))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(plain) - 1))
        plain[at : at + data.draw(st.integers(0, 600))] = data.draw(st.binary(max_size=30))
    raw = bytes(plain)
    if data.draw(st.booleans()):
        raw = zstandard.ZstdCompressor().compress(raw)
        at = data.draw(st.integers(0, len(raw) - 1))
        raw = raw[:at] + data.draw(st.binary(max_size=8)) + raw[at + 1 :]
    with contextlib.suppress(ReconError):
        unpack(io.BytesIO(raw), "it", scratch=scratch).close()
    assert list(scratch.rglob("*")) == []


@given(st.binary(max_size=2000))
def test_any_bytes_are_an_archive_or_a_recon_error(raw: bytes) -> None:
    for magic in (b"", b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08", b"age-encryption.org/v1\n"):
        with pytest.raises((DataError, AuthError)):
            unpack(io.BytesIO(magic + raw), "it")


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, Path]:
    identity = pyrage.x25519.Identity.generate()
    file = tmp_path / "key.txt"
    file.write_text(f"# created: today\n# public key: {identity.to_public()}\n{identity}\n")
    return str(identity.to_public()), file


def test_an_encrypted_archive_opens_with_its_identity_and_with_no_other(
    folder: Path, tmp_path: Path, keys: tuple[str, Path]
) -> None:
    recipient, identity = keys
    file = tmp_path / "one.tar.zst.age"
    file.write_bytes(packed(folder, recipients=(f"age:{recipient}",)))
    assert b"manifest" not in file.read_bytes()
    found = open_snapshot(file, identity)
    assert list(verify(found)) == []
    found.close()
    with pytest.raises(AuthError, match="encrypted"):
        open_snapshot(file)
    other = tmp_path / "other.txt"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(AuthError, match="does not open"):
        open_snapshot(file, other)
    other.write_text("no key at all")
    with pytest.raises(AuthError, match="no identity"):
        open_snapshot(file, other)
    with pytest.raises(NotFoundError):
        open_snapshot(file, tmp_path / "missing")


def test_a_damaged_encrypted_archive_is_damaged_not_another_key(
    folder: Path, tmp_path: Path, keys: tuple[str, Path]
) -> None:
    recipient, identity = keys
    good = packed(folder, recipients=(recipient,))
    for bad in (good[:-1], good[:-100] + b"x" + good[-99:], good + b"x"):
        with pytest.raises(DataError):
            unpack(io.BytesIO(bad), "it", identity)


def test_a_key_of_ssh_encrypts_and_decrypts(folder: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    file = tmp_path / "id_ed25519"
    file.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()))
    found = unpack(io.BytesIO(packed(folder, recipients=(public,))), "it", file)
    assert list(verify(found)) == []
    found.close()


def test_a_recipient_that_is_none_is_told_before_anything_is_written(folder: Path) -> None:
    sink = io.BytesIO()
    with pytest.raises(UsageError, match="is not a recipient"):
        write(folder, sink, recipients=("age1nonsense",))
    assert sink.getvalue() == b""


def test_a_sink_that_fails_is_told_as_itself(folder: Path, keys: tuple[str, Path]) -> None:
    class Full:
        def write(self, _piece: bytes) -> None:
            raise ReconError("no room")

    with pytest.raises(ReconError, match="no room"):
        write(folder, Full(), recipients=(keys[0],))
