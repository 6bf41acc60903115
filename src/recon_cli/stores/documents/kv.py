"""Redis and what speaks its commands over REST (Upstash, Vercel KV): a hash for each table, lists for older clients.

Every part of a batch is one script: it compares what is there with what was read, and writes all or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.stores.documents.base import HEADS, Doc, Entry, Write, sum_of

Reply: TypeAlias = "bytes | str | int | list[Reply] | None"

_ASKED_KEYS = 1000
_SCRIPT = """
local width = 7
local count = #ARGV / width
for i = 0, count - 1 do
  local at = i * width
  local old = redis.call('HGET', KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2])
  if (old and redis.sha1hex(old) or '') ~= ARGV[at + 3] then return 0 end
end
for _, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= 'list' and kind ~= 'hash' then return 'RECONTYPE ' .. kind end
end
for i = 0, count - 1 do
  local at = i * width
  if ARGV[at + 4] == '' then redis.call('HDEL', KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2])
  else redis.call('HSET', KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2], ARGV[at + 4]) end
  local list = tonumber(ARGV[at + 5])
  if list > 0 then
    if ARGV[at + 6] ~= '' then redis.call('LREM', KEYS[list], 1, ARGV[at + 6]) end
    if ARGV[at + 7] ~= '' then redis.call('RPUSH', KEYS[list], ARGV[at + 7]) end
  end
end
return 1
"""
"""Of each write: number of its hash, field, SHA-1 of what must be there, new text, number of a list or 0, entries."""
_NONE = Entry("", "")


class Speaker(Protocol):
    """Commands to one server, and their replies; texts as bytes or str."""

    url: str

    def __call__(self, *words: str) -> Reply:
        """The reply.

        Raises:
            DeliveryError: it refuses, or does not answer.
        """

    def close(self) -> None:
        """End the connection; safe to call twice."""


class KvDocuments:
    """Documents in hashes `PREFIX:rows:TABLE`, heads in `PREFIX:tables`.

    As safe as the server is set to be: without an append-only file, or with an eviction policy, it may forget what it
    acknowledged. `recon doctor` and `probe` tell.
    """

    engine = "kv"
    most_writes = 2000
    most_bytes = 4 << 20

    def __init__(self, speaker: Speaker, prefix: str = "recon", most_bytes: int = 0) -> None:
        self._ask, self._prefix = speaker, prefix
        self.url = speaker.url
        self.most_bytes = most_bytes or self.most_bytes

    def get(self, table: str, keys: Sequence[str]) -> dict[str, Doc]:
        """See `Documents.get`."""
        found: dict[str, Doc] = {}
        for start in range(0, len(keys), _ASKED_KEYS):
            some = keys[start : start + _ASKED_KEYS]
            values = _list(self._ask("HMGET", self._hash(table), *some))
            texts = ((key, _text(value)) for key, value in zip(some, values, strict=True) if value is not None)
            found |= {key: Doc(text, sum_of(text)) for key, text in texts}
        return found

    def scan(self, table: str) -> Iterator[tuple[str, Doc]]:
        """See `Documents.scan`; a server may tell a field twice while its hash grows, so keys are remembered."""
        cursor, seen = "0", set[bytes]()
        while True:
            told, values = _list(self._ask("HSCAN", self._hash(table), cursor, "COUNT", "500"))
            pairs = _list(values)
            for field, value in zip(pairs[::2], pairs[1::2], strict=True):
                key, text = _text(field), _text(value)
                mark = key.encode()
                if mark not in seen:
                    seen.add(mark)
                    yield key, Doc(text, sum_of(text))
            cursor = _text(told)
            if cursor == "0":
                return

    def put(self, writes: Sequence[Write]) -> bool:
        """See `Documents.put`.

        Raises:
            DeliveryError: DRIFT where a key of ours, or a list's, holds something of another kind.
        """
        keys: dict[str, int] = {}
        words: list[str] = []
        for one in writes:
            number = keys.setdefault(self._hash(one.table), len(keys) + 1)
            moved = one.unlisted is not None and one.listed is not None and one.unlisted.list != one.listed.list
            gone, come = one.unlisted or _NONE, one.listed or _NONE
            lists = [(gone.list, gone.text, ""), (come.list, "", come.text)] if moved else []
            lists = lists or [(come.list or gone.list, gone.text, come.text)]
            after = one.after or ""
            for place, (name, out, into) in enumerate(lists):
                at = keys.setdefault(name, len(keys) + 1) if name else 0
                # The second line of one write finds the same document as the first: nothing was written in between.
                words += [str(number), one.key, one.before or "", after, str(at), out, into]
                assert place <= 1  # out of one list, into another
        done = self._ask("EVAL", _SCRIPT, str(len(keys)), *keys, *words)
        if isinstance(done, int):
            return done == 1
        raise DeliveryError(Failure.DRIFT, f"a key holds another kind of value than rows or a list ({_text(done)})")

    def probe(self) -> dict[str, str]:
        """The server's own words, as far as it tells them."""
        told = {"engine": "kv", "url": self.url}
        for section in ("server", "memory", "persistence"):
            try:
                lines = _text(self._ask("INFO", section)).splitlines()
            except DeliveryError:
                return told
            told |= {name: value for name, _, value in (one.partition(":") for one in lines) if name in _TOLD}
        return told

    def close(self) -> None:
        """See `Documents.close`."""
        self._ask.close()

    def _hash(self, table: str) -> str:
        return f"{self._prefix}:tables" if table == HEADS else f"{self._prefix}:rows:{table}"


_TOLD = frozenset({"redis_version", "maxmemory_human", "maxmemory_policy", "aof_enabled", "upstash_version"})


def refusal(said: str) -> DeliveryError:
    """What a server says no with, in its class."""
    failure = next((found for sign, found in _FAILURES if sign in said.lower()), Failure.DRIFT)
    hint = _HINTS.get(failure if "oom" not in said.lower() else None, "")
    return DeliveryError(failure, f"{said.strip()}{f'; {hint}' if hint else ''}")


_FAILURES: Sequence[tuple[str, Failure]] = (
    ("noauth", Failure.AUTH),
    ("wrongpass", Failure.AUTH),
    ("noperm", Failure.AUTH),
    ("invalid password", Failure.AUTH),
    ("unauthorized", Failure.AUTH),
    ("invalid or missing auth token", Failure.AUTH),
    ("max request size", Failure.TOO_BIG),
    ("too big", Failure.TOO_BIG),
    ("limit exceeded", Failure.THROTTLED),
    ("max requests", Failure.THROTTLED),
    ("oom ", Failure.TRANSIENT),
    ("loading", Failure.TRANSIENT),
    ("busy", Failure.TRANSIENT),
    ("readonly", Failure.TRANSIENT),
    ("masterdown", Failure.TRANSIENT),
    ("misconf", Failure.TRANSIENT),
    ("tryagain", Failure.TRANSIENT),
    ("max number of clients", Failure.TRANSIENT),
)
_HINTS: dict[Failure | None, str] = {
    Failure.AUTH: "look at the password or token, and whether it may write and run scripts",
    None: "it is full: give it more memory (`maxmemory`), or remove what nobody needs",
}


def _text(reply: Reply) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)


def _list(reply: Reply) -> list[Reply]:
    if not isinstance(reply, list):
        raise DeliveryError(Failure.DRIFT, "the server answered something else than a list: is this a Redis?")
    return reply
