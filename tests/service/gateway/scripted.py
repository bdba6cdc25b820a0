"""A service that behaves by a script, and the gateway's client before it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from heartguard_common.core.errors import ServiceError
from heartguard_gateway.ports import Outbound
from heartguard_gateway.upstream.limits import UpstreamLimits
from heartguard_gateway.upstream.service import Upstream

GET = Outbound("GET", "/users/me", [("accept", "*/*")])


@contextmanager
def scripted(*scripts: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that treats its first connection by the first script, and so on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for script in scripts:
                link, _ = listener.accept()
                with link:
                    script(link)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def read_head(link: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += link.recv(65536)
    return data


def answering(answer: bytes) -> Callable[[socket.socket], None]:
    def script(link: socket.socket) -> None:
        read_head(link)
        link.sendall(answer)

    return script


_opened: list[Upstream] = []


def close_all() -> None:
    """Close the clients that `client` has made."""
    while _opened:
        _opened.pop().close()


def client(url: str, limits: UpstreamLimits | None = None, kind: type[Upstream] = Upstream, **more: Any) -> Upstream:
    upstream = kind("user", url, limits, **more)
    _opened.append(upstream)
    return upstream


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def code(upstream: Upstream, outbound: Outbound = GET) -> str:
    try:
        reply = upstream.send(outbound).reply
    except ServiceError as error:
        return error.error_code.code
    if reply.stream is not None:
        reply.stream.close()
    return str(reply.status)
