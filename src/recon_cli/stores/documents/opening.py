"""A store of documents as what others ask for: a sink, a reader of records, a record store."""

from __future__ import annotations

from importlib import import_module

from recon_cli.core.place import Place
from recon_cli.stores.documents.asked import DocumentReader
from recon_cli.stores.documents.base import Documents
from recon_cli.stores.documents.held import DocumentStore
from recon_cli.stores.documents.landed import DocumentSink
from recon_cli.stores.schemes import DOCUMENTS, scheme_of


def open_sink(place: Place) -> DocumentSink:
    """As a sink."""
    return DocumentSink(_documents(place))


def open_reader(place: Place) -> DocumentReader:
    """As a reader of records."""
    return DocumentReader(_documents(place))


def open_store(place: Place) -> DocumentStore:
    """As a record store."""
    return DocumentStore(_documents(place))


def _documents(place: Place) -> Documents:
    module = import_module(f"recon_cli.stores.documents.{DOCUMENTS[scheme_of(place.url)]}")
    found: Documents = module.documents(place)
    return found
