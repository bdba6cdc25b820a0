"""Spans for what is asked of PostgreSQL and Redis, where traces are sent."""

from collections.abc import Callable, Mapping
from typing import Any

import redis
from sqlalchemy import Connection, Engine, event

from heartguard_common.core import trace
from heartguard_common.core.tracing import Tracing

_LONGEST = 2000


def trace_statements(engine: Engine) -> None:
    """Have each statement of the engine make a span; nothing where no traces are sent."""
    spans = trace.SPANS
    if spans is None:
        return

    def before(
        _connection: Connection, _cursor: object, statement: str, _values: object, context: Any, _: bool
    ) -> None:
        context.span = spans.begin(_name(statement), **_described(statement))

    def after(
        _connection: Connection, _cursor: object, _statement: str, _values: object, context: Any, _: bool
    ) -> None:
        if context.span is not None:
            context.span.end()

    def failed(error: Any) -> None:
        span = getattr(error.execution_context, "span", None)
        if span is not None:
            span.set_attribute("error.type", type(error.original_exception).__name__)
            span.end()

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)


Run = Callable[[Any, str, Mapping[str, Any]], Any]


def traced_run(run: Run) -> Run:
    """The function that runs a statement outside of the engine, with a span where traces are sent."""
    spans = trace.SPANS
    if spans is None:
        return run

    def traced(connection: Any, statement: str, values: Mapping[str, Any]) -> Any:
        with spans.inside(_name(statement), leaves=True, **_described(statement)):
            return run(connection, statement, values)

    return traced


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


def _name(statement: str) -> str:
    """The first word of a statement, behind the time-out that may stand before it."""
    words = statement.rpartition("; ")[2].split(maxsplit=1)
    return words[0].upper() if words else "SQL"


def _described(statement: str) -> dict[str, str]:
    return {"db_system_name": "postgresql", "db_query_text": " ".join(statement.split())[:_LONGEST]}
