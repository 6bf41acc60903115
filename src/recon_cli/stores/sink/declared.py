"""What a target declares, read by the bulk store of the same place."""

from __future__ import annotations

from recon_cli.core.catalog import Catalog
from recon_cli.core.place import Place
from recon_cli.stores.bulk.registry import open_bulk


def catalog_of(place: Place) -> Catalog:
    """The catalog; raises what `BulkStore.join` does."""
    store = open_bulk(place)
    try:
        with store.join() as view:
            return view.catalog()
    finally:
        store.close()
