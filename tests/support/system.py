"""Programs that only the operating system can give: skip plainly where they are missing, never in CI."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def require(program: str, package: str) -> str:
    """The path of `program`; skips the test, saying which Debian package brings it, or fails where CI must not skip."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")
    if not found:
        missing(f"needs `{program}`: apt-get install {package}")
    return found


def missing(reason: str) -> NoReturn:
    """Skip for want of something; fail where CI must not skip."""
    if os.environ.get("RECON_REQUIRE_SYSTEM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
