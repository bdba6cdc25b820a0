"""The Redis Stream of events, read by a consumer group: what is not acknowledged comes again."""

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
BATCH = 200
BLOCK_MS = 200  # how long a change whose request has no access event may wait to be looked for
IDLE_MS = 5000


class RedisStream:
    """The stream as one consumer of the group sees it.

    The consumer is named after its machine: after a crash it finds what it had taken at once, and what a consumer
    of another machine left after `idle_ms`. `client` must not decode: an entry may hold any bytes.
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

    def prepare(self) -> None:
        """Make stream and group where they are missing. Raises what Redis raises when it is unavailable."""
        try:
            self._redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def take(self) -> list[Entry]:
        """The next batch, oldest first; waits a moment when there is none.

        First what was taken before and not finished, then what others left, then what is new.
        """
        entries = self._mine() if self._unfinished else []
        entries = entries or self._left_by_others() or self._new()
        self._unfinished = bool(entries)
        return entries

    def finish(self, entries: Sequence[Entry]) -> None:
        """Forget entries whose events are safe."""
        if entries:
            ids = [entry.id for entry in entries]
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.xack(STREAM, GROUP, *ids)
                pipeline.xdel(STREAM, *ids)
                pipeline.execute()
        self._unfinished = False

    def beat(self) -> None:
        """Say that the consumer works; forgotten after `ALIVE_SECONDS`."""
        self._redis.set(ALIVE, "1", ex=ALIVE_SECONDS)

    def append(self, lines: Sequence[bytes]) -> None:
        """Put lines of a spool into the stream; that is work, so it says that the consumer works."""
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
    """Return when a consumer works. Raises LookupError when none has for `ALIVE_SECONDS`."""
    if not client.exists(ALIVE):
        raise LookupError("no consumer of the audit stream is at work")


def _entry(entry_id: bytes, fields: dict[bytes, bytes] | None) -> Entry:
    # An entry that was deleted but never acknowledged comes without fields: there is nothing left to keep.
    return Entry(entry_id, fields.get(FIELD.encode(), b"") if fields else None)
