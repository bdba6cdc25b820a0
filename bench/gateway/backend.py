"""The service behind every gateway of the benchmark: the fastest possible server in Python.

Run by the peers' Python: python backend.py PORT
"""

import asyncio
import sys
from typing import cast

import httptools
import uvloop

BODY = b'{"id":12,"full_name":"' + b"x" * 150 + b'","organization_id":3}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Service(asyncio.Protocol):
    """One persistent connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make a parser for it."""
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Make a parser for it."""
        self._transport.write(ANSWER)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
