"""S3Store: objects below a prefix of an S3-compatible bucket, seen as files in folders.

A folder is there as long as a key goes through it. Times are those of the upload, to the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC
from functools import cache
from itertools import chain
from typing import Any
from urllib.parse import unquote, urlsplit

import botocore.exceptions
import botocore.loaders
import botocore.parsers
import botocore.session
from botocore.config import Config

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing, Precision
from recon_cli.core.errors import AuthError, ConfigError, DataError, NotFoundError, ReconError, UnreachableError
from recon_cli.core.place import Place, redact
from recon_cli.files.base import FileRef, ScanOptions
from recon_cli.files.walk import LOOK_ABOVE, Directory, Frontier, failed, join, no_directory, raw_path, shown

LISTED_BY = "ListObjectsV2"
CHUNK_BYTES = 1 << 20
PART_BYTES = 8 << 20
_PARTS_OF_ONE_SIZE = 1000  # then parts grow, for there may be 10 000 of them at most
_LOGIN = "look at the place's key and secret, or at `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_PROFILE`"
_MISSING = frozenset({"NoSuchKey", "NotFound", "404"})
_BUSY = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "502", "503", "504"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
_REFUSED = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AllAccessDisabled", "401", "403"}
)

Answer = Mapping[str, Any]


class _CutShortError(UnreachableError):
    """The head of an answer ended in the middle."""


class S3Store:
    """Files below `s3://BUCKET/PREFIX`; `s3://KEY_ID@BUCKET/PREFIX` with the secret of the place.

    Without a key in the URL or `access_key`, the credentials are those of the AWS chain: environment, profile, role.
    """

    def __init__(self, place: Place) -> None:
        parts = urlsplit(place.url)
        if not parts.hostname:
            raise ConfigError(f"no bucket in {redact(place.url)}", hint="write it as `s3://bucket/prefix`")
        self.url = redact(place.url)
        self._place = place
        self._bucket = parts.netloc.rpartition("@")[2]
        self._key_id = unquote(parts.username or "") or place.text("access_key")
        self._prefix = unquote(parts.path).strip("/")
        self._kept: Any = None

    @property
    def _client(self) -> Any:  # noqa: ANN401  botocore makes its classes when it runs
        if self._kept is None:
            with self._translated(""):
                self._kept = self._connected()
        return self._kept

    def _connected(self) -> Any:  # noqa: ANN401  same
        secret = self._place.secret()
        own = {"aws_access_key_id": self._key_id, "aws_secret_access_key": secret} if self._key_id and secret else {}
        endpoint = self._place.text("endpoint") or None
        timeout_s = self._place.number("timeout_s", 30)
        return session().create_client(
            "s3",
            endpoint_url=endpoint,
            region_name=self._place.text("region") or ("us-east-1" if endpoint else None),
            config=Config(
                connect_timeout=timeout_s,
                read_timeout=timeout_s,
                retries={"max_attempts": int(self._place.number("retries", 3)), "mode": "standard"},
                s3={"addressing_style": "path" if endpoint else "auto"},
                # Not every S3-compatible server knows the checksums that are sent by default.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
            **own,
        )

    def scan(self, under: FileRef = "", options: ScanOptions = ScanOptions()) -> Iterator[Listing]:  # noqa: B008  frozen
        """List `under` and everything below it; see `FileStore.scan`."""
        path = _path(under)
        frontier = Frontier(options, Directory(path, path.encode()))
        first = True
        while (here := frontier.next()) is not None:
            if isinstance(here, Listing):
                yield here
                continue
            try:
                yield frontier.grow(here, self._list(here.path, asked_for=True) if first else self._list_or_say(here))
            except UnreachableError as exc:
                if first:
                    raise
                frontier.again(here)
                yield from frontier.give_up(Incomplete.CUT, exc.cause or exc.message)
            first = False

    def _list_or_say(self, here: Directory) -> Listing:
        try:
            return self._list(here.path, asked_for=False)
        except AuthError as exc:
            return failed(here, Incomplete.DENIED, exc.cause or exc.message, LISTED_BY)
        except NotFoundError as exc:
            return failed(here, Incomplete.MISSING, exc.message, LISTED_BY)

    def _list(self, path: str, *, asked_for: bool) -> Listing:
        prefix = f"{self._key(path)}/".lstrip("/")
        try:
            entries = self._entries(path, prefix)
        except _CutShortError:  # the one fault that botocore takes for an answer, and so does not ask again after
            entries = self._entries(path, prefix)
        if asked_for and prefix and not entries:
            raise no_directory(path, self.url)
        # A key that ends in a slash is a marker that some tools leave for an empty folder.
        return Listing(path, tuple(one for one in entries if one.path not in {"", path, f"{path}/"}), LISTED_BY)

    def _entries(self, path: str, prefix: str) -> list[Entry]:
        entries: list[Entry] = []
        with self._translated(path):
            pager = self._client.get_paginator("list_objects_v2")
            for page in pager.paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/"):
                self._whole_answer(page, "IsTruncated", path)
                entries += [_folder(path, one["Prefix"], prefix) for one in page.get("CommonPrefixes", ())]
                entries += [_file(join(path, one["Key"][len(prefix) :]), one) for one in page.get("Contents", ())]
        return entries

    def stat(self, ref: FileRef) -> Entry:
        """One entry."""
        path = _path(ref)
        try:
            with self._translated(path):
                told = self._client.head_object(Bucket=self._bucket, Key=self._key(path))
                self._whole_answer(told, "ContentLength", path)
                return _file(path, told)
        except NotFoundError:
            with self._translated(path):
                inside = self._client.list_objects_v2(
                    Bucket=self._bucket, Prefix=f"{self._key(path)}/".lstrip("/"), MaxKeys=1
                )
            if not inside.get("Contents"):
                raise
            return Entry(path, EntryType.DIR, listed_by=LISTED_BY)

    def read(self, ref: FileRef, *, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset`, at most `size_bytes` of them."""
        path = _path(ref)
        if size_bytes == 0:
            self.stat(ref)
            return
        wanted = {"Range": _range(offset, size_bytes)} if offset or size_bytes is not None else {}
        with self._translated(path):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(path), **wanted)
            except botocore.exceptions.ClientError as exc:
                if _code(exc) in {"InvalidRange", "416"}:  # it begins behind the end
                    return
                raise
            self._whole_answer(answer, "ContentLength", path)
            with closing(answer["Body"]) as body:
                yield from self._whole(body, int(answer["ContentLength"]), path)

    def _whole(self, body: Any, size_bytes: int, path: str) -> Iterator[bytes]:  # noqa: ANN401  same
        got = 0
        for chunk in body.iter_chunks(CHUNK_BYTES):
            got += len(chunk)
            yield chunk
        if got != size_bytes:
            cause = f"{got} of {size_bytes} bytes came"
            raise UnreachableError(f"lost {self.url} while reading {shown(path)}", cause=cause, hint="run again")

    def _whole_answer(self, answer: Answer, field: str, path: str) -> None:
        """Refuse an answer without what every one has: of one that is cut in its head, botocore makes an empty one."""
        if field not in answer:
            raise _CutShortError(
                f"lost {self.url} at {shown(path)}", cause="the answer was cut short", hint="run again"
            )

    def tail(self, ref: FileRef, size_bytes: int) -> bytes:
        """The last bytes, at most `size_bytes`."""
        size = self.stat(ref).size_bytes or 0
        return b"".join(self.read(ref, offset=max(0, size - size_bytes), size_bytes=size_bytes)) if size else b""

    def write(self, ref: FileRef, chunks: Iterable[bytes]) -> None:
        """Publish a file whole: an object appears when its last byte is there, large ones in parts."""
        path = _path(ref)
        parts = _parts(chunks)
        first, second = next(parts, b""), next(parts, None)
        with self._translated(path):
            if second is None:
                self._client.put_object(Bucket=self._bucket, Key=self._key(path), Body=first)
            else:
                self._write_parts(self._key(path), chain((first, second), parts))

    def _write_parts(self, key: str, parts: Iterable[bytes]) -> None:
        where = {"Bucket": self._bucket, "Key": key}
        where["UploadId"] = self._client.create_multipart_upload(**where)["UploadId"]
        try:
            done = [
                {"PartNumber": number, "ETag": self._client.upload_part(**where, PartNumber=number, Body=part)["ETag"]}
                for number, part in enumerate(parts, 1)
            ]
            self._client.complete_multipart_upload(**where, MultipartUpload={"Parts": done})
        except BaseException:
            with suppress(botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
                self._client.abort_multipart_upload(**where)
            raise

    def remove(self, ref: FileRef) -> None:
        """Delete one file; a file that is not there is not an error."""
        path = _path(ref)
        with suppress(NotFoundError), self._translated(path):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(path))

    def probe(self) -> dict[str, str]:
        """Where the bucket is and how it is used."""
        with self._translated(""):
            self._client.head_bucket(Bucket=self._bucket)
            endpoint = str(self._client.meta.endpoint_url)
        return {"server": endpoint, "listing": LISTED_BY, "times": "of the upload", "writing": "atomic"}

    def close(self) -> None:
        """Drop the connections; the next use makes new ones."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _key(self, path: str) -> str:
        return join(self._prefix, path) if path else self._prefix

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        label = f"{shown(path)} in {self.url}"
        try:
            yield
        except botocore.exceptions.ClientError as exc:
            raise self._refusal(exc, label) from exc
        except (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError) as exc:
            raise AuthError(f"no credentials for {self.url}", cause=str(exc), hint=_LOGIN) from exc
        except (botocore.exceptions.CredentialRetrievalError, botocore.exceptions.TokenRetrievalError) as exc:
            raise AuthError(f"cannot fetch credentials for {self.url}", cause=str(exc), hint=_LOGIN) from exc
        except (botocore.exceptions.NoRegionError, botocore.exceptions.ProfileNotFound, ValueError) as exc:
            hint = "set `region` and `endpoint` of the place in recon.toml, or `AWS_REGION`"
            raise ConfigError(f"cannot use {self.url}", cause=str(exc), hint=hint) from exc
        except (botocore.exceptions.BotoCoreError, botocore.parsers.ResponseParserError, OSError) as exc:
            hint = "run again; `recon doctor` shows what answers"
            raise UnreachableError(f"cannot reach {self.url}", cause=str(exc), hint=hint) from exc

    def _refusal(self, exc: botocore.exceptions.ClientError, label: str) -> ReconError:
        code, said = _code(exc), f"{_code(exc)}: {exc.response.get('Error', {}).get('Message', '')}"
        if code == "NoSuchBucket":
            return NotFoundError(f"no bucket `{self._bucket}`", cause=said, hint="look at its name and at `endpoint`")
        if code in _MISSING:
            return NotFoundError(f"no {label}", cause=said, hint=LOOK_ABOVE)
        if code in _EXPIRED:
            return AuthError(f"the credentials for {self.url} have expired", cause=said, hint=f"renew them; {_LOGIN}")
        if code == "RequestTimeTooSkewed":
            hint = "look at `timedatectl`: this machine's clock is wrong"
            return AuthError(f"{self.url} does not accept the time of the request", cause=said, hint=hint)
        if code in _REFUSED:
            return AuthError(f"not allowed to use {label}", cause=said, hint=_LOGIN)
        if code in _BUSY:
            return UnreachableError(f"{self.url} cannot answer now", cause=said, hint="run again later")
        return DataError(f"cannot use {label}", cause=said)


def session() -> botocore.session.Session:
    """A new session, so that environment and profile are those of now, on descriptions that are read once."""
    fresh = botocore.session.get_session()
    fresh.register_component("data_loader", _descriptions())
    return fresh


@cache
def _descriptions() -> botocore.loaders.Loader:
    """What AWS says its services are: a megabyte of JSON, which costs more to read than many requests."""
    return botocore.loaders.create_loader()


def _path(ref: FileRef) -> str:
    raw = raw_path(ref)
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise NotFoundError(f"no {shown(ref)}", cause="keys are UTF-8", hint=LOOK_ABOVE) from exc


def _code(exc: botocore.exceptions.ClientError) -> str:
    return str(exc.response.get("Error", {}).get("Code", ""))


def _folder(path: str, key: str, prefix: str) -> Entry:
    return Entry(join(path, key[len(prefix) :].removesuffix("/")), EntryType.DIR, listed_by=LISTED_BY)


def _file(path: str, told: Answer) -> Entry:
    size = int(told["Size"] if "Size" in told else told["ContentLength"])
    moment = told["LastModified"].astimezone(UTC)
    return Entry(path, EntryType.FILE, size, moment, Precision.EXACT, None, LISTED_BY)


def _range(offset: int, size_bytes: int | None) -> str:
    return f"bytes={offset}-" if size_bytes is None else f"bytes={offset}-{offset + size_bytes - 1}"


def _parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The stream in parts of `PART_BYTES`, larger ones after every thousand."""
    gathered = bytearray()
    number = 0
    for chunk in chunks:
        gathered += chunk
        room = PART_BYTES * (1 + number // _PARTS_OF_ONE_SIZE)
        while len(gathered) >= room:
            yield bytes(gathered[:room])
            del gathered[:room]
            number += 1
    if gathered or number == 0:
        yield bytes(gathered)
