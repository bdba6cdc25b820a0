"""Token buckets and the copy of revocations in Redis, and buckets of this process while Redis is unavailable."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from heartguard_common.identity import revocation
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.revocation import Verdict
from heartguard_gateway.domain import Limit, Quota, organization_share, take
from heartguard_gateway.ports import Admission
from heartguard_gateway.redis_client.commands import Command, RedisUnavailable
from heartguard_gateway.redis_client.connection import RedisConnection

MOST_SHARES = 50_000
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

    def __init__(
        self,
        redis: RedisConnection,
        local: LocalBuckets,
        count: Count,
        requests: int | None = None,
        script: str | None = None,
    ) -> None:
        """`requests` is the share of an organization without a share of its own; None for no limit."""
        self._redis = redis
        self._local = local
        self._count = count
        self._copy = revocation.CopyReader()
        self._share = None if requests is None else organization_share(requests)
        self._shares: dict[int, Limit] = {}
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
        if principal is None:
            return Admission(quotas, Verdict.UNKNOWN)
        organization = self._copy.organization(replies[-1])
        self._remember_share(principal.org_id or 0, organization.requests)
        return Admission(quotas, self._copy.verdict(principal, replies[-1]), organization)

    def share(self, org_id: int | None) -> Limit | None:
        """The bucket of an organization's requests; None for no limit.

        A change counts from the next request of the organization but one, because asking first would be a round trip.
        """
        return self._shares.get(org_id or 0, self._share)

    def _remember_share(self, org_id: int, requests: int | None) -> None:
        known = self._shares.get(org_id)
        if requests is None:
            if known is not None:
                del self._shares[org_id]
        elif known is None or known.capacity != max(1, requests):
            if len(self._shares) >= MOST_SHARES:
                self._shares.clear()
            self._shares[org_id] = organization_share(requests)

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
