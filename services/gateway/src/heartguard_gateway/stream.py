"""The stream process: `python -m heartguard_gateway.stream`.

It takes connections from the gateway on this machine, and accepts them itself where a proxy sends `/stream` to its
port. Each answer closes its connection: of a kept one the next request could be for another route.
"""

from gevent import monkey

monkey.patch_all()  # before anything else is imported: libraries must find gevent's sockets

import gc  # noqa: E402
import logging  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from dataclasses import replace  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from gevent import socket  # noqa: E402
from gevent.event import Event  # noqa: E402
from gevent.hub import get_hub  # noqa: E402
from gunicorn.config import Config  # noqa: E402

from heartguard_common.core.lifecycle import LIFECYCLE  # noqa: E402
from heartguard_gateway import gunicorn_conf  # noqa: E402
from heartguard_gateway.server.acceptor import Acceptor  # noqa: E402
from heartguard_gateway.server.client_connections import Client, ClientConnections  # noqa: E402
from heartguard_gateway.server.request_loop import RequestLoop  # noqa: E402
from heartguard_gateway.settings import STREAM, StreamSettings  # noqa: E402
from heartguard_gateway.streams.handover import SOCKET_NAME, Receiver  # noqa: E402
from heartguard_gateway.wiring import HUB, create_app  # noqa: E402

BACKLOG = 4096
CONNECTIONS = 2000  # whose request is read or answered; streams are counted elsewhere
HEAD_SECONDS = 20.0
BYE_SECONDS = 1.0
log = logging.getLogger("heartguard.streams")


def main() -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    settings = StreamSettings.from_env()
    gunicorn_conf.raise_open_files()
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stopping.set)
    app = create_app(replace(settings, spool_dir=settings.spool_dir / STREAM), program=STREAM)
    connections = ClientConnections(RequestLoop(_config(), app.wsgi_app, lambda: True).serve)
    acceptor = Acceptor([_listening(settings.stream_bind)], connections, CONNECTIONS, shared=False)

    def take(client: Any, head: bytes, address: Any, listener: Any) -> None:
        client.settimeout(HEAD_SECONDS)
        given = Client(client, address, listener, head)
        # In the event loop: it may switch to a greenlet that does not come back to this one.
        get_hub().loop.run_callback(connections.take_request, given)

    receiver = Receiver(settings.spool_dir / SOCKET_NAME, take)
    receiver.start()
    gc.collect()
    gc.freeze()
    log.info("the stream process serves on %s", settings.stream_bind)
    while not stopping.wait(1.0):
        connections.sweep(HEAD_SECONDS, HEAD_SECONDS)
        acceptor.reopen()
    receiver.stop()
    acceptor.stop()
    app.extensions[HUB].close()
    gevent.sleep(BYE_SECONDS)  # what was disclosed is recorded, and what the kernel has is sent
    connections.kill(timeout=1)
    app.extensions[LIFECYCLE].close()
    return 0


def _config() -> Any:
    """Gunicorn's configuration of the gateway, as far as it is about requests."""
    config = Config()
    for name in ("limit_request_line", "limit_request_fields", "limit_request_field_size", "http_parser"):
        config.set(name, getattr(gunicorn_conf, name))
    config.set("forwarded_allow_ips", gunicorn_conf.forwarded_allow_ips)
    return config


def _listening(bind: str) -> Any:
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, int(port)))
    sock.listen(BACKLOG)
    return sock


if __name__ == "__main__":
    sys.exit(main())
