"""The scene of every end-to-end test: a twin web host behind a real FTP server, and an empty app beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from recon_cli.demo.host import Host, serving
from recon_cli.demo.service import SETTINGS
from recon_cli.demo.twin import Twin, make_host
from tests.support.recon import Recon, in_folder


@dataclass(frozen=True)
class Scene:
    """A web host that survived, a database that did not, and `recon` between them."""

    folder: Path
    twin: Twin
    host: Host
    recon: Recon

    @property
    def url(self) -> str:
        return self.host.url("html/streamlit_data")

    @property
    def data(self) -> Path:
        """The folder that the URL names, behind the server's back."""
        return self.folder / "host" / "html" / "streamlit_data"

    @property
    def database(self) -> Path:
        return self.folder / "models.db"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Build a scene: `scene(models=5, database_copy=False)`."""
    with ExitStack() as stack:

        def build(models: int = 6, *, database_copy: bool = True, **options: Any) -> Scene:
            twin = make_host(tmp_path / "host", models=models, seed=1, database_copy=database_copy, **options)
            host = stack.enter_context(serving(tmp_path / "host"))
            (tmp_path / "host.pw").touch(mode=0o600)
            (tmp_path / "host.pw").write_text(host.password, "utf-8")
            settings = SETTINGS.format(url=host.url("html/streamlit_data"), database="models.db")
            (tmp_path / "recon.toml").write_text(settings, "utf-8")
            return Scene(tmp_path, twin, host, in_folder(tmp_path))

        yield build
