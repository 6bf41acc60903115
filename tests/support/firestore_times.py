"""A double of Firestore for one thing only, which the emulator leaves out: preconditions on the time of a change.

Documents in memory, over gRPC: batch get, commit and queries of whole collections. A commit whose precondition does not
hold is refused with FAILED_PRECONDITION (ALREADY_EXISTS and NOT_FOUND for `exists`) and changes nothing, as
https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#precondition has it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.cloud.firestore_v1 import types


@dataclass
class Documents:
    """What is stored; each commit is a microsecond later than the one before. `before_commit` is called unlocked."""

    kept: dict[str, types.Document] = field(default_factory=dict)
    refused: int = 0
    before_commit: Callable[[], None] = lambda: None
    _moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def batch_get(self, request: types.BatchGetDocumentsRequest, _context: Any) -> Iterator[Any]:
        """`BatchGetDocuments`."""
        for name in request.documents:
            found = self.kept.get(name)
            yield (
                types.BatchGetDocumentsResponse(found=found) if found else types.BatchGetDocumentsResponse(missing=name)
            )

    def query(self, request: types.RunQueryRequest, _context: Any) -> Iterator[Any]:
        """`RunQuery`, of all documents of one collection."""
        under = f"{request.parent}/{request.structured_query.from_[0].collection_id}/"
        for name, document in sorted(self.kept.items()):
            if name.startswith(under):
                yield types.RunQueryResponse(document=document)

    def commit(self, request: types.CommitRequest, context: Any) -> types.CommitResponse:
        """`Commit`: all writes, or none."""
        self.before_commit()
        with self._lock:
            for one in request.writes:
                self._check(one, context)
            self._moment += timedelta(microseconds=1)
            for one in request.writes:
                if one.delete:
                    self.kept.pop(one.delete, None)
                else:
                    self.kept[one.update.name] = types.Document(one.update, update_time=self._moment)
        return types.CommitResponse(commit_time=self._moment)

    def _check(self, one: types.Write, context: Any) -> None:
        there = self.kept.get(one.delete or one.update.name)
        asked = types.Precondition.pb(one.current_document)
        kind = asked.WhichOneof("condition_type")
        refused = None
        if kind == "exists" and asked.exists != (there is not None):
            refused = grpc.StatusCode.ALREADY_EXISTS if there else grpc.StatusCode.NOT_FOUND
        if kind == "update_time" and (there is None or there.update_time != one.current_document.update_time):
            refused = grpc.StatusCode.FAILED_PRECONDITION if there else grpc.StatusCode.NOT_FOUND
        if refused is not None:
            self.refused += 1
            context.abort(refused, "the stored version does not match the required base version")


@contextmanager
def running() -> Iterator[tuple[str, Documents]]:
    """The double at an address of loopback."""
    documents = Documents()
    served = {
        "BatchGetDocuments": (
            documents.batch_get,
            types.BatchGetDocumentsRequest,
            types.BatchGetDocumentsResponse,
            True,
        ),
        "RunQuery": (documents.query, types.RunQueryRequest, types.RunQueryResponse, True),
        "Commit": (documents.commit, types.CommitRequest, types.CommitResponse, False),
    }
    handlers = {}
    for name, (method, asked, told, streams) in served.items():
        make = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
        handlers[name] = make(method, request_deserializer=asked.deserialize, response_serializer=told.serialize)
    server = grpc.server(futures.ThreadPoolExecutor(4))
    service = "google.firestore.v1.Firestore"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}", documents
    finally:
        server.stop(grace=None).wait()
