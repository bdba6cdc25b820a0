"""The Redis client of every service except the gateway: short time-outs, no retries inside of the library."""

from typing import TypeAlias

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from heartguard_common.core.redis_urls import tls_options
from heartguard_common.stores.spans import redis_class

RedisClient: TypeAlias = "redis.Redis"

# This includes ResponseError, because LOADING, READONLY and OOM are replies and mean that Redis is unavailable.
REDIS_ERRORS = (redis.RedisError, OSError)


def make_redis(url: str, *, timeout_seconds: float = 0.25, decode: bool = True) -> RedisClient:
    """A pooled client; the library's defaults would retry ten times and hang for seconds on a stopped server."""
    return redis_class().from_url(
        url,
        decode_responses=decode,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        max_connections=64,
        health_check_interval=0,
        **tls_options(url),
    )
