"""Rows in Firestore, a collection for each table, through Google's own client (docs/adr/0012)."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote, urlsplit

from recon_cli.core.canonical import Json, Value, decode, dumps
from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.errors import ConfigError, ToolMissingError
from recon_cli.core.place import Place, redact
from recon_cli.stores.documents.base import HEADS, Doc, Write

try:
    import google.auth
    import grpc
    from google.api_core import exceptions
    from google.auth import credentials as logins
    from google.auth import exceptions as refusals
    from google.auth.transport.requests import Request
    from google.cloud.firestore_v1 import types
    from google.cloud.firestore_v1.services.firestore import FirestoreClient
    from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
    from google.oauth2 import credentials as tokens
    from google.oauth2 import service_account
except ImportError as exc:
    raise ToolMissingError(
        "Google's Firestore client is not installed", hint="run `pip install 'recon-cli[firestore]'`"
    ) from exc

KEY, EXACT = "recon_key", "recon"
"""Fields beside the row's own: its key, and what Firestore's own types cannot hold exactly, as canonical JSON."""
_SCOPES = ("https://www.googleapis.com/auth/datastore",)
_PLAIN = re.compile(r"(?!__)[A-Za-z0-9][A-Za-z0-9_-]{0,199}")
_SAFE = 1 << 53
_AGAIN = (exceptions.Aborted, exceptions.AlreadyExists, exceptions.FailedPrecondition)
_MOST_TEXT = 1_000_000
"""A document has at most 1 MiB."""
_DATABASE = "(default)"
_LONG_S = 600
"""The stream of a whole table has one limit for all of it."""


class FirestoreDocuments:
    """One database of one project. `firestore://PROJECT`, or `firestore://PROJECT/DATABASE`.

    `connect` makes the client, where that is not Google's way to the place.
    """

    engine = "firestore"
    most_writes = 400
    most_bytes = 6 << 20

    def __init__(self, place: Place, connect: Callable[[Place], FirestoreClient] | None = None) -> None:
        parts = urlsplit(place.url)
        if not parts.netloc:
            raise ConfigError(f"no project in {redact(place.url)}", hint="write it as `firestore://PROJECT`")
        self._place, self._client = place, cast("FirestoreClient | None", None)
        self._connect = connect or _client
        self._database = f"projects/{parts.netloc}/databases/{parts.path.strip('/') or _DATABASE}"
        self._timeout_s = place.number("timeout_s", 30)
        self.url = redact(place.url)

    def get(self, table: str, keys: Sequence[str]) -> dict[str, Doc]:
        """See `Documents.get`."""
        found: dict[str, Doc] = {}
        for start in range(0, len(keys), self.most_writes):
            names = [self._name(table, key) for key in keys[start : start + self.most_writes]]
            asked = {"database": self._database, "documents": names}
            with self._translated():
                for answer in self._connected().batch_get_documents(request=asked, retry=None, timeout=self._timeout_s):
                    if answer.found.name:
                        key, doc = _read(answer.found)
                        found[key] = doc
        return found

    def scan(self, table: str) -> Iterator[tuple[str, Doc]]:
        """See `Documents.scan`."""
        query = {"from_": [{"collection_id": _collection(table)}]}
        asked = {"parent": f"{self._database}/documents", "structured_query": query}
        limit_s = self._timeout_s if table == HEADS else max(_LONG_S, self._timeout_s)
        with self._translated():
            for answer in self._connected().run_query(request=asked, retry=None, timeout=limit_s):
                if answer.document.name:
                    yield _read(answer.document)

    def put(self, writes: Sequence[Write]) -> bool:
        """See `Documents.put`; one commit, with what each document must still be."""
        asked = {"database": self._database, "writes": [self._write(one) for one in writes]}
        with self._translated():
            try:
                self._connected().commit(request=asked, retry=None, timeout=self._timeout_s)
            except (*_AGAIN, exceptions.NotFound) as exc:
                if isinstance(exc, exceptions.NotFound) and "database" in str(exc).lower():
                    raise
                return False
        return True

    def probe(self) -> dict[str, str]:
        """See `Documents.probe`."""
        self.get("recon_tables", ['["none"]'])
        return {"engine": "firestore", "url": self.url, "emulator": _emulator() or "no"}

    def close(self) -> None:
        """See `Documents.close`."""
        if self._client is not None:
            self._client.transport.close()  # type: ignore[no-untyped-call]  # as generated
            self._client = None

    def _write(self, one: Write) -> types.Write:
        name = self._name(one.table, one.key)
        now = types.Precondition(exists=one.before is not None)
        if one.before and not _emulator():
            now = types.Precondition(update_time=datetime.fromisoformat(one.before))
        if one.after is None:
            return types.Write(delete=name, current_document=now)
        if len(one.after.encode()) > _MOST_TEXT:
            raise DeliveryError(Failure.TOO_BIG, "a document of Firestore holds 1 MiB at most")
        fields = _fields(json.loads(one.after)) | {KEY: types.Value(string_value=one.key)}
        return types.Write(update=types.Document(name=name, fields=fields), current_document=now)

    def _name(self, table: str, key: str) -> str:
        return f"{self._database}/documents/{_collection(table)}/{_id(key)}"

    def _connected(self) -> FirestoreClient:
        if self._client is None:
            self._client = self._connect(self._place)
        return self._client

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except refusals.TransportError as exc:
            self.close()
            raise DeliveryError(Failure.TRANSIENT, f"whoever gives out tokens does not answer: {exc}") from exc
        except (refusals.GoogleAuthError, ValueError, OSError) as exc:
            self.close()
            raise DeliveryError(Failure.AUTH, f"no way in: {exc}; look at `key_file`, or the token") from exc
        except exceptions.GoogleAPICallError as exc:
            self.close()
            raise _refusal(exc) from exc


def _client(place: Place) -> FirestoreClient:
    emulator = _emulator()
    if emulator:
        sizes = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        return FirestoreClient(transport=FirestoreGrpcTransport(channel=grpc.insecure_channel(emulator, options=sizes)))
    found = _credentials(place)
    if not isinstance(found, tokens.Credentials):
        found.refresh(Request())  # type: ignore[no-untyped-call]  # as it is; here and now: later it would be told as an outage
    return FirestoreClient(credentials=found)


def _credentials(place: Place) -> logins.Credentials:
    """The service account of `key_file`, else a token (the place's password), else what the machine has."""
    found: logins.Credentials
    if key_file := place.text("key_file"):
        found = service_account.Credentials.from_service_account_file(key_file, scopes=_SCOPES)  # type: ignore[no-untyped-call]  # as it is
    elif token := place.secret():
        found = tokens.Credentials(token)  # type: ignore[no-untyped-call]  # as it is
    else:
        found = google.auth.default(scopes=_SCOPES)[0]
    return found


def _emulator() -> str:
    return os.environ.get("FIRESTORE_EMULATOR_HOST", "")


def _refusal(error: exceptions.GoogleAPICallError) -> DeliveryError:
    said = str(error.message or error)
    if "metadata from plugin failed" in said:
        return DeliveryError(Failure.AUTH, f"{said}; look at `key_file`, or the token")
    kinds: Sequence[tuple[type[Exception] | tuple[type[Exception], ...], Failure]] = (
        ((exceptions.Unauthenticated, exceptions.PermissionDenied, exceptions.Forbidden), Failure.AUTH),
        (exceptions.ResourceExhausted, Failure.THROTTLED),
        (exceptions.NotFound, Failure.DRIFT),
        ((exceptions.InvalidArgument, exceptions.OutOfRange), Failure.POISON),
    )
    failure = next((one for kind, one in kinds if isinstance(error, kind)), Failure.TRANSIENT)
    big = failure is Failure.POISON and ("size" in said.lower() or "too large" in said.lower())
    return DeliveryError(Failure.TOO_BIG if big else failure, said)


def _collection(table: str) -> str:
    return table if _PLAIN.fullmatch(table) else "=" + quote(table, safe="")


def _id(key: str) -> str:
    """A document's name: the key itself where it is one plain text, else its hash."""
    parts = json.loads(key)
    if len(parts) == 1 and isinstance(parts[0], str) and _PLAIN.fullmatch(parts[0]):
        return parts[0]
    return "=" + hashlib.sha256(key.encode()).hexdigest()


def _fields(row: Mapping[str, Json]) -> dict[str, types.Value]:
    """A row in Firestore's own types, for whoever reads it there; what they cannot hold exactly stands in one more."""
    fields: dict[str, types.Value] = {}
    exact: dict[str, Json] = {}
    for name, cell in row.items():
        value, whole = _native(cell)
        if name and not name.startswith("__") and name not in {KEY, EXACT}:
            fields[name] = value
        else:
            whole = False
        if not whole:
            exact[name] = cell
    return fields | ({EXACT: types.Value(string_value=dumps(exact).decode())} if exact else {})


def _native(cell: Json) -> tuple[types.Value, bool]:
    """A cell of a canonical row as Firestore has it, and whether that is all of it."""
    if cell is None:
        return types.Value(null_value=cast("Any", 0)), True
    if isinstance(cell, bool):
        return types.Value(boolean_value=cell), True
    if isinstance(cell, int):
        inside = abs(cell) < _SAFE
        return (types.Value(integer_value=cell) if inside else types.Value(string_value=str(cell))), inside
    if isinstance(cell, str):
        return types.Value(string_value=cell), True
    value: Value = decode(cell)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return types.Value(timestamp_value=value), False
    return types.Value(string_value=str(value).encode("utf-8", "replace").decode()), False


def _read(document: types.Document) -> tuple[str, Doc]:
    """Key and row; the row is what its exact part says, and its plain fields for the rest."""
    fields = document.fields
    key = fields[KEY].string_value if KEY in fields else dumps([document.name.rpartition("/")[2]]).decode()
    exact: dict[str, Json] = json.loads(fields[EXACT].string_value) if EXACT in fields else {}
    row: dict[str, Json] = {}
    for name in fields:
        if name not in {KEY, EXACT}:
            row[name] = exact[name] if name in exact else _cell(fields[name])
    text = dumps({**row, **exact}).decode()
    changed = document.update_time
    return key, Doc(text, cast("datetime", changed).isoformat())


def _cell(value: types.Value) -> Json:
    kind = types.Value.pb(value).WhichOneof("value_type")
    if kind == "null_value" or kind is None:
        return None
    found = getattr(value, kind)
    return found if isinstance(found, bool | int | str) else str(found)


def documents(place: Place) -> FirestoreDocuments:
    """The database at a `firestore://` address."""
    return FirestoreDocuments(place)
