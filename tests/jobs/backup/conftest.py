"""The conformance suite's asserts explain themselves like those of the tests that use it."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.jobs.backup.conformance")
