"""A gate with each kind of target."""

from __future__ import annotations

from tests.support.gate_fixtures import gate, monthly, small
from tests.support.target_fixtures import lite, maria, mariadb_server, pg, postgres_server, rest, target

__all__ = ["gate", "lite", "maria", "mariadb_server", "monthly", "pg", "postgres_server", "rest", "small", "target"]
