"""The HTTP connections of influxdb-client, with limits of time and size on every answer.

The client limits the wait for each part of an answer, but not the whole: it reads for ever from a server that never
stops sending (as InfluxDB 2.7.12 for some ranges, see `flux.totals`).
"""

import io
import time
from collections.abc import Callable, Generator
from typing import Any

import urllib3

_BLOCK = 65_536
_SMALL = 1024 * 1024  # bytes of any answer except the rows of a query


class UnboundedAnswerError(Exception):
    """An answer that took too long or was too large; its connection is closed."""


class BoundedPoolManager(urllib3.PoolManager):
    """Reads whole answers within `seconds` and 1 MiB; a caller who wants a stream reads it with `blocks`.

    Redirections are not followed, so that the token is sent only to the configured server.
    """

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__(**options)
        self._seconds = seconds
        self._monotonic = monotonic

    def urlopen(  # type: ignore[override]
        self,
        method: str,
        url: str,
        redirect: bool = True,  # noqa: ARG002  urllib3's signature
        **options: object,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request. Raises `UnboundedAnswerError`, and what urllib3 raises."""
        streamed = not options.pop("preload_content", True)
        until = self._monotonic() + self._seconds
        response = super().urlopen(method, url, redirect=False, preload_content=False, **options)
        if streamed and response.status < 300:
            return response
        body = b"".join(blocks(response, until, _SMALL, self._monotonic))
        response.release_conn()
        return urllib3.HTTPResponse(
            io.BytesIO(body),
            headers=response.headers,
            status=response.status,
            reason=response.reason,
            decode_content=False,
        )


def blocks(
    response: urllib3.BaseHTTPResponse, until: float, most: int, monotonic: Callable[[], float] = time.monotonic
) -> Generator[bytes, None, None]:
    """An answer's body as it comes. Raises `UnboundedAnswerError` after `until` and beyond `most` bytes.

    Closes the connection unless the answer was read to its end.
    """
    size = 0
    whole = False
    try:
        while block := response.read1(_BLOCK, decode_content=True):
            size += len(block)
            if size > most or monotonic() > until:
                raise UnboundedAnswerError
            yield block
        whole = True
    finally:
        if not whole:
            response.close()
