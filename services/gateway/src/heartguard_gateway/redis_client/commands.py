"""Commands to Redis, and what becomes of them."""

from dataclasses import dataclass, field
from typing import Any

from gevent.event import Event

Command = tuple[Any, ...]


class RedisUnavailable(Exception):  # noqa: N818  it names a state, as callers read it
    """Redis gave no usable answer; `sent` says whether the commands may have taken effect."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


@dataclass(eq=False)
class CommandBatch:
    """Commands of one greenlet as bytes, and their replies.

    `done` is set with `replies`, or with `failed`, which says why there are none. `given_up`: its greenlet has stopped
    waiting.
    """

    data: bytes
    expected: int
    sent: bool = False
    given_up: bool = False
    failed: str | None = None
    replies: list[object] = field(default_factory=list)
    done: Event = field(default_factory=Event)
