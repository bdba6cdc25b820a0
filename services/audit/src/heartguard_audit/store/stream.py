"""The Redis Stream of events, read by a consumer group: entries that are not acknowledged are delivered again."""

import socket
import time
from collections.abc import Sequence
from typing import Any

import redis

from heartguard_audit.domain.events import Entry
from heartguard_common.audit.events import FIELD, STREAM
from heartguard_common.audit.log import send
from heartguard_common.stores.redis_client import RedisClient

GROUP = "audit"
ALIVE = "hg:audit:consumer:alive"
ALIVE_SECONDS = 3
BEAT_SECONDS = 0.5
BATCH = 200
BLOCK_MS = 200  # how long a read waits for new entries
IDLE_MS = 5000


class RedisStream:
    """The stream as one consumer of the group reads it.

    The consumer has the name of its machine: after a crash it gets its own unfinished entries at once, and those of
    a consumer on another machine after `idle_ms`. `client` must not decode: an entry may hold any bytes.
    """

    def __init__(
        self, client: RedisClient, *, name: str | None = None, idle_ms: int = IDLE_MS, block_ms: int = BLOCK_MS
    ) -> None:
        self._redis = client
        self._name = name or socket.gethostname()
        self._idle_ms = idle_ms
        self._block_ms = block_ms
        self._unfinished = True
        self._claim_at = 0.0
        self._beat_at = float("-inf")

    def prepare(self) -> None:
        """Create stream and group where they are missing. Raises `RedisError` when Redis is unavailable."""
        try:
            self._redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def take(self) -> list[Entry]:
        """The next batch, oldest first; waits up to `block_ms` when there is none.

        Unfinished entries of this consumer come first, then those that other consumers left, then new ones.
        """
        entries = self._mine() if self._unfinished else []
        entries = entries or self._left_by_others() or self._new()
        self._unfinished = bool(entries)
        return entries

    def finish(self, entries: Sequence[Entry]) -> None:
        """Acknowledge and remove entries whose events are stored or are dead letters."""
        if entries:
            ids = [entry.id for entry in entries]
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.xack(STREAM, GROUP, *ids)
                pipeline.xdel(STREAM, *ids)
                pipeline.execute()
        self._unfinished = False

    def beat(self) -> None:
        """Refresh the key that says that the consumer is running, if that was not done just now.

        It expires after `ALIVE_SECONDS`. Redis writes each refreshing to the disk.
        """
        now = time.monotonic()
        if now - self._beat_at >= BEAT_SECONDS:
            self._redis.set(ALIVE, "1", ex=ALIVE_SECONDS)
            self._beat_at = now

    def append(self, lines: Sequence[bytes]) -> None:
        """Add lines of a spool to the stream, and refresh the key that says that the consumer is running."""
        send(self._redis, lines)
        self.beat()

    def _mine(self) -> list[Entry]:
        return self._read("0", None)

    def _new(self) -> list[Entry]:
        return self._read(">", self._block_ms)

    def _read(self, after: str, block_ms: int | None) -> list[Entry]:
        answer: Any = self._redis.xreadgroup(GROUP, self._name, {STREAM: after}, count=BATCH, block=block_ms)
        return [_entry(*item) for _, items in answer or () for item in items]

    def _left_by_others(self) -> list[Entry]:
        if time.monotonic() < self._claim_at:
            return []
        answer: Any = self._redis.xautoclaim(
            STREAM, GROUP, self._name, min_idle_time=self._idle_ms, start_id="0-0", count=BATCH
        )
        entries = [_entry(*item) for item in answer[1]]
        if not entries:
            self._claim_at = time.monotonic() + self._idle_ms / 1000
        return entries


def waiting(client: RedisClient) -> float:
    """How many entries of the stream are not yet in the trail."""
    return float(client.xlen(STREAM))


def require_consumer(client: RedisClient) -> None:
    """Return if a consumer is running. Raises LookupError when none has been for `ALIVE_SECONDS`."""
    if not client.exists(ALIVE):
        raise LookupError("no consumer of the audit stream is running")


def _entry(entry_id: bytes, fields: dict[bytes, bytes] | None) -> Entry:
    # An entry that was deleted but never acknowledged comes without fields: there is no event to store.
    return Entry(entry_id, fields.get(FIELD.encode(), b"") if fields else None)
