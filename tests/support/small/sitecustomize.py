"""On the PYTHONPATH of a test's processes: every one of them has small stages in place of the real ones."""

from tests.support import small_stages

small_stages.install()
