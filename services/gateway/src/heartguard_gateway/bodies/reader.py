"""Reading the client's body: a document completely, media as a stream; a client that sends too slowly is refused."""

from collections.abc import Callable, Iterator

import gevent

from heartguard_common.core.errors import TOO_LARGE, ServiceError
from heartguard_gateway.bodies.spool import Body
from heartguard_gateway.domain import Pace, Request
from heartguard_gateway.errors import BROKEN_BODY, TOO_SLOW

PIECE = 16 * 1024  # gunicorn collects so much before it returns: memory that a slow client holds and no limit counts
PACE = Pace(grace=20.0, minimum_rate=4096.0)


class BodyReader:
    """One request's body, of at most `max_body` bytes. All its errors are the client's, and close its connection."""

    def __init__(
        self, request: Request, max_body: int, monotonic: Callable[[], float], pace: Pace | None = None
    ) -> None:
        self._request = request
        self._max_body = max_body
        self._monotonic = monotonic
        self._pace = pace or PACE
        self._started = monotonic()
        self._received = 0

    def read_into(self, body: Body) -> None:
        """Read all of it.

        Raises GEN_413 above the limit, before anything is read where the length is declared; GW_004 for broken
        framing, GW_005 for a body that trickles, and what `Body.write` raises.
        """
        self.require_length()
        for block in self.blocks():
            try:
                body.write(block)
            except ServiceError:
                self._request.close()
                raise

    def require_length(self) -> None:
        """Raise GEN_413 for a declared length above the limit."""
        if self._request.content_length > self._max_body:
            raise self._too_large()

    def blocks(self, size: int = PIECE) -> Iterator[bytes]:
        """What is left of the body, as it comes, `size` bytes at a time. Raises as `read_into` does."""
        request = self._request
        declared = request.content_length
        while request.chunked or self._received < declared:
            block = self._read(size if request.chunked else min(size, declared - self._received))
            self._received += len(block)
            if self._received > self._max_body:
                raise self._too_large()
            if not block:
                if not request.chunked:
                    request.close()
                    raise ServiceError(BROKEN_BODY, "The body ended before its declared length")
                break
            yield block
        request.consumed = True

    def _too_large(self) -> ServiceError:
        self._request.close()
        return ServiceError(TOO_LARGE, f"The body is limited to {self._max_body} bytes")

    def _read(self, size: int) -> bytes:
        left = self._pace.allowed(self._received) - (self._monotonic() - self._started)
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
