"""Gunicorn's gevent worker with our error bodies, fairness, one write per answer and a quick stop.

Stock gunicorn answers what its parser refuses in HTML and quotes the parser, keeps a connection whose body it could
not parse, lets one busy connection hold the loop, and waits its whole grace time for idle ones.
"""

import time
from typing import Any

import gevent
from gevent import monkey, socket
from gunicorn.workers.ggevent import GeventWorker

from heartguard_common.runtime import takeover
from heartguard_gateway.server.acceptor import Acceptor, capacity
from heartguard_gateway.server.client_connections import ClientConnections
from heartguard_gateway.server.environ_keys import GIVE_AWAY
from heartguard_gateway.server.request_loop import RequestLoop

# A connection that was just used is likely to bring a request that is on its way already; it is answered with
# "Connection: close", so that no client sees a reset. One that has been idle so long is closed at once.
IDLE_SECONDS = 0.3
HEAD_SECONDS = 20.0  # for the whole head of a request, and for the rest of a body that no stage has read
_POLL_SECONDS = 0.1


class GatewayWorker(GeventWorker):  # type: ignore[misc]
    """The worker class of the gateway: `--worker-class heartguard_gateway.server.worker.GatewayWorker`."""

    sockets: list[Any]

    def patch(self) -> None:
        """The rest of gevent's patches (see `gunicorn_conf.when_ready`), and its sockets for the listeners."""
        monkey.patch_select()
        monkey.patch_time()
        self.sockets = [socket.socket(s.FAMILY, socket.SOCK_STREAM, fileno=s.sock.detach()) for s in self.sockets]

    def run(self) -> None:
        """Serve until stopped; then take what the kernel has accepted, and end idle connections at once."""
        # Each request reads some twenty settings, and Config looks each up through three functions.
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})
        give_away = self.wsgi.extensions.get(GIVE_AWAY) or (lambda *_: False)
        connections = ClientConnections(RequestLoop(self.cfg, self.wsgi, lambda: not self.alive, give_away).serve)
        acceptor = Acceptor(self.sockets, connections, capacity(self.worker_connections), shared=self.cfg.workers > 1)
        self._serve(acceptor, connections)
        acceptor.stop()
        self._shut_down(connections)

    def _serve(self, acceptor: Acceptor, connections: ClientConnections) -> None:
        """Until this worker is stopped: notify the master once a second, and end slow connections."""
        beat = 0.0
        while self.alive:
            if time.monotonic() >= beat:
                self.notify()
                connections.sweep(self.cfg.keepalive, HEAD_SECONDS)
                beat = time.monotonic() + 1.0
            acceptor.reopen()
            gevent.sleep(_POLL_SECONDS)

    def _shut_down(self, connections: ClientConnections) -> None:
        """Wait for the requests that are being answered, at most the grace time, and end all connections."""
        deadline = time.monotonic() + takeover.grace(self.cfg.graceful_timeout)
        while len(connections) and time.monotonic() < deadline:
            connections.dismiss(IDLE_SECONDS)
            self.notify()
            gevent.sleep(_POLL_SECONDS / 2)
        connections.kill(timeout=1)
