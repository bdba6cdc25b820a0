"""Publishing to the Redis Stream of an organization."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import redis

from heartguard_common.stores.redis_client import RedisClient
from heartguard_common.streams.events import (
    KEPT_SECONDS,
    LOST,
    MAX_BYTES,
    RESET,
    RESUME_SECONDS,
    Event,
    counter_key,
    stream_key,
)

SCRIPT_FILE = Path(__file__).with_name("publish.lua")
MAX_BATCH_BYTES = 2 * 1024 * 1024
PAUSE_SECONDS = 1.0


class Publisher:
    """Adds events to the streams. After a failure nothing is tried for a second: an outage must not slow writing."""

    def __init__(self, redis_client: RedisClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis_client
        self._script = redis_client.register_script(SCRIPT_FILE.read_text(encoding="utf-8"))
        self._monotonic = monotonic
        self._unavailable_until = 0.0

    def publish(self, org_id: int, events: Sequence[Event]) -> None:
        """Add events, in this order. Raises what redis raises.

        More than 2 MiB at once become a `reset`: no listener wants to receive so much.
        """
        if sum(event.size for event in events) > MAX_BATCH_BYTES:
            self._run(org_id, "0", [(RESET.encode(), LOST)])
        elif events:
            self._run(org_id, "0", [(event.topic.encode(), event.encode()) for event in events])

    def reset(self, org_id: int, why: bytes) -> None:
        """Say that events are missing, and take all earlier ones away. Raises what redis raises."""
        self._run(org_id, "1", [(RESET.encode(), why)])

    def _run(self, org_id: int, remove: str, encoded: Sequence[tuple[bytes, bytes]]) -> None:
        if self._monotonic() < self._unavailable_until:
            raise redis.ConnectionError("Redis was unavailable a moment ago")
        settings = (RESUME_SECONDS * 1000, MAX_BYTES, KEPT_SECONDS, remove)
        flat = [part for pair in encoded for part in pair]
        try:
            self._script(keys=[stream_key(org_id), counter_key(org_id)], args=[*settings, *flat])
        except (redis.RedisError, OSError):
            self._unavailable_until = self._monotonic() + PAUSE_SECONDS
            raise
