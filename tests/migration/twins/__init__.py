"""Twins of files that are found in the world: schemas after what is publicly known of them, rows made up here."""

from __future__ import annotations

from tests.migration.features.registry import Feature, register_into
from tests.migration.twins import applications, geography, samples, strangers

TWINS: dict[str, Feature] = {}
for _module in (samples, applications, geography, strangers):
    for _build in _module.BUILDS:
        register_into(TWINS, _build)

__all__ = ["TWINS"]
