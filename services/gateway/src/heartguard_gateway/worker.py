"""Gunicorn's gevent worker with our error bodies, fairness, one write per answer and a quick stop.

Stock gunicorn answers what its parser refuses in HTML and quotes the parser, keeps a connection whose body it could
not parse, lets one busy connection hold the loop, and waits its whole grace time for idle ones.
"""

import logging
import resource
import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import Any

import gevent
from gevent import monkey, socket
from gevent.server import StreamServer
from gunicorn import util
from gunicorn.http import errors as parsing
from gunicorn.http import get_parser, wsgi
from gunicorn.workers.ggevent import GeventWorker as Stock

from heartguard_common.core.errors import ErrorCode
from heartguard_common.runtime import parse_errors
from heartguard_gateway.bodies import BLOCK
from heartguard_gateway.clients import CLOSE, CUT, WAITED, Client, Clients
from heartguard_gateway.errors import (
    BAD_REQUEST,
    EXPECTATION_FAILED,
    HEADERS_TOO_LARGE,
    TARGET_TOO_LONG,
    TOO_SLOW,
    UNKNOWN_CODING,
)
from heartguard_gateway.sockets import close_lingering, keep_little_unsent, seconds_since_data, send_all

SEND_SECONDS = 60.0  # one block of 64 KiB may take so long: about 1 KiB/s is the slowest reader we keep
# A connection that was just used is likely to bring a request that is on its way already; it is answered with
# "Connection: close", and nobody sees a reset. One that has rested so long is ended at once.
IDLE_SECONDS = 0.3
HEAD_SECONDS = 20.0  # for the whole head of a request, and for what is left of a body that nobody wanted
_POLL_SECONDS = 0.1
_OTHER_FILES = 256  # connections to services and stores, files that keep bodies and answers, logs
_MARGIN = 64  # connections above the limit that are being ended
_PARSE_ERRORS: parse_errors.ErrorMapping = (
    (parsing.LimitRequestLine, TARGET_TOO_LONG),
    (parsing.LimitRequestHeaders, HEADERS_TOO_LARGE),
    (parsing.UnsupportedTransferCoding, UNKNOWN_CODING),
    (parsing.ExpectationFailed, EXPECTATION_FAILED),
    (parsing.ParseException, BAD_REQUEST),
)
log = logging.getLogger("heartguard.gateway")


class Response(wsgi.Response):  # type: ignore[misc]
    """Gunicorn's response, head and first block in one write."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.headers_sent = False
        self._waiting = b""

    def send_headers(self) -> None:
        """Make the head ready; it leaves with the first block, or when flushed."""
        if not self.headers_sent:
            major, minor = self.req.version
            connection = "close" if self.should_close() else "keep-alive"
            coding = "Transfer-Encoding: chunked\r\n" if self.chunked else ""
            head = (
                f"HTTP/{major}.{minor} {self.status}\r\nServer: {self.version}\r\nDate: {_date(int(time.time()))}\r\n"
                f"Connection: {connection}\r\n{coding}"
            )
            lines = [head, *[f"{name}: {value}\r\n" for name, value in self.headers], "\r\n"]
            self._waiting = "".join(lines).encode("latin-1")
            self.headers_sent = True

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            waiting, self._waiting = self._waiting, b""
            send_all(self.sock, waiting)

    def close(self) -> None:
        """Send the rest."""
        self.send_headers()
        if self.chunked:
            self._waiting += b"0\r\n\r\n"
        self.flush()

    def _emit_body(self, data: bytes) -> None:
        waiting, self._waiting = self._waiting, b""
        if len(data) > BLOCK and not self.chunked:
            # Not joined with the head: a file of the contract is one object for all who read it, however slowly.
            keep_little_unsent(self.sock)
            send_all(self.sock, waiting)
            send_all(self.sock, data)
            return
        framed = b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data
        send_all(self.sock, waiting + framed)


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)  # RFC 9110 section 5.6.7


def files_allowed() -> int:
    """How many files this process may have open at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def _place(address: object) -> tuple[str, str]:
    """Host and port; a Unix socket has a path or nothing."""
    return (address[0], str(address[1])) if isinstance(address, tuple) else (str(address), "")


class GatewayWorker(Stock):  # type: ignore[misc]
    """The worker class of the gateway: `--worker-class heartguard_gateway.worker.GatewayWorker`."""

    sockets: list[Any]

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self.clients = Clients(self._serve)
        self._constants: dict[str, object] = {}
        self._capacity = self.worker_connections

    def patch(self) -> None:
        """The rest of gevent's patches (see `gunicorn_conf.when_ready`), and its sockets for the listeners."""
        monkey.patch_select()
        monkey.patch_time()
        self.sockets = [socket.socket(s.FAMILY, socket.SOCK_STREAM, fileno=s.sock.detach()) for s in self.sockets]

    def run(self) -> None:
        """Serve until stopped; then take what the kernel has accepted, and end idle connections at once."""
        # Each request reads some twenty settings, and Config looks each up through three functions.
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})
        self._constants = {**wsgi.base_environ(self.cfg), "wsgi.multithread": True}
        # A request may need a connection to a service beside its client's.
        self._capacity = max(1, min(self.worker_connections, (files_allowed() - _OTHER_FILES) // 2))
        accepting_sockets = {self._open(listener): listener for listener in self.sockets}
        beat = 0.0
        while self.alive:
            if time.monotonic() >= beat:
                self.notify()
                self.clients.sweep(self.cfg.keepalive, HEAD_SECONDS)
                beat = time.monotonic() + 1.0
            for accepting in accepting_sockets:
                accepting.reopen()
            gevent.sleep(_POLL_SECONDS)
        for accepting, listener in accepting_sockets.items():
            accepting.stop_accepting()
            self._serve_backlog(listener)
            # At once: who connects from here on must be refused, not accepted by the kernel and then reset.
            listener.close()
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while len(self.clients) and time.monotonic() < deadline:
            self.clients.dismiss(IDLE_SECONDS)
            self.notify()
            gevent.sleep(_POLL_SECONDS / 2)
        self.clients.kill(timeout=1)

    def _open(self, listener: Any) -> "_Listener":
        listener.setblocking(1)
        name = listener.getsockname()
        accepting = _Listener(listener, lambda client, address: self._admit(client, address, name))
        accepting.is_full = lambda: len(self.clients) >= self._capacity + _MARGIN
        if self.cfg.workers > 1:
            accepting.max_accept = 1
        accepting.start()
        return accepting

    def _admit(self, client: Any, address: Any, name: Any) -> None:
        client.settimeout(SEND_SECONDS)
        if len(self.clients) >= self._capacity:
            self.clients.make_room()
        self.clients.take(Client(client, address, name))

    def _serve_backlog(self, listener: Any) -> None:
        listener.setblocking(0)
        name = listener.getsockname()
        while True:
            try:
                client, address = listener.accept()
            except OSError:
                return
            self._admit(client, address, name)

    def _serve(self, client: Client) -> bool:
        """Answer what has come on a connection; True when it may rest again."""
        parser = get_parser(self.cfg, client.socket, client.address)
        # Gunicorn would take up to 1 MiB at once, and copy what is left of it for each block we ask for.
        parser.unreader.max_body_chunk = BLOCK
        request = None
        try:
            while True:
                request = next(parser)
                client.reading = False
                parse_errors.require_known_coding(request)
                if not self._answer(request, client):
                    close_lingering(client.socket)
                    return False
                client.since, client.reading = time.monotonic(), True
                if not parser.finish_body():
                    return False
                if not parser.unreader.buf.tell():
                    return True
                request, client.since, client.reading = None, time.monotonic(), True
                gevent.sleep(0)  # a connection with the next request ready would never let the others in
        except (parsing.NoMoreData, StopIteration, OSError) as error:
            if client.late and request is None:
                self._refuse(client.socket, None, TOO_SLOW)
            else:
                log.debug("the client is gone: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001  whatever it was, the client gets an answer if it can
            self.handle_error(request, client.socket, client.address, error)
        return False

    def _answer(self, request: Any, client: Client) -> bool:
        """Answer one request; False when the connection must close."""
        response = Response(request, client.socket, self.cfg)
        environ = self._environ(request, client)
        environ[CLOSE], environ[CUT] = response.force_close, client.cut
        if client.fresh:  # on a persistent connection no more is read than is answered
            environ[WAITED], client.fresh = seconds_since_data(client.socket), False
        if not self.alive:
            response.force_close()
        body = self.wsgi(environ, response.start_response)
        try:
            if getattr(body, "unbuffered", False):
                keep_little_unsent(client.socket)
                response.send_headers()
                response.flush()
            for block in body:
                response.write(block)
            response.close()
        except OSError:
            raise
        except Exception:
            if not response.headers_sent:
                raise
            # The head is sent: only a closed connection shows the client that the answer is not complete.
            log.exception("an answer broke off")
            return False
        finally:
            if hasattr(body, "close"):
                body.close()
        return not response.should_close()

    def _environ(self, request: Any, client: Client) -> dict[str, Any]:
        """The request as PEP 3333 has it; gunicorn's own makes anew what never changes, and hints that nobody gives."""
        if request._expected_100_continue:  # noqa: SLF001  gunicorn keeps it nowhere else
            client.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        major, minor = request.version
        (own_name, own_port), (name, port) = _place(client.listener), _place(client.address)
        environ = {
            **self._constants,
            "wsgi.input": request.body,
            "wsgi.url_scheme": request.scheme,
            "REQUEST_METHOD": request.method,
            "RAW_URI": request.uri,
            "SCRIPT_NAME": "",
            "PATH_INFO": util.unquote_to_wsgi_str(request.path),
            "QUERY_STRING": request.query,
            "SERVER_PROTOCOL": f"HTTP/{major}.{minor}",
            "SERVER_NAME": own_name,
            "SERVER_PORT": own_port,
            "REMOTE_ADDR": name,
            "REMOTE_PORT": port,
        }
        for field, value in request.headers:
            key = field.replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                key = f"HTTP_{key}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ

    def handle_error(self, req: object, client: object, addr: object, exc: BaseException) -> None:  # noqa: ARG002  gunicorn's
        """Answer what never became a request, in JSON: its header was not readable, so no Accept was."""
        self._refuse(client, getattr(req, "method", None), parse_errors.error_code_of(exc, _PARSE_ERRORS, log))

    def _refuse(self, client: object, method: str | None, error_code: ErrorCode) -> None:
        parse_errors.refuse(client, method, error_code, log, gateway=True)
        close_lingering(client)


class _Listener(StreamServer):  # type: ignore[misc]
    """A listening socket that hands connections over in the hub, and does not accept while `is_full`."""

    def __init__(self, listener: object, handle: Callable[[object, object], None]) -> None:
        super().__init__(listener, handle=handle, spawn=None)
        self.is_full: Callable[[], bool] = bool

    def full(self) -> bool:
        """Whether to leave connections to the other workers; the kernel keeps those that are not accepted."""
        return self.is_full()

    def reopen(self) -> None:
        """Accept again after having been full."""
        if not self.is_full():
            self.start_accepting()

    def do_close(self, *_: object) -> None:
        """Nothing: whom a connection was handed over to closes it."""
