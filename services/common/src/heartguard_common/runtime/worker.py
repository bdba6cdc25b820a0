"""Gunicorn's threaded worker, with our error responses, and answers that never wait for an unread body.

Stock gunicorn answers what it can't parse in HTML and quotes its parser. When an application answers without having
read a body, it announces a connection that goes on, and then closes it after 64 KiB; and it waits up to 2 s for the
peer in the one thread that accepts connections and hands requests out.
"""

import logging
import select
from concurrent.futures import Future
from typing import Any

from gunicorn.http import errors as parsing
from gunicorn.workers.gthread import ThreadWorker

from heartguard_common.core.errors import (
    EXPECTATION_FAILED,
    HEADERS_TOO_LARGE,
    NOT_HTTP,
    TARGET_TOO_LONG,
    UNKNOWN_CODING,
)
from heartguard_common.runtime import parse_errors, takeover
from heartguard_common.runtime.connection_closing import ClosingConnections

_PARSE_ERRORS: parse_errors.ErrorMapping = (
    (parsing.LimitRequestLine, TARGET_TOO_LONG),
    (parsing.LimitRequestHeaders, HEADERS_TOO_LARGE),
    (parsing.UnsupportedTransferCoding, UNKNOWN_CODING),
    (parsing.ExpectationFailed, EXPECTATION_FAILED),
    (parsing.ParseException, NOT_HTTP),
)
_DRAINED = 64 * 1024  # gunicorn reads less than this of an unread body, and keeps the connection
_FOLLOWS_MS = 2
_log = logging.getLogger("heartguard")


class ServiceWorker(ThreadWorker):  # type: ignore[misc]
    """The worker class of every service but the gateway."""

    def init_process(self) -> None:
        """As gunicorn's, which serves until the worker is stopped; with a thread for connections that end."""
        self.closing = ClosingConnections()
        super().init_process()

    def run(self) -> None:
        """As gunicorn's; then let clients that are still sending read the last answers."""
        super().run()
        self.closing.stop()

    def handle_exit(self, sig: int, frame: object) -> None:
        """As gunicorn's; where a successor accepts already, running requests get more time."""
        self.cfg.set("graceful_timeout", int(takeover.grace(self.cfg.graceful_timeout)))
        super().handle_exit(sig, frame)

    def handle(self, conn: Any) -> Any:
        """As gunicorn's; then also the requests that follow on the connection at once, while no other waits.

        Otherwise the connection goes back to the thread that hands requests out, for each request: two switches of
        threads, a pipe, and four system calls.
        """
        result = super().handle(conn)
        while result is True and self.alive and self.tpool._work_queue.empty() and _follows(conn):  # noqa: SLF001  gunicorn's
            result = super().handle(conn)
        return result

    def handle_request(self, req: Any, conn: Any) -> Any:
        """As gunicorn's; an answer to a body that was not read says that the connection ends."""
        parse_errors.require_known_coding(req)
        stock = req.should_close
        req.should_close = lambda: stock() or unread(req) >= _DRAINED
        return super().handle_request(req, conn)

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        """As gunicorn's, which would wait for the peer of a connection that ends."""
        ends = not fs.cancelled() and fs.exception() is None and fs.result() is False
        if ends:
            self.nr_conns -= 1
            self.closing.close(conn.sock)
        else:
            super().finish_request(conn, fs)

    def handle_error(self, req: object, client: object, addr: object, exc: BaseException) -> None:  # noqa: ARG002  gunicorn's
        """Answer what never became a request."""
        parse_errors.refuse(
            client, getattr(req, "method", None), parse_errors.error_code_of(exc, _PARSE_ERRORS, _log), _log
        )


def _follows(conn: Any) -> bool:
    """Whether the next request of a connection begins to arrive within `_FOLLOWS_MS`."""
    if conn.parser.unreader.buf.getvalue():
        return True
    watch = select.poll()
    watch.register(conn.sock, select.POLLIN)
    return bool(watch.poll(_FOLLOWS_MS))


def unread(request: Any) -> int:
    """How many bytes of a body are left; of a chunked one, whose length is unknown, more than gunicorn would read."""
    reader = request.body.reader
    length = getattr(reader, "length", None)
    if length is not None:
        return int(length)
    return 0 if getattr(reader, "parser", None) is None else _DRAINED
