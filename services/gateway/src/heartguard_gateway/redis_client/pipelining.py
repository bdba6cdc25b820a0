"""A connection to Redis that carries many batches of commands at once; replies come in the order of the commands."""

from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
import hiredis

from heartguard_gateway.redis_client.commands import CommandBatch
from heartguard_gateway.sockets import send_all

_NO_REPLY = object()
_RECEIVE = 64 * 1024


class PipelinedConnection:
    """An opened socket, the batches that wait for replies in their order, and the greenlet that reads these."""

    def __init__(self, sock: Any, monotonic: Callable[[], float]) -> None:
        self._sock = sock
        self._monotonic = monotonic
        self.heard = monotonic()
        self._unanswered: deque[CommandBatch] = deque()
        self._reader = hiredis.Reader(notEnoughData=_NO_REPLY)
        self.open = True
        sock.settimeout(None)  # an idle connection is a good one; the callers have time-outs
        gevent.spawn(self._read)

    def send(self, batches: list[CommandBatch]) -> None:
        """Send them in one write; where that fails, all batches that wait have failed."""
        for batch in batches:
            batch.sent = True
        self._unanswered.extend(batches)
        try:
            send_all(self._sock, b"".join([batch.data for batch in batches]))
        except OSError:
            self.close("the connection broke while sending")

    def close(self, why: str) -> None:
        """Close the socket; batches that wait for replies fail with the text `why`. May be called again."""
        if not self.open:
            return
        self.open = False
        self._sock.close()
        for batch in self._unanswered:
            batch.failed = why
            batch.done.set()
        self._unanswered.clear()

    def _read(self) -> None:
        try:
            while self.open and (data := self._sock.recv(_RECEIVE)):
                self.heard = self._monotonic()
                self._reader.feed(data)
                while (reply := self._reader.gets()) is not _NO_REPLY:
                    batch = self._unanswered[0]
                    batch.replies.append(reply)
                    if len(batch.replies) == batch.expected:
                        self._unanswered.popleft()
                        batch.done.set()
        except (OSError, hiredis.HiredisError, IndexError):
            pass
        self.close("the connection broke")
