"""All one-feature databases."""

from __future__ import annotations

from tests.migration.features import keys, schema, strange, values
from tests.migration.features.registry import FEATURES, Feature, Probe

__all__ = ["FEATURES", "Feature", "Probe", "keys", "schema", "strange", "values"]
