from __future__ import annotations

from pathlib import Path

import pytest

from recon_cli.core.errors import ConfigError
from recon_cli.ops.metrics import Gauge, update

SUCCESS = "recon_last_success_timestamp_seconds"


def test_a_textfile_is_what_prometheus_reads(tmp_path: Path) -> None:
    path = tmp_path / "recon.prom"
    update(path, [Gauge(SUCCESS, 1700000000, {"job": 'check "a"\n'}, "when it last went well"), Gauge("recon_rows", 3)])
    assert path.read_text() == (
        f"# HELP {SUCCESS} when it last went well\n"
        f"# TYPE {SUCCESS} gauge\n"
        f'{SUCCESS}{{job="check \\"a\\"\\n"}} 1700000000\n'
        "# TYPE recon_rows gauge\n"
        "recon_rows 3\n"
    )
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_run_leaves_the_time_of_the_last_success_standing(tmp_path: Path) -> None:
    path = tmp_path / "recon.prom"
    update(path, [Gauge(SUCCESS, 100, {"job": "a"}, "help"), Gauge("recon_up", 1, {"job": "a"})])
    update(path, [Gauge("recon_up", 0, {"job": "a"})])
    text = path.read_text()
    assert f'{SUCCESS}{{job="a"}} 100\n' in text
    assert f"# HELP {SUCCESS} help\n" in text
    assert 'recon_up{job="a"} 0\n' in text
    assert 'recon_up{job="a"} 1\n' not in text


def test_a_name_that_node_exporter_would_skip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        update(tmp_path / "recon.txt", [])
