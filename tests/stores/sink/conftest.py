"""Targets for the tests of sinks."""

from __future__ import annotations

from tests.support.target_fixtures import lite, maria, mariadb_server, pg, postgres_server, rest, target

__all__ = ["lite", "maria", "mariadb_server", "pg", "postgres_server", "rest", "target"]
