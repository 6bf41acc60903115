from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.recon import Recon, in_folder

# A command that fails as no command should; registered in the table of a process of its own.
BOOM = """
import os, sys, time
from recon_cli.cli import options
from recon_cli.core.errors import AuthError
from recon_cli.core.report import Report, Table
from recon_cli.ops import redact

def boom(how: str) -> None:
    call = options.current()
    call.settings
    if how == "crash":
        raise RuntimeError("lost " + redact.remember("k0rrekt") + " at ftp://me:b4ttery@host")
    if how == "auth":
        raise AuthError("cannot log in", cause="530 \\x1b[2Jno", hint="run `recon doctor`")
    call.show(Report("recon.boom/1", "s", tables=(Table(("n",), ([n] for n in range(200_000))),)))
"""
START = """
import sys
from recon_cli.cli import app
from recon_cli.cli.main import main
app.COMMANDS["boom"] = app.Listed("boom", "Fail.")
sys.exit(main())
"""


@pytest.fixture
def recon(tmp_path: Path) -> Recon:
    (tmp_path / "boom.py").write_text(BOOM)
    return in_folder(tmp_path)


def boom(recon: Recon, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**recon.env, "PYTHONPATH": f"{recon.env['PYTHONPATH']}:{recon.folder}"}
    argv = [sys.executable, "-c", START, "boom", *words]
    return subprocess.run(argv, cwd=recon.folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["scna"], "no command `scna`", "did you mean `scan`?"),
        (["config", "shwo"], "no command `shwo`", "did you mean `show`?"),
        (["config", "show", "--orign"], "no option `--orign`", "did you mean `--origin`?"),
        (["config", "show", "extra"], "got unexpected extra argument (extra)", "see `recon config show -h`"),
        (["scan"], "missing argument", "see `recon scan -h`"),
        (["scan", "x", "--mtime", "soon"], "invalid value for `--mtime`", "see `recon scan -h`"),
        (["--config"], "option `--config` requires an argument", "see `recon -h`"),
    ],
)
def test_a_mistyped_command_line_exits_2_and_says_what_was_meant(
    recon: Recon, words: list[str], message: str, hint: str
) -> None:
    done = recon(*words, expect=2)
    assert done.out == ""
    first, second = done.err.splitlines()
    assert first.startswith(f"error: {message}")
    assert second == f"hint: {hint}"


def test_an_error_has_message_cause_hint_and_its_own_exit_code(recon: Recon) -> None:
    done = boom(recon, "auth")
    assert done.returncode == 12
    assert done.stderr == "error: cannot log in\ncause: 530 \\x1b[2Jno\nhint: run `recon doctor`\n"
    error = json.loads(boom(recon, "auth", "--json").stderr)
    assert (error["code"], error["slug"], error["retryable"]) == (12, "auth", False)


def test_an_unexpected_error_is_one_line_and_a_crash_file_without_secrets(recon: Recon) -> None:
    (recon.folder / "recon.toml").write_text("[files.a]\nurl = 'ftp://me@h'\n[ping]\nurl = 'https://hc.test/x'\n")
    done = boom(recon, "crash")
    assert done.returncode == 1
    assert done.stderr.startswith("error: unexpected RuntimeError: lost *** at ftp://me:***@host\nhint: ")
    assert "Traceback" not in done.stderr
    (crash,) = (recon.folder / "state" / "crash").iterdir()
    assert str(crash) in done.stderr
    text = crash.read_text()
    assert "Traceback" in text
    assert "files.a.url" in text
    assert "k0rrekt" not in text + done.stderr
    assert "b4ttery" not in text + done.stderr


def test_debug_shows_the_traceback_without_secrets(recon: Recon) -> None:
    done = boom(recon, "crash", "--debug")
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "╭" not in done.stderr
    assert "k0rrekt" not in done.stderr
    assert "b4ttery" not in done.stderr


@pytest.mark.parametrize("words", [["boom", "rows"], ["--help"]])
def test_a_closed_pipe_is_no_error(recon: Recon, words: list[str]) -> None:
    env = {**recon.env, "PYTHONPATH": f"{recon.env['PYTHONPATH']}:{recon.folder}"}
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-c", START, *words],
            cwd=recon.folder,
            env=env,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
def test_a_run_that_waits_for_a_server_stops_on_a_signal(
    recon: Recon, number: signal.Signals, code: int, more: tuple[str, ...]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        running = recon.start("scan", f"ftp://me@127.0.0.1:{server.getsockname()[1]}/", *more)
        connection, _address = server.accept()
        with connection:
            running.send_signal(number)
            out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (code, b"")
    if more:
        assert json.loads(err)["code"] == code
    else:
        assert err.decode().startswith(f"error: stopped by {number.name}\nhint: ")


def test_a_password_on_the_command_line_is_refused_and_not_repeated(recon: Recon) -> None:
    done = recon("scan", "ftp://me:k0rrekt@127.0.0.1/", expect=2)
    assert "k0rrekt" not in done.err
    assert "RECON_FILES_PASSWORD" in done.err


def test_python_dash_m_is_the_same_program(recon: Recon) -> None:
    installed = subprocess.run(
        [sys.executable, "-c", "import sys; from recon_cli.cli.main import main; sys.exit(main())", "--help"],
        env=recon.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert recon("--help").out == installed.stdout


def test_a_full_disk_under_the_output_is_a_plain_error(recon: Recon) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            recon.argv("config", "show"),
            cwd=recon.folder,
            env=recon.env,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: cannot write the output\ncause: No space left on device\n")


def test_streams_that_are_closed_from_the_start_are_no_error(recon: Recon) -> None:
    command = 'exec "$0" -m recon_cli config show >&- 2>&-'
    done = subprocess.run(["sh", "-c", command, sys.executable], cwd=recon.folder, env=recon.env, check=False)
    assert done.returncode == 0
