"""One Postgres for all tests of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.worker.yard import Yard, yard
from tests.support.postgres import PostgresServer, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running() as server:
        yield server


@pytest.fixture
def make_yard(tmp_path: Path, postgres: PostgresServer) -> Iterator[Callable[..., Yard]]:
    with ExitStack() as stack:

        def make(server: PostgresServer = postgres, **wishes: Any) -> Yard:
            return stack.enter_context(yard(tmp_path, server, **wishes))

        yield make
