"""Flask-Limiter for the routes without authentication: auth is safe without the gateway too."""

import logging
import time
from typing import cast

from flask import Flask, Response, g, request
from flask_limiter import Limiter, RateLimitExceeded
from redis import RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from heartguard_common.core.errors import TOO_MANY_REQUESTS, ServiceError
from heartguard_common.core.network import bucket_address
from heartguard_common.core.redis_urls import tls_options
from heartguard_common.core.settings import Rate
from heartguard_common.http.web import handle_errors
from heartguard_common.http.web_dependencies import WebDependencies

ENDPOINTS = frozenset(
    {"auth.login", "auth.register", "auth.password_forgot", "auth.password_reset", "auth.accept_invitation"}
    | {"auth.email_code", "auth.confirm_email"}
)
# The gateway's class `login` is 0.1 of RATE_LIMIT with a burst as large: it never forwards more than this in a window,
# so that requests through the gateway never reach this limit.
SHARE = 0.2
TIMEOUT_SECONDS = 0.25


# What redis-py takes, whatever the type of `storage_options` says.
_REDIS_OPTIONS = {
    "socket_timeout": TIMEOUT_SECONDS,
    "socket_connect_timeout": TIMEOUT_SECONDS,
    "retry": Retry(NoBackoff(), 0),
    "key_prefix": "hg:limit",
}


class _SharedFallback(Limiter):
    """Flask-Limiter that falls back in every thread when Redis becomes unavailable.

    In the released version the first of several requests that wait for Redis switches to counting in the process; the
    others find that it has switched already, and answer 500.
    """

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        try:
            super()._check_request_limit(callable_name, in_middleware)
        except RedisError:
            self.context.seen_limits.clear()
            super()._check_request_limit(callable_name, in_middleware)


def limit_requests(app: Flask, web: WebDependencies, rate: Rate, redis_url: str) -> Limiter:
    """Allow each address `SHARE` of `rate` at each of `ENDPOINTS`, in any window of `rate`'s length.

    Redis counts for all workers; while it is unavailable each process counts for itself.
    """
    # It would log the addresses that it refuses; the log line of the request is enough.
    logging.getLogger("flask-limiter").setLevel(logging.WARNING)
    count = max(1, round(rate.count * SHARE))
    limiter = _SharedFallback(
        key_func=lambda: bucket_address(g.address) or "unknown",
        app=app,
        default_limits=[f"{count} per {rate.seconds} second"],
        strategy="moving-window",
        storage_uri=redis_url,
        storage_options=cast("dict[str, str | int]", {**_REDIS_OPTIONS, **tls_options(redis_url)}),
        in_memory_fallback_enabled=True,
        headers_enabled=False,
    )
    limiter.request_filter(lambda: request.endpoint not in ENDPOINTS)

    def refuse(_: RateLimitExceeded) -> Response:
        current = limiter.current_limit
        wait = min(rate.seconds, max(1, current.reset_at - int(time.time()))) if current else 1
        message = f"Too many requests: {count} in {rate.seconds} s are allowed here"
        return handle_errors(web, ServiceError(TOO_MANY_REQUESTS, message, headers={"Retry-After": str(wait)}))

    app.register_error_handler(RateLimitExceeded, refuse)
    return limiter
