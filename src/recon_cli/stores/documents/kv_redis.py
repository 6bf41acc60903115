"""Commands to a Redis server, by its own protocol."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.errors import ToolMissingError
from recon_cli.core.place import Place, redact
from recon_cli.stores.documents.kv import KvDocuments, Reply, refusal

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as exc:
    raise ToolMissingError("the Redis driver is not installed", hint="run `pip install 'recon-cli[redis]'`") from exc


class RedisSpeaker:
    """One kept connection; nothing is sent twice by itself, the outbox decides that."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._link: redis.Redis | None = None
        self.url = redact(place.url)

    def __call__(self, *words: str) -> Reply:
        """See `Speaker`."""
        try:
            found: Reply = self._connected().execute_command(*words)  # type: ignore[no-untyped-call]  # as redis has it
        except redis.AuthenticationError as exc:
            raise refusal(f"WRONGPASS {exc}") from exc
        except (redis.ConnectionError, redis.TimeoutError, OSError) as exc:
            self.close()
            said = str(exc)
            raise (refusal(said) if "max number" in said else DeliveryError(Failure.TRANSIENT, said)) from exc
        except redis.RedisError as exc:
            raise refusal(f"{_code(exc)}{exc}") from exc
        return found

    def close(self) -> None:
        """See `Speaker.close`."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _connected(self) -> redis.Redis:
        if self._link is None:
            parts = urlsplit(self._place.url)
            timeout_s = self._place.number("timeout_s", 30)
            self._link = redis.Redis(
                host=parts.hostname or "localhost",
                port=parts.port or 6379,
                db=int(parts.path.strip("/") or 0),
                username=unquote(parts.username) if parts.username else None,
                password=self._place.secret(),
                ssl=parts.scheme == "rediss",
                ssl_ca_certs=self._place.text("ca_file") or None,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                retry=Retry(NoBackoff(), 0),
                single_connection_client=True,
                protocol=2,
            )
            self._link.response_callbacks.clear()  # replies as the server gives them
        return self._link


def documents(place: Place) -> KvDocuments:
    """A database of a Redis server; `?prefix=` in the URL names its keys otherwise than `recon:…`."""
    prefix = dict(parse_qsl(urlsplit(place.url).query)).get("prefix", "recon")
    return KvDocuments(RedisSpeaker(place), prefix)


def _code(error: redis.RedisError) -> str:
    """The first word of the server's answer, which the driver takes off."""
    kinds: tuple[tuple[type[redis.RedisError], str], ...] = (
        (redis.OutOfMemoryError, "OOM "),
        (redis.exceptions.NoPermissionError, "NOPERM "),
        (redis.ReadOnlyError, "READONLY "),
        (redis.BusyLoadingError, "LOADING "),
    )
    return next((word for kind, word in kinds if isinstance(error, kind)), "")
