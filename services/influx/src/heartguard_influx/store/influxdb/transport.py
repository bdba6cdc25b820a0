"""The HTTP connections of influxdb-client, with bounds of time and size on every answer.

The client bounds the wait for each piece of an answer, and not the whole: a server that goes on sending is read for
ever (InfluxDB 2.7.12 does so for some ranges, see `flux.totals`).
"""

import io
import time
from collections.abc import Callable, Generator
from typing import Any

import urllib3

_BLOCK = 65_536
_SMALL = 1024 * 1024  # bytes of any answer but the rows of a query


class UnboundedAnswerError(Exception):
    """An answer that took longer or was larger than any honest one; its connection is closed."""


class BoundedPoolManager(urllib3.PoolManager):
    """Reads whole answers itself, within `seconds` and 1 MiB; a caller who wants a stream reads it by `blocks`.

    A redirection is an answer like any other: the token goes to the server it was given for.
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
