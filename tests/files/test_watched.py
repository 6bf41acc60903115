"""Looks at a folder, how it is mounted, and what the kernel tells of it."""

from __future__ import annotations

import os
import sys
import unicodedata
from contextlib import closing
from pathlib import Path

import pytest

from recon_cli.core.errors import ReconError, UnreachableError
from recon_cli.core.report import Problem
from recon_cli.files.watched import look as looks
from recon_cli.files.watched import mounts
from recon_cli.files.watched.events import Events
from recon_cli.files.watched.look import Moved

LIMIT = 1 << 20


def walk(root: Path, folder: str) -> tuple[list[str], list[Problem]]:
    said: list[Problem] = []
    return sorted(one.path for one in looks.walk(root, folder, said.append)), said


def test_every_file_below_a_folder_is_seen_whichever_way_its_name_is_composed(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "연습")
    (tmp_path / decomposed / "a" / "b").mkdir(parents=True)
    (tmp_path / decomposed / "a" / "b" / "x.json").touch()
    (tmp_path / decomposed / "y.json").touch()
    (tmp_path / decomposed / "loop").symlink_to(tmp_path, target_is_directory=True)
    found, said = walk(tmp_path, unicodedata.normalize("NFC", "연습"))
    assert found == sorted([f"{decomposed}/a/b/x.json", f"{decomposed}/y.json"])
    assert not said


def test_names_that_are_no_text_are_seen_and_read(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xb0\xa1.json")
    (tmp_path / name).write_bytes(b"{}")
    (one,) = looks.walk(tmp_path, "", lambda _problem: None)
    assert looks.read(tmp_path, one, LIMIT) == b"{}"


def test_a_folder_that_is_not_there_is_offline_and_a_root_that_is_not_there_too(tmp_path: Path) -> None:
    found, said = walk(tmp_path, "PC01/hands")
    assert (found, [one.reason for one in said]) == ([], ["offline"])
    with pytest.raises(UnreachableError, match="offline"):
        looks.names_in(tmp_path / "none")


def test_a_file_that_changed_since_the_look_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"12345")
    (one,) = looks.walk(tmp_path, "", lambda _problem: None)
    assert looks.again(tmp_path, "x.json") == one
    path.write_bytes(b"123456")
    with pytest.raises(Moved):
        looks.read(tmp_path, one, LIMIT)
    path.unlink()
    assert looks.again(tmp_path, "x.json") is None
    with pytest.raises(Moved):
        looks.read(tmp_path, one, LIMIT)


def test_a_file_over_the_limit_is_said_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"12345")
    (one,) = looks.walk(tmp_path, "", lambda _problem: None)
    with pytest.raises(ReconError, match="too large"):
        looks.read(tmp_path, one, 4)


@pytest.mark.parametrize(
    ("folder", "kind", "far"),
    [
        ("/mnt/nas/PC01", "cifs", True),
        ("/mnt/nas", "cifs", True),
        ("/mnt/nas2", "ext4", False),
        ("/mnt/two words/x", "fuse.bindfs", True),
        ("/srv", "nfs4", True),
        ("/home", "ext4", False),
    ],
)
def test_a_network_or_fuse_mount_is_told_by_the_mount_around_the_folder(
    tmp_path: Path,
    folder: str,
    kind: str,
    far: bool,  # noqa: FBT001  pytest gives it
) -> None:
    table = tmp_path / "mounts"
    table.write_text(
        "/dev/vda / ext4 rw 0 0\n//nas/x /mnt/nas cifs ro 0 0\nbindfs /mnt/two\\040words fuse.bindfs rw 0 0\n"
        "/dev/vdb /srv ext4 rw 0 0\nnas:/x /srv nfs4 ro 0 0\n"
    )
    assert mounts.kind_of(Path(folder), table) == kind
    assert mounts.is_far(Path(folder), table) is far


def test_a_machine_that_does_not_say_how_it_is_mounted_is_polled(tmp_path: Path) -> None:
    assert mounts.is_far(tmp_path, tmp_path / "none")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")
def test_the_kernel_tells_of_files_that_were_closed_or_moved_in_and_of_new_folders(tmp_path: Path) -> None:
    (tmp_path / "PC01").mkdir()
    events = Events.open(tmp_path)
    assert events is not None
    with closing(events):
        events.add(["", "PC01", "not there"])
        assert events.wait(0.01) == ([], [])
        (tmp_path / "PC01" / "a.json").write_text("{}")
        (tmp_path / "b").write_text("{}")
        (tmp_path / "b").rename(tmp_path / "PC01" / "b.json")
        (tmp_path / "PC02").mkdir()
        files, folders = events.wait(5)
        assert {"PC01/a.json", "PC01/b.json"} <= set(files)
        assert folders == ["PC02"]
        assert not events.exhausted
