"""Reading the client's body: whole when it is small, as a stream when it is not, and never at any pace it likes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gevent

from heartguard_common.errors import TOO_LARGE, ServiceError
from heartguard_gateway.domain import Request
from heartguard_gateway.errors import BROKEN_BODY, TOO_SLOW

COLLECT = 64 * 1024
BLOCK = 64 * 1024


@dataclass(frozen=True)
class Pace:
    """How slow a client may be: a time of grace in seconds, and from then on bytes per second."""

    grace: float = 20.0
    minimum_rate: float = 4096.0


class Intake:
    """One request's body. All its faults are the client's, and close the client's connection."""

    def __init__(
        self, request: Request, max_body: int, monotonic: Callable[[], float], pace: Pace | None = None
    ) -> None:
        self._request = request
        self._max_body = max_body
        self._monotonic = monotonic
        self._pace = pace or Pace()
        self._started = monotonic()
        self._received = 0

    def body(self) -> tuple[bytes | Iterator[bytes], int | None]:
        """The body as bytes, or above 64 KiB as blocks; with the length to declare, None for a chunked stream.

        Raises GW_004 for broken framing, GW_005 for a body that trickles, GEN_413 above the limit; so do the blocks.
        """
        request = self._request
        if not request.chunked and request.content_length == 0:
            request.consumed = True
            return b"", 0
        first = b"".join(self._blocks(COLLECT))
        if request.consumed:
            return first, len(first)
        return self._rest(first), None if request.chunked else request.content_length

    def _rest(self, first: bytes) -> Iterator[bytes]:
        yield first
        yield from self._blocks(self._max_body)

    def _blocks(self, until: int) -> Iterator[bytes]:
        """Blocks until more than `until` bytes have come or the body ends."""
        request = self._request
        while self._received <= until:
            declared = request.content_length
            if not request.chunked and self._received == declared:
                request.consumed = True
                return
            block = self._read(BLOCK if request.chunked else min(BLOCK, declared - self._received))
            self._received += len(block)
            if self._received > self._max_body:
                request.close()
                raise ServiceError(TOO_LARGE, f"The body is limited to {self._max_body} bytes")
            if not block:
                if not request.chunked:
                    request.close()
                    raise ServiceError(BROKEN_BODY, "The body ended before its declared length")
                request.consumed = True
                return
            yield block

    def _read(self, size: int) -> bytes:
        allowed = self._pace.grace + self._received / self._pace.minimum_rate
        left = allowed - (self._monotonic() - self._started)
        try:
            with gevent.Timeout(max(left, 0.001)):
                return self._request.body.read(size)
        except gevent.Timeout as error:
            self._request.close()
            raise ServiceError(TOO_SLOW) from error
        except Exception as error:
            # The server's parser has exceptions of its own for broken chunks, and OSError for a client that left.
            self._request.close()
            raise ServiceError(BROKEN_BODY) from error
