"""Reading the Redis Stream of an organization."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from heartguard_common.streams.events import (
    KEPT_SECONDS,
    REMOVED,
    RESET,
    Event,
    counter_key,
    decode,
    run_key,
    stream_key,
)
from heartguard_gateway.redis_client.commands import RedisUnavailable
from heartguard_gateway.redis_client.connection import RedisConnection
from heartguard_gateway.streams.cursors import Position

BLOCK_MS = 2000
_SILENT_SECONDS = 4.0
_AT_ONCE = 64
log = logging.getLogger("heartguard.streams")
# The newest entry and its number; a counter is made where there is none, so that a position has a number at once.
# A Redis that was started again may have lost the newest entries with their numbers, which would then come twice: the
# counter leaves one out, so that all earlier positions are followed by a gap. The third reply is the run of Redis.
_TAIL = """
local time = redis.call('TIME')
redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000000 + time[2]), 'NX', 'EX', ARGV[1])
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local before = redis.call('GET', KEYS[3])
if before and before ~= run then
    redis.call('INCR', KEYS[2])
end
redis.call('SET', KEYS[3], run, 'EX', ARGV[1])
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
return {redis.call('GET', KEYS[2]), last[1] and last[1][1] or '0-0', run}
"""


class Entry(NamedTuple):
    """One event, or none: then events are missing from here on."""

    position: Position
    event: Event | None
    removed: bool = False


class Source:
    """The stream of one organization, over a connection of its own, because reading waits for entries.

    All methods raise `RedisUnavailable`.
    """

    def __init__(self, url: str, org_id: int, shared: RedisConnection) -> None:
        self._waiting = RedisConnection(url, timeout=_SILENT_SECONDS)
        self._shared = shared
        self._stream, self._counter, self._runs = stream_key(org_id), counter_key(org_id), run_key(org_id)

    def tail(self) -> tuple[Position, str]:
        """The position behind everything that is there, and which run of Redis says so."""
        keys = (self._stream, self._counter, self._runs)
        (reply,) = self._shared.call([("EVAL", _TAIL, len(keys), *keys, KEPT_SECONDS)])
        number, entry, run = reply
        return Position(entry.decode(), int(number)), run.decode()

    def wait(self, after: Position) -> list[Entry]:
        """The next entries; none after two seconds without any."""
        command = ("XREAD", "COUNT", _AT_ONCE, "BLOCK", BLOCK_MS, "STREAMS", self._stream, after.entry)
        (reply,) = self._waiting.call([command])
        return _entries(reply[0][1]) if reply else []

    def between(self, after: Position, until: Position, count: int = _AT_ONCE) -> list[Entry]:
        """Up to `count` entries after one position up to another."""
        if until.entry == "0-0":
            return []
        command = ("XRANGE", self._stream, f"({after.entry}", until.entry, "COUNT", count)
        (reply,) = self._shared.call([command])
        return _entries(reply)

    def keep(self) -> None:
        """Have Redis keep the keys although nothing is published: their numbers go on."""
        keys = (self._stream, self._counter, self._runs)
        self._shared.call([("EXPIRE", key, KEPT_SECONDS) for key in keys])

    def close(self) -> None:
        """Close the connection."""
        self._waiting.close()


def _entries(reply: Sequence[Any]) -> list[Entry]:
    found = []
    for entry_id, fields in reply:
        values = dict(zip(fields[::2], fields[1::2], strict=True))
        try:
            position, topic, data = Position(entry_id.decode(), int(values[b"n"])), values[b"t"].decode(), values[b"d"]
        except (KeyError, ValueError) as error:
            raise RedisUnavailable("an entry of a stream has another form", sent=True) from error
        found.append(Entry(position, _event(topic, data), topic == RESET and data == REMOVED))
    return found


def _event(topic: str, data: bytes) -> Event | None:
    try:
        return None if topic == RESET else decode(topic, data)
    except ValueError as error:  # another version has published it
        log.warning("an event can't be read: %s", error)
        return None
