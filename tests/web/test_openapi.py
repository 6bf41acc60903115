"""The OpenAPI document is true to the server, and nothing that it allows, or nearly allows, is answered with 5xx."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.served import serving
from tests.web.test_records import gate, post, reading

pytestmark = pytest.mark.slow

BUDGET_S = os.environ.get("RECON_SCHEMATHESIS_S", "40")
"""Minutes by hand: `RECON_SCHEMATHESIS_S=600`."""


def test_schemathesis_finds_no_5xx(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("st")
    if not program.exists():
        pytest.skip("needs the package `schemathesis`")
    with serving(gate(tmp_path), "--no-worker") as server:
        post(server, reading(1))
        words = ["run", f"{server.url}/openapi.json", "--checks", "not_a_server_error", "--max-time", BUDGET_S]
        words += ["--exclude-path", "/events", "--max-examples", "25", "--seed", "1", "--no-color", "--no-shrink"]
        done = subprocess.run(
            [program, *words], cwd=tmp_path, capture_output=True, text=True, timeout=float(BUDGET_S) + 240, check=False
        )
        assert done.returncode == 0, done.stdout[-5000:]
        asked = sum(
            map(int, re.findall(r'recon_http_answers\{status="\d+"\} (\d+)', server.ask("/metrics").body.decode()))
        )
        assert asked > 50, done.stdout[-2000:]
        assert server.ask("/health").document["ready"] is True
