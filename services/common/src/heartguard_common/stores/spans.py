"""Spans for what is asked of PostgreSQL and Redis, where traces are sent."""

from contextlib import AbstractContextManager
from typing import Any

import redis

from heartguard_common.core import trace
from heartguard_common.core.tracing import Tracing

_LONGEST = 2000


def statement_span(spans: Tracing, statement: str) -> AbstractContextManager[object]:
    """A span for a statement; its text has the places of values, not the values."""
    words = statement.split()
    name = words[0].upper() if words else "SQL"
    text = " ".join(words)[:_LONGEST]
    return spans.inside(name, leaves=True, db_system_name="postgresql", db_query_text=text)


def redis_class() -> type["redis.Redis"]:
    """The class of Redis clients: one with spans where traces are sent."""
    return redis.Redis if trace.SPANS is None else _traced_redis(trace.SPANS)


def _traced_redis(spans: Tracing) -> type["redis.Redis"]:
    class TracedPipeline(redis.client.Pipeline):
        """Makes one span for all of its commands."""

        def execute(self, raise_on_error: bool = True) -> Any:
            with spans.inside("PIPELINE", leaves=True, db_system_name="redis", db_operation_name="PIPELINE"):
                return super().execute(raise_on_error)

    class TracedRedis(redis.Redis):
        """Makes a span for each command, under its name; keys and values are left out."""

        def execute_command(self, *args: Any, **options: Any) -> Any:
            name = str(args[0])
            with spans.inside(name, leaves=True, db_system_name="redis", db_operation_name=name):
                return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

        def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Any:
            return TracedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    return TracedRedis
