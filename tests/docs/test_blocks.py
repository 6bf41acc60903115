"""Every example in the docs is what really happens.

In a `console` block each line after `$ ` is a command; what follows it is what a terminal shows, `...` standing for
anything. A command that ends with another status than 0 says so: `$ recon check models  # exit code 4`.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs.pages import PLAIN, ROOT, TESTED, Block, blocks, pages
from tests.docs.scenes import SCENES
from tests.support.recon import KERNELS
from tools.terminal import show

WITH_BLOCKS = [page for page in pages() if any(block.language in TESTED for block in blocks(page))]
LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_what_it_is(page: Path) -> None:
    unknown = [block.where for block in blocks(page) if block.language not in TESTED | PLAIN]
    assert not unknown, f"give these a language: {unknown}"


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_example_of_a_page_does_what_the_page_says(page: Path, tmp_path: Path) -> None:
    with ExitStack() as stage:
        for block in blocks(page):
            if block.scene:
                stage.enter_context(SCENES[block.scene](tmp_path))
            if block.language in TESTED and not block.reason:
                TRIED[block.language](block, tmp_path)


def try_toml(block: Block, _folder: Path) -> None:
    tomllib.loads(block.text)


def try_json(block: Block, _folder: Path) -> None:
    json.loads(block.text)


def try_python(block: Block, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block.text], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{block.where}\n{done.stderr}"


def try_console(block: Block, folder: Path) -> None:
    for command, wanted, status in commands(block):
        shown = show(command, folder, surroundings(folder), colour=False)
        told = shown.screen + shown.errors
        assert shown.status == status, f"{block.where}: `{command}` ended with {shown.status}\n{told}"
        same = not wanted.strip() or doctest.OutputChecker().check_output(wanted, told, LOOSE)
        assert same, f"{block.where}: `{command}` shows\n{told}\nthe page says\n{wanted}"


def try_sh(block: Block, folder: Path) -> None:
    shown = show(f"set -e\n{block.text}", folder, surroundings(folder), colour=False)
    assert shown.status == 0, f"{block.where} ended with {shown.status}\n{shown.screen}{shown.errors}"


TRIED = {"toml": try_toml, "json": try_json, "python": try_python, "console": try_console, "sh": try_sh}


def commands(block: Block) -> Iterator[tuple[str, str, int]]:
    """Command, expected text and expected status, one by one."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, _, wanted = part.partition("\n")
        while line.endswith("\\"):
            more, _, wanted = wanted.partition("\n")
            line = f"{line}\n{more.removeprefix('> ')}"
        status = re.search(r"#.*\bexit code (\d+)", line)
        yield line, wanted, int(status[1]) if status else 0


def surroundings(folder: Path) -> dict[str, str]:
    """This installation's `recon` first on PATH, and a home and state of the page's own."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {
        "PATH": path,
        "HOME": str(folder),
        "RECON_STATE_DIR": str(folder / "state"),
        "PYTHONWARNINGS": "ignore",
        "RECON_CACHE_DIR": str(KERNELS),
    }
