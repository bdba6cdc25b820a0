"""The requests of one connection: parsed, answered by the WSGI application, one after the other."""

import logging
import os
import time
from collections.abc import Callable
from typing import Any

import gevent
from gunicorn.http import errors as parsing
from gunicorn.http import get_parser

from heartguard_common.runtime import parse_errors
from heartguard_gateway.bodies.spool import BLOCK
from heartguard_gateway.errors import TOO_SLOW
from heartguard_gateway.server.client_connections import Client
from heartguard_gateway.server.environ import constant_environ, make_environ
from heartguard_gateway.server.environ_keys import CLOSE, CUT, WAITED
from heartguard_gateway.server.parse_refusals import refuse, refuse_unparsed
from heartguard_gateway.server.response_writing import Response
from heartguard_gateway.sockets import keep_little_unsent, seconds_since_data

log = logging.getLogger("heartguard.gateway")


class RequestLoop:
    """Answers the requests of connections; while `stopping`, each answer closes its own. `config` is gunicorn's."""

    def __init__(
        self,
        config: Any,
        application: Callable[..., Any],
        stopping: Callable[[], bool],
        give_away: Callable[[Any, Client], bool] = lambda *_: False,
    ) -> None:
        """`give_away` may give the connection of a parsed request to another process: True where it has."""
        self._give_away = give_away
        self._config = config
        self._application = application
        self._stopping = stopping
        self._constants = constant_environ(config)

    def serve(self, client: Client) -> bool:
        """Answer what has come on a connection; True when it waits for the next request, else close it."""
        parser = self._parser(client)
        request = None
        try:
            while True:
                request = next(parser)
                client.reading = False
                parse_errors.require_known_coding(request)
                if self._give_away(request, client):
                    return False
                if not self._answer(request, client):
                    client.end()
                    return False
                client.since, client.reading = time.monotonic(), True
                if not parser.finish_body():
                    return False
                if not parser.unreader.buf.tell():
                    return True
                request, client.since, client.reading = None, time.monotonic(), True
                gevent.sleep(
                    0
                )  # otherwise a connection whose next request is there already would keep all others waiting
        except (parsing.NoMoreData, StopIteration, OSError) as error:
            if client.late and request is None:
                refuse(client.socket, None, TOO_SLOW)
            else:
                log.debug("the client closed the connection: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001  of any kind: the client gets an answer where possible
            refuse_unparsed(client.socket, getattr(request, "method", None), error)
        return False

    def _parser(self, client: Client) -> Any:
        parser = get_parser(self._config, client.socket, client.address)
        parser.unreader.unread(client.received)
        client.received = b""
        # Gunicorn would take up to 1 MiB at once, and copy what is left of it for each block we ask for.
        parser.unreader.max_body_chunk = BLOCK
        return parser

    def _answer(self, request: Any, client: Client) -> bool:
        """Answer one request; False when the connection must close."""
        response = Response(request, client.socket, self._config)
        if request._expected_100_continue:  # noqa: SLF001  gunicorn keeps it nowhere else
            client.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = make_environ(self._constants, request, client)
        environ[CLOSE], environ[CUT] = response.force_close, client.cut
        if client.fresh:  # on a persistent connection no more is read than is answered
            environ[WAITED], client.fresh = seconds_since_data(client.socket), False
        if self._stopping():
            response.force_close()
        body = self._application(environ, response.start_response)
        try:
            _send(response, body, client)
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


def _send(response: Response, body: Any, client: Client) -> None:
    """Send an answer, or its head and give the connection to its body where that goes on with it."""
    if getattr(body, "unbuffered", False):
        keep_little_unsent(client.socket)
        response.send_headers()
        response.flush()
    if hasattr(body, "take_over"):
        client.given_away = True
        response.force_close()
        body.take_over(os.dup(client.socket.fileno()), chunked=response.chunked)
        return
    for block in body:
        response.write(block)
    response.close()
