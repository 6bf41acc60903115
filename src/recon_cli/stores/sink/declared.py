"""What a target declares, read by the bulk store of the same place."""

from __future__ import annotations

from dataclasses import replace

from recon_cli.core.catalog import Catalog
from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import SILENT_S
from recon_cli.stores.bulk.registry import open_bulk


def catalog_of(place: Place) -> Catalog:
    """The catalog; raises what `BulkStore.join` does. A server that falls silent is given up after `timeout_s`."""
    store = open_bulk(replace(place, options={**place.options, SILENT_S: place.number("timeout_s", 30)}))
    try:
        with store.join() as view:
            return view.catalog()
    finally:
        store.close()
