"""What the gateway keeps in Redis: token buckets, the fast copy of revocations, the stream of access events."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import gevent

from heartguard_common.audit import events
from heartguard_common.audit.events import AuditEvent
from heartguard_common.identity import revocation
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.revocation import Verdict
from heartguard_common.stores.spool import Spool
from heartguard_gateway.domain import Limit, Quota, take
from heartguard_gateway.ports import Admission
from heartguard_gateway.redis_connection import Command, RedisConnection, RedisUnavailable

SCRIPT_FILE = Path(__file__).with_name("token_bucket.lua")
Count = Callable[[str], None]


class LocalBuckets:
    """Buckets of this process, for as long as Redis is unavailable; the least recently used fall out at `size`."""

    def __init__(self, size: int = 100_000, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._monotonic = monotonic
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def take(self, key: str, limit: Limit) -> Quota:
        """Take one token."""
        now = int(self._monotonic() * 1_000_000)
        full_at, quota = take(self._full_at.get(key, 0), now, limit)
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._size:
            self._full_at.popitem(last=False)
        return quota


class RedisGate:
    """Buckets and revocations in one write to Redis; see `ports.Gate`."""

    def __init__(self, redis: RedisConnection, local: LocalBuckets, count: Count, script: str | None = None) -> None:
        self._redis = redis
        self._local = local
        self._count = count
        self._copy = revocation.CopyReader()
        self._script = script or SCRIPT_FILE.read_text(encoding="utf-8")
        self._sha = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()

    def admit(self, buckets: Sequence[tuple[str, Limit]], principal: Principal | None) -> Admission:
        """Take one token from each bucket and look the person's token up; never raises."""
        try:
            replies = self._ask(buckets, principal)
        except RedisUnavailable:
            self._count("buckets")
            return Admission([self._local.take(*bucket) for bucket in buckets], Verdict.UNKNOWN)
        quotas = [
            Quota(limit, allowed=reply[0] == 1, remaining=reply[1], reset_us=reply[2], wait_us=reply[3])
            for (_, limit), reply in zip(buckets, replies, strict=False)
        ]
        return Admission(quotas, self._copy.verdict(principal, replies[-1]) if principal else Verdict.UNKNOWN)

    def _ask(self, buckets: Sequence[tuple[str, Limit]], principal: Principal | None) -> list[Sequence[int]]:
        tail: list[Command] = [("MGET", *revocation.keys(principal))] if principal else []
        try:
            return self._redis.call([*self._takes("EVALSHA", self._sha, buckets), *tail])
        except RedisUnavailable as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        return self._redis.call([*self._takes("EVAL", self._script, buckets), *tail])

    @staticmethod
    def _takes(verb: str, script: str, buckets: Sequence[tuple[str, Limit]]) -> list[Command]:
        # One key per script, so that no two keys need to live on one node of a cluster.
        return [(verb, script, 1, key, limit.capacity, limit.interval_us) for key, limit in buckets]


class StreamTrail:
    """Access events into the Redis Stream; while Redis is unavailable into a spool, which is drained later."""

    def __init__(self, redis: RedisConnection, spool: Spool, count: Count) -> None:
        self._redis = redis
        self._spool = spool
        self._count = count

    def record(self, event: AuditEvent, address: str = "") -> None:  # noqa: ARG002  an event says no address
        """Make an event safe. Raises OSError when neither Redis nor the disk takes it."""
        line = events.encode(event)
        try:
            self._send([line])
        except RedisUnavailable:
            # Also when it was sent without an answer: the event's id removes the double.
            self._spool.append(line)
            self._count("audit")

    def drain(self) -> int:
        """Send what waits in the spool, and say how many events. Raises `RedisUnavailable`, OSError."""
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
