"""The body of a service's answer while it arrives."""

from collections.abc import Iterator
from typing import Protocol

from heartguard_gateway.upstream.connection import Connection
from heartguard_gateway.upstream.message import BadAnswer, Message


class Done(Protocol):
    """Called once when a stream has ended."""

    def __call__(self, *, clean: bool) -> None:
        """`clean` says that the answer was read to its end."""


class AnswerStream:
    """An answer's body as it arrives; holds its connection until it ends or is closed."""

    unbuffered = True  # the head leaves at once: the first event of a stream may be minutes away

    def __init__(self, connection: Connection, message: Message, block_seconds: float, done: Done) -> None:
        self._connection = connection
        self._message = message
        self._block_seconds = block_seconds
        self._done: Done | None = done

    def __iter__(self) -> Iterator[bytes]:
        """The blocks. A service that stops in the middle raises, so that the client sees a cut and not an end."""
        try:
            while True:
                if block := self._message.take():
                    yield block
                if self._message.complete:
                    break
                self._connection.deadline(self._block_seconds)
                try:
                    data = self._connection.receive()
                except OSError as error:
                    raise BadAnswer from error  # an OSError would say that the client is gone
                if data:
                    self._message.feed(data)
                else:
                    self._message.end()
            self._finish(clean=True)
        finally:
            self._finish(clean=False)

    def close(self) -> None:
        """Give up the rest; also when nothing was read."""
        self._finish(clean=False)

    def _finish(self, *, clean: bool) -> None:
        done, self._done = self._done, None
        if done is not None:
            self._message.forget_parser()
            done(clean=clean)
