"""Where the gateway's access events go: the Redis Stream, or a file while Redis is unavailable."""

from collections.abc import Callable, Sequence

import gevent

from heartguard_common.audit import events
from heartguard_common.audit.events import AuditEvent
from heartguard_common.stores.spool import Spool
from heartguard_gateway.redis_client.commands import RedisUnavailable
from heartguard_gateway.redis_client.connection import RedisConnection

Count = Callable[[str], None]


class StreamTrail:
    """Access events into the Redis Stream; while Redis is unavailable into a spool, which is drained later."""

    def __init__(self, redis: RedisConnection, spool: Spool, count: Count) -> None:
        self._redis = redis
        self._spool = spool
        self._count = count

    def record(self, event: AuditEvent, address: str = "") -> None:  # noqa: ARG002  an event says no address
        """Store an event. Raises OSError when neither Redis nor the disk takes it."""
        line = events.encode(event)
        try:
            self._send([line])
        except RedisUnavailable:
            # Also when it was sent without an answer: the audit service drops duplicates by the event's id.
            self._spool.append(line)
            self._count("audit")

    def drain(self) -> int:
        """Send the events of the spool; returns how many. Raises `RedisUnavailable`, OSError."""
        return 0 if self._spool.empty() else self._spool.drain(self._send)

    def drain_forever(self, every: float = 1.0) -> None:
        """Drain whenever something waits; the body of a background greenlet."""
        while True:
            gevent.sleep(every)
            try:
                self.drain()
            except (RedisUnavailable, OSError):
                continue  # it waits on the disk, and the next round tries again

    def _send(self, lines: Sequence[bytes]) -> None:
        self._redis.call([("XADD", events.STREAM, "*", events.FIELD, line) for line in lines])
