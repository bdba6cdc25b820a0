"""Redis with a span for each group of commands, where traces are sent."""

from collections.abc import Sequence
from typing import Any

from heartguard_common.core import trace
from heartguard_gateway.redis_client.commands import Command
from heartguard_gateway.redis_client.connection import RedisConnection


def open_connection(url: str) -> RedisConnection:
    """A connection of one worker."""
    return RedisConnection(url) if trace.SPANS is None else TracedConnection(url)


class TracedConnection(RedisConnection):
    """Makes the spans, under the names of the commands; keys and values are left out."""

    def call(self, commands: Sequence[Command]) -> list[Any]:
        """As without spans."""
        assert trace.SPANS is not None
        name = " ".join(str(command[0]) for command in commands)
        with trace.SPANS.inside(name, leaves=True, db_system_name="redis", db_operation_name=name):
            return super().call(commands)
